"""Waiting for the one-time code; one module for each source of codes."""
