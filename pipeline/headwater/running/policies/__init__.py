"""What happens when a step fails: further attempts, limits of time, and what stands in for its output."""
