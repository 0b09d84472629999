"""Whether a booking could work: what a check looks at, before anything is held, and its verdicts."""
