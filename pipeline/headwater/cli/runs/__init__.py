"""The inside of `run` and `replay`: input, output, what is shown meanwhile."""
