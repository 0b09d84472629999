"""The log stays small, whatever strangers do."""

import logging

from webhook_server.log_limit import LINES, LogLimit


def shown(limit: LogLimit, message: str, *args: object, at: float) -> str | None:
    """What becomes of a line written at this second."""
    record = logging.LogRecord("webhook_server", logging.WARNING, __file__, 1, message, args, None)
    record.created = at
    return record.getMessage() if limit.filter(record) else None


def test_of_a_flood_of_lines_a_few_are_shown_and_the_next_minute_says_how_many_were_not() -> None:
    limit = LogLimit()

    first = [shown(limit, "refused %s: not found", "/webhook", at=600 + n / 2000) for n in range(10_000)]
    later = [shown(limit, "refused %s: not found", "/webhook", at=661 + n) for n in range(2)]

    assert [line for line in first if line] == ["refused /webhook: not found"] * LINES
    left_out = f"({10_000 - LINES} more like this were not shown)"
    assert later == [f"refused /webhook: not found {left_out}", "refused /webhook: not found"]


def test_another_kind_of_line_is_shown_all_the_same() -> None:
    limit = LogLimit()
    for text_id in range(100):
        shown(limit, "text %s from smspool", text_id, at=600)

    assert shown(limit, "text %s from smspool", 100, at=600) is None
    assert shown(limit, "text %s from twilio", 101, at=600) == "text 101 from twilio"


def test_there_is_no_way_around_the_limit_by_many_kinds_of_lines() -> None:
    limit = LogLimit()
    letters = [f"{a}{b}" for a in "abcdefghijklmnopqrst" for b in "abcdefghijklmnopqrst"]

    assert len([line for kind in letters if (line := shown(limit, kind, at=600))]) < 150
