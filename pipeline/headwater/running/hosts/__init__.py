"""Step hosts: what drives the steps of a segment, and what they read and write."""
