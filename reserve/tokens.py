"""Refresh tokens: what a booking system gives us to sign in with the next time."""

from __future__ import annotations

from contextlib import AbstractContextManager

from reserve.signals import held_back


class Tokens:
    """The refresh tokens of one player; these live as long as the run."""

    def __init__(self, *tokens: str) -> None:
        """Begin with *tokens*, best first."""
        self._tokens = tokens

    def alone(self) -> AbstractContextManager[None]:
        """Inside, nobody else renews them, and a request to stop waits: a new one must be kept before."""
        return held_back()

    def kept(self) -> tuple[str, ...]:
        """What may still be good, best first."""
        return self._tokens

    def replace(self, token: str) -> None:
        """Keep *token* instead; the others are forgotten only when it is surely kept."""
        self._tokens = (token,)
