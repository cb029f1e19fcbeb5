"""Events for web clients: server-sent events, WebSocket messages, and the plain form of an event that both can use."""
