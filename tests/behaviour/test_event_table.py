"""Every cell of the table of events: a run at the simulated provider makes the event arrive, once, at whose it is."""

from datetime import timedelta

import pytest

from paylattice import EventType, InvoiceReason
from paylattice.event_table import EVENTS, told_at

from . import event_stories
from .differences import PROVIDERS
from .event_stage import CLASSES, STORIES, Cell, Story, Told, play

CELLS: list[Cell] = [
    (name, str(word))
    for name in PROVIDERS
    for word in EventType
    if told_at(word, CLASSES[name].sends, CLASSES[name].never_leads_to) != "never"
]
MODES = pytest.mark.parametrize("unruly", [False, True], ids=["in order", "twice, the last first"])

CLAIMED = {
    ("paypal", word)
    for word in (
        *("checkout.pending", "checkout.failed", "checkout.expired"),
        *("payment_method.attached", "payment_method.detached"),
    )
}
"""Where a buyer's browser could have written the customer's id: the handler gets it as ``context.claimed_customer``."""
NOBODYS = {("paypal", f"invoice.{word}") for word in ("created", "updated", "voided", "payment_recorded")}
"""The invoices of PayPal's Invoicing are for an e-mail address."""
_OBJECTS = ("customer", "subscription", "invoice", "payment", "refund", "dispute", "payment_method", "checkout_session")


def _named(cell: Cell) -> str:
    return "-".join(cell)


def _whose(cell: Cell, told: Told) -> str | None:
    if cell in NOBODYS:
        assert (told.context.customer, told.context.claimed_customer) == (None, None)
        return "org"
    customer = told.context.claimed_customer if cell in CLAIMED else told.context.customer
    assert cell not in CLAIMED or told.context.customer is None
    return None if customer is None else customer.org_id


@MODES
@pytest.mark.parametrize("cell", CELLS, ids=_named)
def test_the_event_arrives_once_at_whose_it_is(cell: Cell, *, unruly: bool) -> None:
    name, word = cell
    if cell not in STORIES:
        pytest.fail("no story shows that this event arrives")
    played = play(name, STORIES[cell], unruly=unruly)
    found = [(_whose(cell, each), each) for each in played.told.get(word, [])]
    owners = [owner for owner, _ in found]
    assert owners.count("org") == 1, f"{owners}; told were {sorted(played.told)}"
    assert set(owners) <= {"org", "other"}
    told = next(each for owner, each in found if owner == "org")
    stored = told.context.subscription
    about = None if word.startswith(("customer.", "payment_method.")) else played.subscription_id
    assert (stored and stored.external_subscription_id) == about
    row = EVENTS[EventType(word)]
    held = {each for each in _OBJECTS if getattr(told.event, each) is not None}
    assert {*row.carries, *(("subscription",) if about else ())} <= held, "it lacks an object that the table promises"


def test_no_story_shows_what_the_table_does_not_claim() -> None:
    assert set(STORIES) - set(CELLS) == set()


_S, _R, _C = event_stories, InvoiceReason.RENEWAL, InvoiceReason.CHANGE
PAID: list[tuple[str, Story, InvoiceReason, int]] = [
    *((name, _S.a_subscription_begins, InvoiceReason.FIRST, 1) for name in PROVIDERS),
    *((name, _S.a_period_begins, _R, 1) for name in PROVIDERS),
    *((name, _S.a_year_is_paid, _C if name in {"memory", "stripe"} else _R, 12) for name in PROVIDERS),
]


@MODES
@pytest.mark.parametrize(("name", "story", "reason", "months"), PAID)
def test_a_paid_period_says_why_from_when_to_when_and_by_what(
    name: str, story: Story, reason: InvoiceReason, months: int, *, unruly: bool
) -> None:
    played = play(name, story, unruly=unruly)
    (event,) = [each.event for each in played.told["invoice.paid"] if each.org_id == "org"]
    (payment,) = [each.event.payment for each in played.told["payment.succeeded"] if each.org_id == "org"]
    invoice = event.invoice
    assert invoice is not None
    assert payment is not None
    assert (invoice.reason, invoice.payment_ids) == (reason, (payment.id,))
    assert invoice.period_start is not None
    assert invoice.period_end is not None
    assert (invoice.period_end - invoice.period_start) / timedelta(days=365.25 / 12) == pytest.approx(months, abs=0.1)


@pytest.mark.parametrize("name", ["stripe", "paypal"])
def test_an_invoice_that_was_written_by_hand_says_so(name: str) -> None:
    (told,) = play(name, _S.an_invoice_by_hand_is_paid, unruly=False).told["invoice.paid"]
    assert told.event.invoice is not None
    assert (told.event.invoice.reason, told.event.invoice.period_end) == (InvoiceReason.MANUAL, None)
