"""The structure of a pipeline: edges, their types and checks, and the plan."""
