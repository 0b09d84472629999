"""What the refusals of rec.us mean: all guessing about its words."""

from __future__ import annotations

from reserve.errors import LimitReached, NotOpenYet, NotVerified, SlotTaken
from reserve.systems.refusals import Words

# Only the daily limit is recorded (rec.us facts 4); the rest are the words of the web page and of documents
# about it. Whatever matches none of them stays unknown, and so does a court that is merely "not available":
# it may be taken, or not open yet.
REFUSALS: Words = (
    (r"(daily|weekly|booking) (booking )?limit|limit of \d+ reached|limit reached", LimitReached),
    (r"already (reserved|booked|taken)|no longer available", SlotTaken),
    (r"\b(yet|until|opens?)\b|too early|window|released at|in advance", NotOpenYet),
    (r"verif|totp|one-time|mobile code", NotVerified),
)  # fmt: skip
