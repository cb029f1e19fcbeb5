"""Pictures of a graph: as text, as SVG, as Mermaid."""
