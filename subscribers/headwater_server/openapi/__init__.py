"""The description of the API (OpenAPI 3.1), made from the pipelines that are served, and a page that shows it."""
