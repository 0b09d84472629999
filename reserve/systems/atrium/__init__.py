"""Atrium, the API behind a landlord's portal."""
