"""A simulated Atrium."""
