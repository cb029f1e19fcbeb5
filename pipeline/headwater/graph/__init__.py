"""The structure of a pipeline: edges, the types on them, their checks, and the plan that follows."""
