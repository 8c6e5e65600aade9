"""Exact rational initializations by name."""
