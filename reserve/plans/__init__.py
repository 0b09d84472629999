"""What recurs: plans, what they mean, and which of their bookings are due."""
