"""An amount of money: a whole number of a currency's smallest unit, and the currency."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import total_ordering


@total_ordering
@dataclass(frozen=True)
class Money:
    """So many cents of USD, or øre of NOK; amounts of different currencies cannot be compared."""

    minor: int
    currency: str

    def __lt__(self, other: Money) -> bool:
        """Whether it is less; raises ValueError for another currency."""
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} cannot be compared with {other.currency}")
        return self.minor < other.minor

    def is_within(self, ceiling: Money | None) -> bool:
        """Whether it is *ceiling* at most, None for no limit; in another currency it is not."""
        return ceiling is None or (self.currency == ceiling.currency and self <= ceiling)

    @property
    def is_free(self) -> bool:
        """Whether nothing has to be paid."""
        return self.minor == 0

    @property
    def amount(self) -> str:
        """The amount as a person writes it: 7.50."""
        return f"{self.minor / 100:.2f}"

    def __str__(self) -> str:
        """Say it with its currency: 7.50 USD."""
        return f"{self.amount} {self.currency}"


def parse_money(text: str, currency: str) -> Money:
    """The amount in *text*, such as `7.50` or `$7.50`; raises ValueError when it is none.

    Every currency here has hundredths.
    """
    try:
        amount = Decimal(text.strip().lstrip("$"))
        if not amount.is_finite() or amount < 0 or amount != round(amount, 2):
            raise InvalidOperation
    except InvalidOperation:
        raise ValueError(f"{text!r} is not an amount of money; write it as 7.50") from None
    return Money(int(amount * 100), currency)
