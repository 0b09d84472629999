"""What the refusals of rec.us mean: all guessing about its words, which depends on what was asked."""

from __future__ import annotations

from reserve.errors import LimitReached, LostAnswer, NotOpenYet, NotPaid, NotVerified, SlotTaken
from reserve.systems.refusals import Words

ENTER_CODE = "/v1/users/mobile-totp/verify"
SEND_CODE = "/v1/users/mobile-totp/send"
LIMITS = r"(daily|weekly|booking) (booking )?limit|limit of \d+ reached|limit reached"

# Only the daily limit is recorded (rec.us facts 4); the rest are the words of the web page and of documents
# about it. Whatever matches none of them stays unknown, and so does a court that is merely "not available":
# it may be taken, or not open yet.
OF_A_COURT: Words = (
    (LIMITS, LimitReached),
    (r"already (reserved|booked|taken)|no longer available", SlotTaken),
    (r"\b(yet|until|opens?)\b|too early|window|released at|in advance", NotOpenYet),
    (r"verif|totp|one-time|mobile code", NotVerified),
)  # fmt: skip
# A card, too, may want to be verified, or authenticated: by its bank, which no one-time code of ours helps.
OF_A_PAYMENT: Words = (
    (r"already (been )?(paid|settled|completed)", LostAnswer),
    (r"\bcards?\b|authenticat|payment (method|verif)|3-?d.?secure|declin|insufficient|\bbank\b", NotPaid),
    (LIMITS, LimitReached),
    (r"verif|totp|one-time|mobile code", NotVerified),
)  # fmt: skip


def words_for(asked: str) -> Words:
    """What the words of a refusal mean to who *asked*; what is said about a code, nobody has recorded."""
    if asked.endswith((ENTER_CODE, SEND_CODE)):
        return ()
    return OF_A_PAYMENT if asked.endswith("/pay") else OF_A_COURT
