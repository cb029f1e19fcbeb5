"""Events on a terminal."""
