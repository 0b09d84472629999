"""A run drawn over time: made of what is stored in one place, drawn for a terminal and as a page."""
