"""A simulated NTNUI."""
