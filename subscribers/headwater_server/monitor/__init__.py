"""The monitor: a page in the browser that starts pipelines and shows their executions."""
