"""Documents: from JSON or YAML to a checked spec, with every problem reported at once."""
