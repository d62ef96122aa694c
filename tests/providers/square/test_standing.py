"""What Square's subscription and its invoices say: is it paid, through when, since when is it owed."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest

from paylattice import SubscriptionStatus
from paylattice.providers.square.catalog import variation_from
from paylattice.providers.square.states import Known, subscription_from

from .samples import action, invoice, phase, subscription, unpaid, variation

S = SubscriptionStatus
NOW = datetime(2026, 10, 21, 14, tzinfo=UTC)


def here(month: int, day: int, year: int = 2026) -> datetime:
    """The beginning of a day in Los Angeles, in summer."""
    return datetime(year, month, day, 7, tzinfo=UTC)


START, ENDS = here(10, 5), datetime(2026, 11, 5, 8, tzinfo=UTC)
"""The period that was invoiced last; the clocks are put back before it ends."""
CREATED = datetime(2026, 10, 5, 10, 0, 1, tzinfo=UTC)
PLAIN: dict[str, Any] = {"start_date": "2026-09-05", "charged_through_date": "2026-11-04"}
TRIAL = variation(phase(0, "MONTHLY", periods=1), phase(1900, ordinal=1))
MADE = {"created_at": "2026-10-05T10:00:01Z"}


def declined(due: str = "2026-10-05", **changes: Any) -> dict[str, Any]:
    """The card on file could not be charged: Square asks the customer to pay."""
    return unpaid(due=due, **{**MADE, **changes})


def sent(due: str) -> dict[str, Any]:
    return unpaid(due=due, **MADE)


class Facts(NamedTuple):
    """What is expected."""

    status: SubscriptionStatus
    paid: datetime | None = None
    failed: datetime | None = None
    trial_end: datetime | None = None
    ended: datetime | None = None


NO_CARD = {"card_id": None}

TABLE: dict[str, tuple[dict[str, Any], list[dict[str, Any]] | None, dict[str, Any], Facts]] = {
    "a paid period": ({}, [invoice(**MADE)], {}, Facts(S.ACTIVE, ENDS)),
    "a paid period, some of it given back": ({}, [invoice(status="REFUNDED")], {}, Facts(S.ACTIVE, ENDS)),
    "a renewal that is under way": ({}, [invoice(status="PAYMENT_PENDING"), invoice()], {}, Facts(S.ACTIVE, START)),
    "a renewal that the card refused": ({}, [declined(), invoice()], {}, Facts(S.PAST_DUE, START, CREATED)),
    "two renewals that the card refused": (
        {},
        [declined(), declined(due="2026-09-05", created_at="2026-09-05T10:00:01Z"), invoice()],
        {},
        Facts(S.PAST_DUE, None, datetime(2026, 9, 5, 10, 0, 1, tzinfo=UTC)),
    ),
    "a refused renewal whose invoice does not say when it was made": (
        {},
        [declined(created_at=None), invoice()],
        {},
        Facts(S.PAST_DUE, START, START),
    ),
    "an invoice that was sent and is not due": (NO_CARD, [sent("2026-10-30"), invoice()], {}, Facts(S.ACTIVE, START)),
    "an invoice that was sent and is overdue": (
        NO_CARD,
        [sent("2026-10-12"), invoice()],
        {},
        Facts(S.PAST_DUE, START, here(10, 13)),
    ),
    "a first invoice that nobody paid": (NO_CARD, [sent("2026-10-12")], {}, Facts(S.INCOMPLETE, None, here(10, 13))),
    "a first charge that was refused": ({}, [declined()], {}, Facts(S.INCOMPLETE, None, CREATED)),
    "a trial": (
        {"start_date": "2026-10-05", "charged_through_date": None},
        [],
        TRIAL,
        Facts(S.TRIALING, ENDS, None, ENDS),
    ),
    "a trial that became a paid month": ({}, [invoice(**MADE)], TRIAL, Facts(S.ACTIVE, ENDS, None, START)),
    "a trial whose first charge was refused": ({}, [declined()], TRIAL, Facts(S.PAST_DUE, START, CREATED, START)),
    "a trial whose first invoice is not made yet": (
        {"charged_through_date": None},
        [],
        TRIAL,
        Facts(S.ACTIVE, START, None, START),
    ),
    "a pause that is to come": ({"actions": [action("PAUSE")]}, [invoice()], {}, Facts(S.ACTIVE, ENDS)),
    "a pause": ({"status": "PAUSED"}, [], {}, Facts(S.PAUSED)),
    "canceled": (
        {"status": "CANCELED", "canceled_date": "2026-10-10"},
        [],
        {},
        Facts(S.CANCELED, ended=here(10, 11)),
    ),
    "completed": (
        {"status": "COMPLETED", "completed_date": "2026-10-10"},
        [],
        {},
        Facts(S.EXPIRED, ended=here(10, 10)),
    ),
    "what an event says, without its invoices": ({}, None, {}, Facts(S.ACTIVE, ENDS)),
}


@pytest.mark.parametrize("case", TABLE)
def test_the_facts_of(case: str) -> None:
    changes, invoices, plan, expected = TABLE[case]
    ids = [f"inv:{number}" for number in range(len(invoices or ()))]
    known = Known(NOW, variation_from(plan or variation()), invoices)
    found = subscription_from(subscription(**{**PLAIN, "invoice_ids": ids, **changes}), known)
    told = Facts(found.status, found.paid_through, found.payment_failed_at, found.trial_end, found.ended_at)
    assert told == expected
