"""What rec.us gives back for a booking that is cancelled, and where to (rec.us facts 3.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reserve.http import Answer
from reserve.money import Money
from reserve.systems.reading import NOTHING, Amount, Maybe, Readable, read
from reserve.systems.recus.answers import Part

# Where money can go, the usual way first -> its name in the answer, and in words.
DESTINATIONS = {
    "original_payment_methods": ("originalPaymentMethods", "to the card that paid, perhaps less a fee"),
    "account_credit": ("accountCredit", "as credit with the city"),
}


class Back(Part):
    """How much would go to one destination."""

    amount_cents: Maybe[Amount] = NOTHING


class Preview(Part):
    """What would be given back."""

    applicable: object
    refund_type: object = None
    eligible_destinations: Maybe[Readable[str]] = NOTHING
    destinations: Maybe[dict[str, Back]] = NOTHING


@dataclass(frozen=True)
class Refund:
    """What is given back, in words, and what has to be said to have it."""

    words: str
    body: Mapping[str, object] | None = None


def refund_in(answer: Answer, currency: str) -> Refund:
    """What *answer* says would be given back; raises `UnknownAnswer` when it says nothing of that."""
    preview = read(answer, Preview, "data")
    if not preview.applicable:
        return Refund("nothing is given back; rec.us says that of what was free")
    eligible = preview.eligible_destinations.value or ()
    where = next((each for each in DESTINATIONS if each in eligible), None)
    if where is None:
        return Refund("rec.us names no way that we know to give anything back")
    name, way = DESTINATIONS[where]
    back = (preview.destinations.value or {}).get(name, Back()).amount_cents.value
    kinds = {"full": "all is given back", "partial": "a part is given back", "zero": "nothing is given back"}
    kind = kinds.get(str(preview.refund_type), "something is given back")
    amount = "" if back is None else f", {Money(back, currency)}"
    return Refund(f"{kind}{amount} {way}", {"data": {"refundDestination": where}})
