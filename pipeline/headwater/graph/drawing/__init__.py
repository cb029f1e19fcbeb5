"""Drawings of a graph: text, SVG, Mermaid and DOT."""
