"""What a pipeline and a result show of themselves, for people and for programs."""
