"""Paying an order of rec.us: what is sent for it, and how a card is confirmed (rec.us facts 3.4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reserve.errors import LostAnswer, NotPaid, UnknownAnswer, Unreachable
from reserve.http import Answer, path_to
from reserve.model import Hold
from reserve.money import Money
from reserve.systems.base import Context
from reserve.systems.reading import fitting, read
from reserve.systems.recus.answers import Part
from reserve.systems.recus.orders import OrderPayment, money

UNPAID = ("requires_action", "requires_payment_method", "requires_confirmation", "canceled")
KINDS = {"credit": "organization-credit", "card": "card-online"}
EMPTY_PAYMENT: Mapping[str, object] = {"pays_with_an_empty_body": True}  # details of an order made as in 2025
EMPTY_BODY: Mapping[str, object] = {"data": {}}
SETTLED_AT_ONCE: Mapping[str, object] = {"is_settled": True}  # details of one that was paid when it was made


class Gateway(Part):
    """What Stripe needs to confirm a payment; nothing without a card."""

    payment_methods: object


def was_settled(hold: Hold) -> bool:
    """Whether nobody need pay for *hold*."""
    return SETTLED_AT_ONCE.items() <= hold.details.items()


def pays_with_an_empty_body(hold: Hold) -> bool:
    """Whether nothing is said of how *hold* is paid, nor of how much, as in 2025."""
    return EMPTY_PAYMENT.items() <= hold.details.items()


def payment(price: Money, pay: str) -> dict[str, object]:
    """The body that pays *price*, in the way `--pay` says."""
    kind = "free" if price.is_free else KINDS[pay]
    return {"data": {"payments": [{"paymentMethodType": kind, "amountCents": price.minor}]}}


def secrets_in(value: object) -> Iterator[str]:
    """Every secret of a card payment in *value*, however deep, before any of it is kept."""
    if isinstance(value, dict):
        if isinstance(secret := value.get("clientSecret"), str):
            yield secret
        value = list(value.values())
    for each in value if isinstance(value, list) else ():
        yield from secrets_in(each)


def confirm_card(context: Context, hold: Hold, paid: Answer) -> None:
    """Have Stripe charge the card, as the answer *paid* says, once; raises `NotPaid` if it will not.

    Nothing is charged when that answer names another amount than the price of *hold*.
    """
    told = fitting(paid.json(), OrderPayment, "included.payments.0") or OrderPayment()
    if told.amount is not None and money(told.amount, told.currency) != hold.price:
        raise NotPaid(f"{hold}: the card would be charged another amount than {hold.price}")
    where = "included.payments.0.gatewayData"
    if not read(paid, Gateway, where).payment_methods:
        raise NotPaid(f"{hold}: the account has no card")
    intent, secret, card = (
        read(paid, str, f"{where}.{name}")
        for name in ("paymentIntentId", "clientSecret", "paymentMethods.0.id")
    )
    addresses = context.addresses
    stripe = context.connect(
        addresses["STRIPE_API_URL"], {"Authorization": f"Bearer {addresses['RECUS_STRIPE_KEY']}"}
    )
    form = {"client_secret": secret, "payment_method": card, "return_url": addresses["RECUS_WEB_URL"]}
    try:
        answer = stripe.ask("POST", path_to("/v1/payment_intents/{id}/confirm", id=intent), form=form)
    except Unreachable as failure:  # but the pay has arrived, and must not be repeated
        raise LostAnswer(f"{hold}: the card payment could not be confirmed: {failure}") from failure
    finally:
        stripe.close()
    if 400 <= answer.status < 500 and answer.status != 429:
        raise NotPaid(f"{hold}: the card was refused ({answer.status})")
    status = read(answer, object, "status") if answer.is_good else f"refused ({answer.status})"
    if status in UNPAID:
        raise NotPaid(f"{hold}: the card payment wants more than this program can do ({status})")
    if status not in ("succeeded", "processing"):
        raise UnknownAnswer(f"{hold}: the card payment is not settled; it says {status!r}")
