"""Checks of a graph: its structure, its types, and options without effect."""
