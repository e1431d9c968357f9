"""Verdicts in; rows, text, JSON and Markdown out."""
