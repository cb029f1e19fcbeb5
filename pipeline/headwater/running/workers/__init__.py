"""Workers: threads and processes in which steps run."""
