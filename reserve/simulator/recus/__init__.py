"""A simulated rec.us."""
