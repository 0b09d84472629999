"""Telling the player: a notice lies in the outbox until a process of its own has told every channel."""
