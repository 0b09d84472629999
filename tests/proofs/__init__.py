"""Attacks on the promise: one run, at most one reservation, whatever breaks; the ledger is the judge."""
