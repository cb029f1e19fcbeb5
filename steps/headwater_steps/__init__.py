"""The steps that ship with Headwater, in rooms by the prefix of their kinds.

- `sources` (`source.*` and `file.*`) and `sinks` (`sink.*`) read and write; `files` is what they share,
- `streams` (`stream.*`) works on items of any type and on records, `json_schemas` is what `stream.validate` needs,
- `text` (`text.*`) works on text,
- `control` (`control.*`) decides what runs,
- `http` (`http.*`, `source.http`) requests servers, `process` (`process.*`, `source.process`) runs programs.

A document names a step by its kind, such as `text.words`; a program imports it, such as
`from headwater_steps.text import words`.
"""
