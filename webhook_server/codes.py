"""The one-time code in a text."""

from __future__ import annotations

import re

LONGEST = 2000  # characters of a text that are searched; ten joined SMS have about 1500

# Four to eight digits that are no part of a longer number, an amount, a date or a name.
_CODE = r"(?<![\w/$#+-])(?<![0-9][.,:])([0-9]{4,8})(?!\w|[.,:/-][0-9])"
_CALLED_CODE = r"(?:code|\botp|\bpin)\b"

# Numbers that look like a code and are something else.
_OTHER_NUMBERS = re.compile(
    "|".join(
        [
            r"(?<!\S)\S*/\S*",  # the address of a page
            r"(?:[$€£]|\b(?:usd|eur))\s?\d+",
            r"(?<![\d.,])\d+(?:[.,]\d+)*\s?(?:usd|eur|dollars?|points?)\b",
            r"\b\d+[ -]?(?:second|minute|hour|day|week|month|year|sec|min)s?\b",
            r"\+\d{1,3}(?:[ ()-]{1,2}\d{2,6}){2,3}(?!\d)|\b\d{3} \d{4}\b",  # phone numbers
            r"\b(?:reply|text|sen[dt])\b[^\d.!?\n]{0,30}\bto\s\d+",
            r"\b(?:call|dial|contact)(?:\sus)?(?:\sat|\son)?\s\d+",
            r"\b(?:order|ref(?:erence)?|invoice|ticket|receipt|permit|booking|reservation|account|card|member)"
            r"(?:\s(?:no\.?|number|id|is|ending|in|with)(?!\w))*[\s:#]+\d+",
            r"\b(?:zip|postal|area|short|promo|coupon|discount|gate|door|error)\scode(?:\sis)?\W{1,3}\d+",
        ]
    ),
    re.IGNORECASE,
)

# From the plainest to the vaguest; the first is how rec.us writes (rec.us facts 3.2).
_WORDINGS = [
    re.compile(rf"{_CALLED_CODE}(?:\sis)?[:=\s]*{_CODE}", re.IGNORECASE),
    re.compile(rf"{_CODE}\sis\s(?:your|the)\b", re.IGNORECASE),
    re.compile(rf"(?!(?:19|20)\d\d\b){_CODE}"),  # any number but a year
]
_SPEAKS_OF_A_CODE = re.compile(rf"{_CALLED_CODE}|\bverif|\brec\.us\b", re.IGNORECASE)
_NOTHING_ELSE = re.compile(rf"\A\s*{_CODE}\s*\Z")


def code_in(text: str) -> str | None:
    """The one-time code in *text*: four to eight digits, or None if there is none or no telling which."""
    text = _OTHER_NUMBERS.sub(" ", text[:LONGEST])
    for wording in _WORDINGS if _SPEAKS_OF_A_CODE.search(text) else [_NOTHING_ELSE]:
        if found := set(wording.findall(text)):
            return found.pop() if len(found) == 1 else None
    return None
