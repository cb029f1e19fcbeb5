"""A picture of an execution over time."""
