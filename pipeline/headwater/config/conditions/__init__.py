"""Conditions as data, compiled to predicates of items and of batches."""
