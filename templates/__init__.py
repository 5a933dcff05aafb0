"""Jinja2 templates and text that mlfix writes."""
