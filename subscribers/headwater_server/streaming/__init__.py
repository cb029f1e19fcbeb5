"""Events on their way to clients: encoded once, shared by all clients, and sent at the pace of each."""
