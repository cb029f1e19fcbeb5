"""The pipelines that a server offers."""
