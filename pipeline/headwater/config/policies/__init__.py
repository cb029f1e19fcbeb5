"""The keys of a step that say what may happen when it fails, waits or repeats itself."""
