"""The structure of a pipeline: its edges, their types, the checks of both, the plan that follows, and its drawings.

Edges: `edges` (written and implied), `ports`, `order`, `graph`. Types: `annotations`, `types`, `fitting` (adapters),
`resolve` (which method of each step runs), `mismatches` (what does not fit, in words), `checkers` (values while they
flow). Checks of the whole: `checks`, `options`, `stalls`. The plan: `plan`, `compile`, `segments`.

Drawings: `draw` for every style, by `views` (what is shown), `rails` (lines of text) and `svg`, whose places come from
`layers`, `layout` and `labels`.
"""
