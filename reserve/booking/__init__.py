"""One run, from booking request to reservation; `run` is where reading starts."""
