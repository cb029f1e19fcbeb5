"""Pipelines within steps, as they are loaded."""
