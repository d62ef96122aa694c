"""What happens to a subscription as time passes: periods begin, are paid or not, and cycle follows cycle.

A payment that fails is tried again, by default after 5 days and after 5 more, as long as the period lasts. Only when the last
attempt has failed does it count as a failed payment, and is owed:
https://developer.paypal.com/docs/subscriptions/customize/payment-failure-retry/.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import cast

from .. import clock
from ..clock import Due
from .prices import after, currency_of, cycle_of, cycles_of, period_price, setup_fee, terms_of
from .sales import add_sale
from .world import JSON, World, loose, moment, said

__all__ = [
    "activate",
    "advance_to",
    "change_terms",
    "pay_outstanding",
    "period_end",
    "resume",
    "shown",
    "shown_early",
    "stop",
    "suspend",
]

_FIRST_HOUR = timedelta(hours=1)
_REASONS = frozenset(
    (
        *("PAYMENT_DENIED", "INTERNAL_SERVER_ERROR", "PAYEE_ACCOUNT_RESTRICTED", "PAYER_ACCOUNT_RESTRICTED"),
        *("PAYER_CANNOT_PAY", "SENDING_LIMIT_EXCEEDED", "TRANSACTION_RECEIVING_LIMIT_EXCEEDED", "CURRENCY_MISMATCH"),
    )
)
"""Why a payment of a subscription fails; other words are those of orders."""


def _move(world: World, subscription: JSON, status: str) -> None:
    subscription |= {"status": status, "status_update_time": said(world.now), "update_time": said(world.now)}


def _executions(cycles: list[JSON]) -> list[JSON]:
    return [
        {
            "tenure_type": cycle["tenure_type"],
            "sequence": cycle["sequence"],
            "cycles_completed": 0,
            "cycles_remaining": cycle["total_cycles"],
            "current_pricing_scheme_version": 1,
            "total_cycles": cycle["total_cycles"],
        }
        for cycle in cycles
    ]


def activate(world: World, subscription: JSON) -> None:
    """The payer has agreed: the setup fee is due, and the first period begins, now or at the start time."""
    start = max(moment(subscription["start_time"]), world.now)
    _move(world, subscription, "ACTIVE")
    subscription |= {"start_time": said(start), "_start": start, "_cycle": 0, "_done": 0}
    info: JSON = {
        "outstanding_balance": loose(Decimal(0), currency_of(world, subscription)),
        "cycle_executions": _executions(cycles_of(world, subscription)),
        "failed_payments_count": 0,
    }
    subscription["billing_info"] = info
    fee, price = setup_fee(world, subscription), Decimal(0)
    if start > world.now:
        info["next_billing_time"] = said(start)
        subscription["_waits"] = True
    else:
        price = _begin(world, subscription)
        if not price:
            subscription["_settles"] = world.now + _FIRST_HOUR
    world.tell("BILLING.SUBSCRIPTION.ACTIVATED", shown_early(world, subscription), "subscription")
    if fee + price:
        _collect(world, subscription, fee + price, counts=bool(price), with_fee=bool(fee))


def _begin(world: World, subscription: JSON) -> Decimal:
    """A period begins; it is paid in advance. What it costs. A free one counts at once, another one when it is paid."""
    cycle = cycle_of(world, subscription)
    ends = after(subscription["_start"], cycle["frequency"], subscription["_done"] + 1)
    subscription["_waits"] = False
    subscription["billing_info"]["next_billing_time"] = said(ends)
    price = period_price(world, subscription, cycle)
    if not price:
        _count(subscription)
    return price


def period_end(subscription: JSON) -> datetime | None:
    """When the next charge is due."""
    following = subscription.get("billing_info", {}).get("next_billing_time")
    return moment(following) if following else None


# --- payments ----------------------------------------------------------------------------------------------------


def _collect(world: World, subscription: JSON, amount: Decimal, *, counts: bool = True, with_fee: bool = False) -> None:
    subscription["_due"] = {"amount": amount, "counts": counts, "with_fee": with_fee, "tries": 0, "next": None}
    _attempt(world, subscription)


def _attempt(world: World, subscription: JSON) -> None:
    due, billing = subscription["_due"], subscription["billing_info"]
    preferences = terms_of(world, subscription)["payment_preferences"]
    total = due["amount"]
    if preferences["auto_bill_outstanding"]:
        total += Decimal(billing["outstanding_balance"]["value"])
    reason = "PAYMENT_DENIED" if subscription["id"] in world.failing else world.declined()
    if reason is not None:
        _failed(world, subscription, total, reason if reason in _REASONS else "PAYMENT_DENIED")
        return
    del subscription["_due"]
    if preferences["auto_bill_outstanding"]:
        billing["outstanding_balance"] = loose(Decimal(0), currency_of(world, subscription))
    if due["counts"]:
        _count(subscription)
    _paid(world, subscription, total)


def _failed(world: World, subscription: JSON, total: Decimal, reason: str) -> None:
    due, billing = subscription["_due"], subscription["billing_info"]
    preferences = terms_of(world, subscription)["payment_preferences"]
    due["tries"] += 1
    again = _next_try(world, subscription)
    failure: JSON = {
        "amount": loose(total, currency_of(world, subscription)),
        "time": said(world.now),
        "reason_code": reason,
    }
    if again is not None:
        due["next"] = again
        failure["next_payment_retry_time"] = said(again)
    subscription["_last_failed_payment"] = failure
    if due["with_fee"] and preferences["setup_fee_failure_action"] == "CANCEL":
        del subscription["_due"]
        world.tell("BILLING.SUBSCRIPTION.PAYMENT.FAILED", shown(subscription), "subscription")
        stop(world, subscription, "CANCELLED")
        return
    if again is None:
        _owe(world, subscription)
        billing["failed_payments_count"] += 1
    world.tell("BILLING.SUBSCRIPTION.PAYMENT.FAILED", shown(subscription), "subscription")
    threshold = preferences["payment_failure_threshold"]
    if again is None and threshold and billing["failed_payments_count"] >= threshold:
        suspend(world, subscription)


def _next_try(world: World, subscription: JSON) -> datetime | None:
    tried: int = subscription["_due"]["tries"]
    following = period_end(subscription)
    if tried > len(world.retry_days):
        return None
    again = world.now + timedelta(days=world.retry_days[tried - 1])
    return again if following is None or again < following else None


def _owe(world: World, subscription: JSON) -> None:
    """What was not paid is owed from now on."""
    due = subscription.pop("_due", None)
    if due is not None:
        billing = subscription["billing_info"]
        owed = Decimal(billing["outstanding_balance"]["value"]) + due["amount"]
        billing["outstanding_balance"] = loose(owed, currency_of(world, subscription))
        if due["counts"]:
            _count(subscription)


def _paid(world: World, subscription: JSON, amount: Decimal) -> JSON:
    billing, currency = subscription["billing_info"], currency_of(world, subscription)
    billing["failed_payments_count"] = 0
    billing["last_payment"] = {"amount": loose(amount, currency), "time": said(world.now)}
    subscription["update_time"] = said(world.now)
    sale = add_sale(world, subscription, amount, currency)
    world.tell("PAYMENT.SALE.PENDING" if "payment_hold_status" in sale else "PAYMENT.SALE.COMPLETED", sale, "sale", "")
    return sale


def pay_outstanding(world: World, subscription: JSON, amount: Decimal | None = None) -> JSON | None:
    """What is owed is paid after all, or a part of it; None: nothing is owed."""
    billing = subscription["billing_info"]
    _owe(world, subscription)
    owed = Decimal(billing["outstanding_balance"]["value"])
    if not owed:
        return None
    amount = owed if amount is None else amount
    billing["outstanding_balance"] = loose(owed - amount, currency_of(world, subscription))
    return _paid(world, subscription, amount)


def _count(subscription: JSON) -> None:
    execution = subscription["billing_info"]["cycle_executions"][subscription["_cycle"]]
    execution["cycles_completed"] += 1
    if execution["total_cycles"]:
        execution["cycles_remaining"] -= 1


# --- the merchant and the payer ----------------------------------------------------------------------------------


def suspend(world: World, subscription: JSON) -> None:
    """Nothing is charged from now on. PayPal no longer says when it would have charged."""
    _move(world, subscription, "SUSPENDED")
    _owe(world, subscription)
    subscription["_resumes"] = subscription["billing_info"].pop("next_billing_time", None)
    world.tell("BILLING.SUBSCRIPTION.SUSPENDED", shown(subscription), "subscription")


def resume(world: World, subscription: JSON) -> None:
    """It goes on with the next period that begins; those that have begun meanwhile are left out."""
    _move(world, subscription, "ACTIVE")
    following = moment(subscription.pop("_resumes") or said(world.now))
    frequency: JSON = cycle_of(world, subscription)["frequency"]
    while following <= world.now and not subscription["_waits"]:
        subscription["_done"] += 1
        following = after(subscription["_start"], frequency, subscription["_done"] + 1)
    subscription["billing_info"]["next_billing_time"] = said(following)
    world.tell("BILLING.SUBSCRIPTION.ACTIVATED", subscription, "subscription")


def stop(world: World, subscription: JSON, status: str) -> None:
    """It is over, for good."""
    _move(world, subscription, status)
    _owe(world, subscription)
    subscription["billing_info"].pop("next_billing_time", None)
    world.tell(f"BILLING.SUBSCRIPTION.{status}", shown(subscription), "subscription")


def change_terms(world: World, subscription: JSON, change: JSON) -> None:
    """Another plan, quantity or price, from the next period on. The regular cycle follows: a trial is not given twice."""
    subscription |= {**change, "update_time": said(world.now)}
    if "plan_id" in change or "_terms" in change:
        cycles = cycles_of(world, subscription)
        subscription["billing_info"]["cycle_executions"] = _executions(cycles)
        if not subscription["_waits"]:
            following = period_end(subscription) or moment(subscription.get("_resumes") or said(world.now))
            subscription |= {"_start": following, "_cycle": len(cycles) - 1, "_done": -1}
    world.tell("BILLING.SUBSCRIPTION.UPDATED", subscription, "subscription")


def shown_early(world: World, subscription: JSON) -> JSON:
    """The subscription as PayPal shows it in the first hour of a free trial: no cycle is counted, and the next charge is today.

    It is corrected without an event: https://github.com/paypal/paypal-checkout-components/issues/1336.
    """
    settles = cast("datetime | None", subscription.get("_settles"))
    if settles is None or settles <= world.now or "next_billing_time" not in subscription["billing_info"]:
        return subscription
    executions = _executions(cycles_of(world, subscription))
    today = said(subscription["_start"])
    info = {**subscription["billing_info"], "cycle_executions": executions, "next_billing_time": today}
    return {**subscription, "billing_info": info}


def shown(subscription: JSON) -> JSON:
    """The subscription with its last failed payment."""
    if "_last_failed_payment" not in subscription:
        return subscription
    billing = {**subscription["billing_info"], "last_failed_payment": subscription["_last_failed_payment"]}
    return {**subscription, "billing_info": billing}


# --- time --------------------------------------------------------------------------------------------------------


def advance_to(world: World, until: datetime) -> None:
    """Advance the time, and let everything happen that is due until then, in order."""
    clock.advance_to(world, until, partial(_agenda, world))


def _agenda(world: World) -> Iterator[Due]:
    for subscription in world.all("subscription"):
        if subscription["status"] != "ACTIVE":
            continue
        retry = cast("datetime | None", subscription.get("_due", {}).get("next"))
        ends = period_end(subscription)
        if retry is not None and (ends is None or retry <= ends):
            yield retry, partial(_attempt, world, subscription)
        elif ends is not None:
            yield ends, partial(_follow, world, subscription)


def _follow(world: World, subscription: JSON) -> None:
    """A period is over, or the first one begins."""
    if not subscription["_waits"]:
        cycle = cycle_of(world, subscription)
        subscription["_done"] += 1
        if cycle["total_cycles"] and subscription["_done"] >= cycle["total_cycles"]:
            subscription["_start"] = after(subscription["_start"], cycle["frequency"], subscription["_done"])
            subscription |= {"_cycle": subscription["_cycle"] + 1, "_done": 0}
        if subscription["_cycle"] >= len(cycles_of(world, subscription)):
            stop(world, subscription, "EXPIRED")
            return
    due = _begin(world, subscription)
    if due:
        _collect(world, subscription, due)
