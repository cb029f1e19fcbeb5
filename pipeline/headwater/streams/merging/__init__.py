"""Several edges that meet in one port, under each merge policy."""
