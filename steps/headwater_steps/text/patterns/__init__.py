"""Patterns of documents: regular expressions that read any text in linear time."""
