"""The structure of a pipeline: its edges, their types, and the checks of both."""
