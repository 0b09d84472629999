"""What outlives a process: runs, plans and secrets, in one database."""
