"""The notations of documents: JSON and YAML text with the position of each value."""
