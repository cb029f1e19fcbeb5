"""What the executions of a runner share."""
