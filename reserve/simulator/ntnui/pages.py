"""The pages of the simulated NTNUI site: the markup of 2017, door-code lines of 2023 (NTNUI facts 1 to 4).

Written as the site writes: ISO-8859-1, some letters as entities and some plain, and not well-formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

LETTERS = "iso-8859-1"
DOOR_CODE = "4711"
DAYS = ("Mandag", "Tirsdag", "Onsdag", "Torsdag", "Fredag", "L&oslash;rdag", "S&oslash;ndag")
REGULARS = ("Ødegård K.", "Spiller B.")
IN_DIALOG = """<div id="dialog-form" style="display:none;">
  <form name="login_information" method="post" action="./index.php?lang=no" onsubmit="return false">
    <input type="text" name="email" id="email" value="" maxlength="100" />
    <input type="password" name="password" id="password" value="" />
    <input type="hidden" name="lang" value="no" />
    <input type="checkbox" name="rememberme" id="rememberme" />
  </form>
</div>"""
SIGNED_IN = (
    '<a href="./logout.php?lang=no">Logg ut</a> <a href="./innstillinger.php?lang=no">Innstillinger</a>'
)
SIGNED_OUT = '<a href="#" id="login_link">Logg inn</a>'
UNHEARD_OF = "<html><body><h1>Velkommen til v&aring;r nye side</h1></body></html>"


@dataclass(frozen=True)
class Session:
    """One session: its weekly number, its start on the clock of the hall, and what it is called."""

    timeid: int
    start: datetime
    length: timedelta
    court: str

    @property
    def spilletid(self) -> str:
        """The start in links; the hour is not padded (facts 2)."""
        return f"{self.start:%Y%m%d}T{self.start.hour}:{self.start:%M:%S}"

    def link(self, **action: int) -> str:
        """The session's page, or with an action what that does."""
        actions = "".join(f"&amp;{name}={member}" for name, member in action.items())
        return f"./timeinfo.php?spilletid={self.spilletid}&amp;timeid={self.timeid}{actions}&amp;lang=no"


def page(title: str, content: str, *, signed_in: bool, free: Sequence[Session] = ()) -> bytes:
    """A whole page; `div#available_slots` is on every one of them (facts 3)."""
    icons = "".join(
        f'<span class="available_tip" title="&lt;strong&gt;{day(each.start.date())}&lt;/strong&gt;">'
        f'<a href="{each.link()}"><img src="graphics/PNG/ikon_ledig_time.png" alt="" /></a></span>'
        for each in free
    )
    html = f"""<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Transitional//EN" \
"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd">
<html xmlns="http://www.w3.org/1999/xhtml">
<head><meta http-equiv="content-type" content="text/html; charset=ISO-8859-1" /><title>{title}</title></head>
<body>
{IN_DIALOG}
<div id="wrapper">
<div id="header">{SIGNED_IN if signed_in else SIGNED_OUT}</div>
<div id="available_slots"><div>Middels: {icons}</div></div>
<div id="content">
{content}
</div>
<div id="footer">footer</div>
</div>
</body>
</html>"""
    return html.encode(LETTERS)


def home(notice: str, plan: Sequence[Session]) -> str:
    """The week plan, below a notice."""
    rows = "".join(
        f'<tr><td>{each.start.hour}:{each.start:%M}</td><td><span class="ledigtime">'
        f'<a href="{each.link()}">M</a></span></td></tr>'
        for each in plan
    )
    return f'{notice}<h4 id="treningsplan">Treningsplan</h4><table>{rows}</table>'


def session(about: Session, drop_ins: Sequence[str], below: str) -> str:
    """The table of a session, and what is below it."""
    regulars = "".join(
        f'<tr><td rowspan="1">{name}</td><td><span class="bekreftet">(kommer)</span></td></tr>'
        for name in REGULARS
    )
    others = "".join(f'<tr><td><span style="float:left;">{name}</span></td></tr>' for name in drop_ins or "-")
    end = about.start + about.length
    hours = f"{about.start.hour}:{about.start:%M}-{end.hour}:{end:%M}"
    return f"""<h4>&Oslash;kt</h4>
<table>
<tr><th>Timeinformasjon</th><th></th></tr>
<tr><td>Dato:</td><td>{day(about.start.date())}</td></tr>
<tr><td>Klokkeslett:</td><td>{hours}</td></tr>
<tr><td>Sted:</td><td><a href="http://127.0.0.1/kart">Hallen</a></td></tr>
<tr><td>Bane:</td><td>{about.court}</td></tr>
<tr><td>Niv&aring;:</td><td>Middels</td></tr>
<tr><td>Ukens tema:</td><td>-</td></span></tr>
<tr><td>Faste spillere ({len(REGULARS)} stk.)</td></tr>{regulars}
<tr><td>Vikarer ({len(drop_ins)} stk.)</td></tr>{others}
</table>
{below}"""


def places(free: int, here: str | None = None) -> str:
    """How many places are free, and where to take one, for whom there is a link."""
    number = free or "ingen"
    words = "ledig plass" if free == 1 else "ledige plasser"
    link = f' Trykk <a href="{here}">her</a>.' if here else ""
    return f"<p>N&aring;: <strong>{number}</strong> {words}.{link}</p>"


def countdown_html(left: timedelta) -> str:
    """How long until drop-in, in words and whole minutes."""
    minutes = int(left.total_seconds() // 60)
    days, hours, minutes = minutes // 1440, minutes // 60 % 24, minutes % 60
    units = (
        (days, "dag" if days == 1 else "dager"),
        (hours, "time" if hours == 1 else "timer"),
        (minutes, "minutt" if minutes == 1 else "minutter"),
    )
    words = [f"{number} {unit}" for number, unit in units if number] or ["0 minutter"]
    in_words = " og ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words)
    return f"<p>&Aring;pnes for <i>&ldquo;drop in&rdquo;</i> om <strong>{in_words}</strong>.</p>"


def door_code(*, padel: bool) -> str:
    """What only those who are signed up may read (facts 4)."""
    tennis = f"<p><strong>Kode for tilgang til bygget:</strong> {DOOR_CODE}</p>"
    return f"<p>Bruk hovedinngangen, eller kode {DOOR_CODE}.</p>" if padel else tennis


def give_up(link: str) -> str:
    """What leads who is signed up to giving the place up; the words around the link are a guess (facts 2)."""
    return f'\n<p>Meld av: <a href="{link}">her</a>.</p>'


def day(when: date) -> str:
    """A day without its year, as the site writes it."""
    return f"{DAYS[when.weekday()]}&nbsp;{when.day}/{when.month}"
