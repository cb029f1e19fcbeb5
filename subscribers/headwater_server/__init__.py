"""The server: pipelines over HTTP, SSE and WebSocket, with a monitor in the browser."""
