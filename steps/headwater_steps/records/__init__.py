"""Steps for records: objects with fields, such as the rows of a table.

`fields` picks, renames, sets and drops fields; `validation` checks items by a JSON Schema; `joining` adds what a table
has for the key of an item.
"""
