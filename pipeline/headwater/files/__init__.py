"""Files that steps open: which ones they may, and how."""
