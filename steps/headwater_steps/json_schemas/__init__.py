"""JSON Schemas (draft 2020-12) that are safe to check any item with."""
