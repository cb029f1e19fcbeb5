"""What requests bring and answers carry: JSON, and typed streams as lines, SSE or bytes."""
