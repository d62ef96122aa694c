"""What a subscription is: from itself, its plan's phases, and its newest invoices.

Non-payment never changes Square's status: a subscription with unpaid invoices stays ACTIVE, and Square keeps invoicing it.
So an ACTIVE one is looked at together with its invoices. https://developer.squareup.com/docs/subscriptions-api/overview.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta, tzinfo

import attrs

from ...jsonlike import JsonObject, children, identity, integer, text
from ...models import ScheduledChange, Subscription, SubscriptionItem, SubscriptionStatus
from ...money import Money
from .amounts import optional_money_from
from .catalog import Variation
from .periods import Calendar, Phase
from .standing import counting, failed_at, is_asked, is_owed, is_paid
from .times import day_of, midnight, moment_of, today, zone_of

__all__ = ["Known", "invoice_ids", "invoices_that_tell", "is_decided", "status_of", "subscription_from"]

STATUS: Mapping[str | None, SubscriptionStatus] = {
    "PENDING": SubscriptionStatus.INCOMPLETE,
    "ACTIVE": SubscriptionStatus.ACTIVE,
    "PAUSED": SubscriptionStatus.PAUSED,
    "DEACTIVATED": SubscriptionStatus.PAUSED,
    "CANCELED": SubscriptionStatus.CANCELED,
    "COMPLETED": SubscriptionStatus.EXPIRED,
}
"""https://developer.squareup.com/reference/square/enums/SubscriptionStatus. DEACTIVATED: Square stopped billing because of
the location or the customer's profile, not for non-payment; ``resume`` brings it back."""

ACTIONS: Mapping[str, str] = {
    "CANCEL": "cancel",
    "PAUSE": "pause",
    "RESUME": "resume",
    "SWAP_PLAN": "change_plan",
    "CHANGE_BILLING_ANCHOR_DATE": "change_billing_anchor",
    "COMPLETE": "complete",
}
"""https://developer.squareup.com/reference/square/enums/SubscriptionActionType"""

_OVER = frozenset({"CANCELED", "COMPLETED"})
_NEWEST = 3


@attrs.frozen
class Known:
    """What is known besides the subscription itself.

    Args:
        now: the time, aware.
        variation: the plan variation; None: not known.
        invoices: the newest, newest first; None: not read.
        timezone: the location's.
    """

    now: datetime
    variation: Variation | None = None
    invoices: Sequence[JsonObject] | None = None
    timezone: str | None = None


def invoice_ids(data: JsonObject) -> tuple[str, ...]:
    """The subscription's invoices, newest first."""
    value = data.get("invoice_ids")
    return tuple(one for one in value if isinstance(one, str) and one) if isinstance(value, list) else ()  # pyright: ignore[reportUnknownVariableType] - a list of whatever came


def invoices_that_tell(data: JsonObject) -> tuple[str, ...]:
    """The invoices that tell whether the subscription is paid for: the newest, and the first, which says if it ever was."""
    ids = invoice_ids(data)
    return tuple(dict.fromkeys((*ids[:_NEWEST], *ids[-1:])))


def is_decided(data: JsonObject, known: Known) -> bool:
    """Whether another invoice would say nothing more about the status."""
    if text(data, "status") != "ACTIVE" or _is_free(data, known):
        return True
    return any(is_paid(invoice) for invoice in known.invoices or ())


def status_of(data: JsonObject, known: Known) -> SubscriptionStatus:
    """The status."""
    status = STATUS.get(text(data, "status"), SubscriptionStatus.UNKNOWN)
    if status is not SubscriptionStatus.ACTIVE:
        return status
    if _is_trialing(data, known):
        return SubscriptionStatus.TRIALING
    if known.invoices is None or _is_free(data, known):
        return status
    return _status_by_invoices(data, known, known.invoices)


def _status_by_invoices(data: JsonObject, known: Known, invoices: Sequence[JsonObject]) -> SubscriptionStatus:
    found = counting(invoices)
    has_card = _has_card(data)
    if not found:
        return SubscriptionStatus.ACTIVE if has_card or invoices else SubscriptionStatus.INCOMPLETE
    newest, older = found[0], found[1:]
    if is_paid(newest):
        return SubscriptionStatus.ACTIVE
    owed = is_owed(newest, known.now, has_card=has_card)
    if not any(is_paid(invoice) for invoice in older):
        if not _had_trial(known):
            return SubscriptionStatus.INCOMPLETE
        return SubscriptionStatus.PAST_DUE if owed or older else SubscriptionStatus.ACTIVE
    if owed or is_asked(older[0]):
        return SubscriptionStatus.PAST_DUE
    return SubscriptionStatus.ACTIVE


