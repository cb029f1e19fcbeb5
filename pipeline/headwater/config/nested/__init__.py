"""Pipelines that steps hold as params."""
