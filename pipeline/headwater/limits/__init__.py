"""Limits of the work that a document may take, and patterns that keep within them."""