def _has_card(data: JsonObject) -> bool:
    return bool(text(data, "card_id"))


def _had_trial(known: Known) -> bool:
    return known.variation is not None and any(phase.is_free for phase in known.variation.phases[:1])


# --- dates -------------------------------------------------------------------------------------------------------


def _zone(data: JsonObject, known: Known) -> tzinfo:
    return zone_of(text(data, "timezone") or known.timezone)


def _calendar(data: JsonObject, known: Known) -> Calendar | None:
    start = None if known.variation is None else day_of(data, "start_date")
    if start is None or known.variation is None:
        return None
    anchor = integer(data, "monthly_billing_anchor_date") or known.variation.anchor
    fits = anchor is not None and 1 <= anchor <= 31  # noqa: PLR2004 - a day of a month
    return Calendar(start, known.variation.phases, anchor if fits else None)


def _own_price(data: JsonObject) -> Money | None:
    """What a period costs in place of the plan's fixed price; None: what the plan says.

    https://developer.squareup.com/docs/subscriptions-api/manage-subscriptions#override-the-subscription-price.
    """
    return optional_money_from(data, "price_override_money")


def _costs_nothing(data: JsonObject, phase: Phase) -> bool:
    """Whether the subscription pays nothing for a phase: the plan's phase is free, or the price of its own is 0."""
    own = None if phase.relative else _own_price(data)
    return phase.is_free or (own is not None and own.amount == 0)


def _is_free(data: JsonObject, known: Known) -> bool:
    """Whether nothing is charged today: in a trial, or because nothing is charged any more."""
    days = _calendar(data, known)
    phase = days.phase_on(today(known.now, _zone(data, known))) if days else None
    own = _own_price(data)
    if phase is None or (own is not None and own.amount > 0 and invoice_ids(data)):
        return False  # it is not documented whether a price of its own counts in a free phase, too: an invoice says it
    return _costs_nothing(data, phase) and text(data, "status") == "ACTIVE"


def _is_trialing(data: JsonObject, known: Known) -> bool:
    """Whether nothing is charged today, and something will be."""
    days = _calendar(data, known)
    if days is None or not _is_free(data, known):
        return False
    here = today(known.now, _zone(data, known))
    return days.trial_end(here) is not None and _is_ever_charged(data, days, here)


def _is_ever_charged(data: JsonObject, days: Calendar, since: date) -> bool:
    return any(not _costs_nothing(data, phase) for phase in days.phases_from(since))


@attrs.frozen
class _Dates:
    start: date | None = None
    end: date | None = None
    trial_end: date | None = None


def _dates(data: JsonObject, known: Known, status: SubscriptionStatus) -> _Dates:
    days = _calendar(data, known)
    if days is not None and status is SubscriptionStatus.TRIALING:
        end = days.trial_end(today(known.now, _zone(data, known)))
        return _Dates(day_of(data, "start_date"), end, end)
    trial_end = _trial_ended(data, days) if days is not None else None
    charged = day_of(data, "charged_through_date")
    if charged is None:
        return _Dates(trial_end=trial_end)
    billed = _last_billed(data, known, _next(charged))
    moved = days.moved_to(billed) if days is not None and billed is not None else None
    for calendar in (moved, days):
        end = calendar.end_of(charged, exactly=calendar is moved) if calendar is not None else None
        if calendar is not None and end is not None:
            return _Dates(calendar.start_of(end), end, trial_end)
    return _Dates(billed, _next(charged), trial_end if days is not None else None)


def _trial_ended(data: JsonObject, days: Calendar) -> date | None:
    """The day after the free phases at the beginning; None if there are none, or nothing is ever charged."""
    start = day_of(data, "start_date")
    return days.trial_end(start) if start is not None and _is_ever_charged(data, days, start) else None


def _paid_through(data: JsonObject, known: Known, status: SubscriptionStatus, dates: _Dates) -> date | None:
    """The day after the last one that is paid for, or free; None if the invoices that were read do not say it."""
    if status is SubscriptionStatus.TRIALING:
        return dates.trial_end
    if text(data, "status") != "ACTIVE" or status is SubscriptionStatus.INCOMPLETE:
        return None
    if known.invoices is None:
        return dates.end
    found = counting(known.invoices)
    paid = [is_paid(invoice) for invoice in found]
    if not any(paid):
        return dates.trial_end
    return {0: dates.end, 1: dates.start}.get(paid.index(True))


def _next(day: date) -> date | None:
    try:
        return day + timedelta(days=1)
    except OverflowError:
        return None


