"""Policies of steps: attempts, limits, and what stands in for an output."""
