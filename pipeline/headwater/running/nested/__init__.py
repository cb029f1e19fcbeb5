"""Nested pipelines, which run within the execution of the step that holds them."""
