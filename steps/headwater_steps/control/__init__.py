"""Steps that decide what runs: nested pipelines, loops, and one of several ways."""
