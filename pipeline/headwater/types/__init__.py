"""Types of edges: which fit which, and the checks of values at run time."""
