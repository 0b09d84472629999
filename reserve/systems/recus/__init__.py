"""rec.us, where San Francisco rents out its courts."""
