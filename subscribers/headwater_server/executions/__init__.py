"""The executions that a server runs and keeps."""
