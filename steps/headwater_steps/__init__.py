"""The steps that ship with Headwater, by family.

`sources` and `sinks` read and write files (`files` is what they share), `shaping` works on streams of anything,
`records` on items with fields, `text` on texts; `web` asks HTTP servers, and `process` runs programs.

A document names them by kind, such as `text.words`; a program imports them from their modules, such as
`from headwater_steps.text import words`.
"""
