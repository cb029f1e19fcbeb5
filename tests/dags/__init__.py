"""Random pipelines, run by the engine and by a plain interpreter."""
