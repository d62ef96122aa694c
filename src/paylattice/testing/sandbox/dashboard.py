"""The dashboard: what there is, what was delivered, and everything that can happen next."""

from collections.abc import Sequence

from .desks import Desk, Listing, Row
from .html import Markup, button, document, element, field, form, table
from .outbox import Outbox, Posted

__all__ = ["dashboard_page"]

_SHOWN = 50
_FIRST = 8
_DO = "/_/do/"


def dashboard_page(desk: Desk, outbox: Outbox, base: str, notice: str = "", *, bad: bool = False) -> bytes:
    """The dashboard.

    Args:
        desk: the provider.
        outbox: its webhooks.
        base: where the sandbox is served.
        notice: what just happened.
        bad: whether that was bad news.
    """
    told = [element("p", notice, class_="card notice bad" if bad else "card notice", role="status")] if notice else []
    sections = [_listing(desk, listing) for listing in desk.listings]
    titles = ["Clock", "Next", "Deliveries", *(each.title for each in desk.listings)]
    links = element("nav", [element("a", title, href=f"#{_anchor(title)}") for title in titles])
    head = element("header", element("h1", f"{desk.title}'s stand-in"), element("code", base))
    body = (head, links, told, _clock(desk), _next(desk), _deliveries(outbox), sections, _setting(desk, base))
    return document(f"{desk.title}'s stand-in", element("main", *body))


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _section(title: str, *content: Markup) -> Markup:
    return element("section", element("h2", title), *content, id=_anchor(title))


def _clock(desk: Desk) -> Markup:
    now = element("p", element("strong", f"{desk.stand_in.now:%A, %d %B %Y, %H:%M} UTC"))
    steps = [form(f"{_DO}advance", button(label), **by) for label, by in _STEPS]
    return _section("Clock", now, element("div", steps, class_="row"))


_STEPS = (
    ("+1 hour", {"hours": "1"}),
    ("+1 day", {"days": "1"}),
    ("+1 week", {"days": "7"}),
    ("+1 month", {"months": "1"}),
)


def _next(desk: Desk) -> Markup:
    reasons = field("The bank declines", "code", desk.declines[0], choices=desk.declines)
    times = field("times", "times", "1", kind="number")
    plan = [
        field("A plan", "id"),
        field("costs", "amount"),
        field("currency", "currency", "USD"),
        field("every", "interval", "month", choices=("day", "week", "month", "year")),
        field("days of trial", "trial_days", "0", kind="number"),
    ]
    once = [
        form(f"{_DO}require_authentication", button("Authenticate the next payment")),
        form(f"{_DO}delay_refund", button("Delay the next refund")),
        form(f"{_DO}lose_answer", button("Lose the next answer")),
    ]
    return _section(
        "Next",
        form(f"{_DO}decline", reasons, times, button("Decline the next payments")),
        element("div", once, class_="row"),
        form(f"{_DO}add_plan", plan, button("Offer")),
    )


def _deliveries(outbox: Outbox) -> Markup:
    if outbox.url is None:
        return _section("Deliveries", element("p", "No webhook URL was given: deliveries wait.", class_="empty"))
    disorder = [
        form(f"{_DO}misbehave", button(label), how=how)
        for label, how in (("Lose the next", "lose"), ("Double the next", "double"), ("Shuffle the next", "shuffle"))
    ]
    posted = outbox.posted
    failed = sum(not each.ok for each in posted)
    count = f"{len(posted)} to {outbox.url}" + (f", {failed} of them without success" if failed else "")
    return _section("Deliveries", element("p", count), element("div", disorder, class_="row"), *_posted(posted))


def _posted(posted: Sequence[Posted]) -> list[Markup]:
    headings = ("at", "event", "id", "answer", " ")
    rows = [
        (
            f"{each.at:%H:%M:%S}",
            each.type,
            element("code", each.event_id),
            element("span", each.answer, class_="good" if each.ok else "bad"),
            form(f"{_DO}redeliver", button("Deliver again"), id=each.event_id),
        )
        for each in posted[:_SHOWN]
    ]
    shown = [table(headings, rows[:_FIRST], "Nothing was delivered yet.")]
    if len(rows) > _FIRST:
        older = table(headings, rows[_FIRST:], "")
        shown.append(element("details", element("summary", f"{len(rows) - _FIRST} older"), older))
    return shown


def _listing(desk: Desk, listing: Listing) -> Markup:
    rows = list(reversed(desk.stand_in.objects(listing.kind)))[:_SHOWN]
    headings = [*listing.columns, *([" "] if listing.buttons else [])]
    cells = [[*_cells(listing, row), *([_buttons(listing, row)] if listing.buttons else [])] for row in rows]
    return _section(listing.title, table(headings, cells, "None yet."))


def _cells(listing: Listing, row: Row) -> list[str]:
    texts = [read(row) for read in listing.columns.values()]
    return [element("code", texts[0]), *texts[1:]]


def _buttons(listing: Listing, row: Row) -> list[Markup]:
    identifier = str(row.get("id") or row.get("dispute_id"))
    return [
        form(f"{_DO}{action}", button(label), id=identifier, **more)
        for label, action, more, sensible in listing.buttons
        if sensible(row)
    ]


def _setting(desk: Desk, base: str) -> Markup:
    lines = "\n".join(f"{name}={value}" for name, value in desk.environment(base).items())
    return _section("Your application's environment", element("pre", element("code", lines)))
