"""What happens when time passes: renewals, retries, the ends of trials, and everything else that has a date."""

from collections.abc import Iterator
from functools import partial

from .. import clock
from ..clock import Due
from . import payments
from .checkout import expire
from .collection import collect, failed_for_good, subscription_of
from .invoices import bill, pending_lines, void
from .lifecycle import ENDED, end, items_of, move_to, period_of, renewal_lines, usage_lines
from .periods import period_after
from .schedules import dates_of
from .world import JSON, World

__all__ = ["advance_to"]

_DAY = 86_400
_INCOMPLETE = 23 * 3600
_AUTHORIZED = 7 * _DAY
_WARNING = 3 * _DAY


def advance_to(world: World, moment: int) -> None:
    """Advance the time, and let everything happen that is due until then, in order."""
    clock.advance_to(world, moment, partial(_agenda, world))


def _agenda(world: World) -> Iterator[Due]:
    for schedule in world.all("subscription_schedule"):  # before what is billed by its next phase
        yield from dates_of(world, schedule)
    for subscription in world.all("subscription"):
        if subscription["status"] not in ENDED:
            yield from _dates_of(world, subscription)
    for invoice in world.all("invoice", status="open"):
        if invoice["next_payment_attempt"] is not None:
            yield invoice["next_payment_attempt"], partial(_retry, world, invoice)
    for session in world.all("checkout.session", status="open"):
        yield session["expires_at"], partial(expire, world, session)
    for intent in world.all("payment_intent", status="requires_capture"):
        yield intent["created"] + _AUTHORIZED, partial(payments.cancel, world, intent, "automatic")


def _dates_of(world: World, subscription: JSON) -> Iterator[Due]:
    status = subscription["status"]
    if subscription["cancel_at"] is not None:
        yield subscription["cancel_at"], partial(_end, world, subscription)
    if status == "incomplete":
        yield subscription["created"] + _INCOMPLETE, partial(_expire, world, subscription)
    elif status != "paused":
        yield period_of(world, subscription)[1], partial(_renew, world, subscription)
    if status == "trialing" and not subscription.get("_warned"):
        yield subscription["trial_end"] - _WARNING, partial(_warn, world, subscription)


def _end(world: World, subscription: JSON) -> None:
    """Set to end with its period, it is asked for its usage, and what waits for an invoice, in a last one.

    https://docs.stripe.com/billing/subscriptions/cancel#cancel-at-the-end-of-the-current-billing-cycle
    """
    period = period_of(world, subscription)
    usage = usage_lines(world, subscription, period)
    owes = any(line.amount for line in (*usage, *pending_lines(world, subscription)))
    if subscription["cancel_at_period_end"] and period[1] <= world.now and owes:
        bill(world, subscription, usage, "subscription_cycle")
    end(world, subscription)


def _warn(world: World, subscription: JSON) -> None:
    world.change(subscription, "customer.subscription.trial_will_end", _warned=True)


def _expire(world: World, subscription: JSON) -> None:
    for invoice in world.all("invoice", status="open"):
        if subscription_of(world, invoice) is subscription:
            void(world, invoice)
    end(world, subscription, "incomplete_expired", "payment_failed")


def _renew(world: World, subscription: JSON) -> None:
    before = world.render(world, subscription)
    old = period_of(world, subscription)
    first = items_of(world, subscription)[0]
    rhythm = world.need("price", first["price"])["recurring"]
    new = period_after(subscription["billing_cycle_anchor"], rhythm, old[1])
    move_to(world, subscription, new)
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    world.tell("customer.subscription.updated", subscription, before)
    bill(world, subscription, renewal_lines(world, subscription, old, new), "subscription_cycle")


def _retry(world: World, invoice: JSON) -> None:
    collect(world, invoice)
    subscription = subscription_of(world, invoice)
    if invoice["status"] != "open" or invoice["next_payment_attempt"] is not None or subscription is None:
        return
    if failed_for_good(world, subscription):
        if world.when_retries_fail == "canceled":
            end(world, subscription, reason="payment_failed")
        else:
            world.change(subscription, "customer.subscription.updated", status=world.when_retries_fail)
