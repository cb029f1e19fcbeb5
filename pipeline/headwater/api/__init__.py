"""What a program holds: pipelines, runners, executions and results."""