def _last_billed(data: JsonObject, known: Known, end: date | None) -> date | None:
    """The day on which the last invoice was made: it begins a period, also where a pause has moved the dates."""
    for invoice in known.invoices or ():
        made = moment_of(invoice, "created_at")
        day = today(made, _zone(data, known)) if made else None
        if day is not None and end is not None and day < end:
            return day
    return None


def _ends_on(data: JsonObject, known: Known, dates: _Dates) -> date | None:
    """The day on which a cancellation takes effect: with the period, if it was set for the end of it."""
    canceled = day_of(data, "canceled_date")
    if canceled is None:
        return None
    if dates.end is not None and abs(dates.end - canceled) <= timedelta(days=1):
        return dates.end
    days = _calendar(data, known)
    return (days.end_of(canceled) if days else None) or _next(canceled)


# --- the model ---------------------------------------------------------------------------------------------------


def scheduled(data: JsonObject, known: Known, ends_on: date | None = None) -> tuple[ScheduledChange, ...]:
    """The scheduled changes that the answer contains; its last period, too, of a plan that ends by itself.

    ``completed_date`` is the day that Square expects, and can be in the future:
    https://developer.squareup.com/docs/changelog/connect-logs/2025-09-24.
    """
    zone = _zone(data, known)
    changes: list[ScheduledChange] = []
    for action in children(data, "actions"):
        word = text(action, "type") or ""
        day = day_of(action, "effective_date")
        if word == "CANCEL":
            day = ends_on or day
        changes.append(
            ScheduledChange(
                action=ACTIONS.get(word, word.lower() or "unknown"),
                effective_at=midnight(day, zone) if day else None,
                plan_id=text(action, "new_plan_variation_id"),
            )
        )
    completed = day_of(data, "completed_date")
    if completed and text(data, "status") not in _OVER and all(change.action != "complete" for change in changes):
        changes.append(ScheduledChange(action="complete", effective_at=midnight(completed, zone)))
    return tuple(changes)


def subscription_from(data: JsonObject, known: Known) -> Subscription:
    """A subscription.

    Args:
        data: Square's object, with its actions if they are known.
        known: what is known besides.
    """
    found = identity(data, "id", "subscription")
    zone = _zone(data, known)
    status = status_of(data, known)
    dates = _dates(data, known, status)
    start = midnight(dates.start, zone) if dates.start else None
    end = midnight(dates.end, zone) if dates.end else None
    ends_on = _ends_on(data, known, dates)
    changes = scheduled(data, known, ends_on)
    ends = [change.effective_at for change in changes if change.action == "cancel" and change.effective_at is not None]
    canceling = min(ends, default=None)
    plan_id = text(data, "plan_variation_id") or text(data, "plan_id")
    paid = _paid_through(data, known, status, dates)
    cancel_at = (midnight(ends_on, zone) if ends_on else None) or canceling
    completed = day_of(data, "completed_date")
    ended = {
        SubscriptionStatus.CANCELED: cancel_at,
        SubscriptionStatus.EXPIRED: midnight(completed, zone) if completed else None,
    }.get(status)
    pausing = any(change.action == "pause" for change in changes)
    return Subscription(
        id=found,
        customer_id=text(data, "customer_id"),
        status=status,
        current_period_start=start,
        current_period_end=end,
        plan_id=plan_id,
        quantity=1,
        items=(
            SubscriptionItem(
                id=found,
                plan_id=plan_id,
                quantity=1,
                current_period_start=start,
                current_period_end=end,
                provider="square",
                raw=data,
            ),
        ),
        cancel_at=cancel_at,
        trial_end=midnight(dates.trial_end, zone) if dates.trial_end else None,
        collection_paused=pausing and status is not SubscriptionStatus.PAUSED,
        created_at=moment_of(data, "created_at"),
        version=integer(data, "version"),
        raw_status=text(data, "status"),
        scheduled_changes=changes,
        payment_failed_at=_payment_failed_at(data, known, status),
        paid_through=midnight(paid, zone) if paid else None,
        ended_at=ended if ended is not None and ended <= known.now else None,  # canceled at once, it names a later day
        plan_overridden=_own_price(data) is not None,
        provider="square",
        raw=data,
    )


def _payment_failed_at(data: JsonObject, known: Known, status: SubscriptionStatus) -> datetime | None:
    if status not in {SubscriptionStatus.PAST_DUE, SubscriptionStatus.INCOMPLETE}:
        return None
    return failed_at(counting(known.invoices or ()), known.now, has_card=_has_card(data))
