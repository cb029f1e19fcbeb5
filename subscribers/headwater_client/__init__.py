"""The client of the server: executions elsewhere, with the surface of local ones."""
