"""The tennis group of NTNUI."""
