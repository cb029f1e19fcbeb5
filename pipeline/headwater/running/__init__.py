"""Executions: hosts, drivers, workers, and the objects that a program runs pipelines with."""
