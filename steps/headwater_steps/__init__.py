"""The steps that ship with Headwater: sources, text, shaping and sinks.

A document names them by kind, such as `text.words`; a program imports them from their modules, such as
`from headwater_steps.text import words`.
"""
