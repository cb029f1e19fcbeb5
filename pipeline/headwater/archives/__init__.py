"""Compressed data: its formats, and how it is read without loss."""
