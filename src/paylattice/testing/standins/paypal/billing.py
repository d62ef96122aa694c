"""What happens to a subscription as time passes: periods begin, are paid or not, and cycle follows cycle."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

from .world import JSON, World, amount_of, link, money, said

__all__ = ["activate", "advance_to", "pay_outstanding", "period_end", "sale_of", "suspend"]

_DAYS = {"DAY": 1, "WEEK": 7}
_MONTHS = {"MONTH": 1, "YEAR": 12}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _after(start: datetime, frequency: JSON, times: int) -> datetime:
    """The end of so many periods."""
    unit, many = frequency["interval_unit"], frequency["interval_count"] * times
    if unit in _DAYS:
        return start + timedelta(days=_DAYS[unit] * many)
    index = start.year * 12 + start.month - 1 + _MONTHS[unit] * many
    year, month = divmod(index, 12)
    return start.replace(year=year, month=month + 1, day=min(start.day, monthrange(year, month + 1)[1]))


def _cycles(world: World, subscription: JSON) -> list[JSON]:
    return cast("list[JSON]", world.need("plan", subscription["plan_id"])["billing_cycles"])


def _price(world: World, subscription: JSON, cycle: JSON) -> tuple[Decimal, str]:
    fixed = cycle.get("pricing_scheme", {}).get("fixed_price")
    if fixed is None:
        return Decimal(0), _currency(world, subscription)
    amount, currency = amount_of(fixed, "", zero=True)
    return amount * int(subscription["quantity"]), currency


def _currency(world: World, subscription: JSON) -> str:
    for cycle in _cycles(world, subscription):
        fixed = cycle.get("pricing_scheme", {}).get("fixed_price")
        if fixed is not None:
            return str(fixed["currency_code"])
    return "USD"


def activate(world: World, subscription: JSON) -> None:
    """The payer has agreed: the first period begins, now or at the start time."""
    start = max(_moment(subscription["start_time"]), world.now)
    subscription |= {
        "status": "ACTIVE",
        "status_update_time": said(world.now),
        "_start": start,
        "_cycle": 0,
        "_done": 0,
    }
    subscription["start_time"] = said(start)
    executions = [
        {
            "tenure_type": cycle["tenure_type"],
            "sequence": cycle["sequence"],
            "cycles_completed": 0,
            "cycles_remaining": cycle["total_cycles"],
            "current_pricing_scheme_version": 1,
            "total_cycles": cycle["total_cycles"],
        }
        for cycle in _cycles(world, subscription)
    ]
    subscription["billing_info"] = {
        "outstanding_balance": money(Decimal(0), _currency(world, subscription)),
        "cycle_executions": executions,
        "failed_payments_count": 0,
    }
    world.tell("BILLING.SUBSCRIPTION.ACTIVATED", subscription, "subscription")
    if start > world.now:
        subscription["billing_info"]["next_billing_time"] = said(start)
        subscription["_waits"] = True
    else:
        _begin(world, subscription)


def _begin(world: World, subscription: JSON) -> None:
    """A period begins; it is paid in advance. A free trial counts when it is over."""
    subscription["_waits"] = False
    cycle = _cycles(world, subscription)[subscription["_cycle"]]
    ends = _after(subscription["_start"], cycle["frequency"], subscription["_done"] + 1)
    subscription["billing_info"]["next_billing_time"] = said(ends)
    amount, currency = _price(world, subscription, cycle)
    if amount:
        _charge(world, subscription, amount, currency)


def period_end(subscription: JSON) -> datetime | None:
    """When the next charge is due."""
    following = subscription["billing_info"].get("next_billing_time") if "billing_info" in subscription else None
    return _moment(following) if following else None


def _charge(world: World, subscription: JSON, amount: Decimal, currency: str) -> None:
    billing = subscription["billing_info"]
    reason = "PAYMENT_DENIED" if subscription["id"] in world.failing else world.declined()
    if reason is None:
        billing["last_payment"] = {"amount": money(amount, currency), "time": said(world.now)}
        _count(subscription)
        sale = sale_of(world, subscription, amount, currency)
        world.tell("PAYMENT.SALE.COMPLETED", sale, "sale", "")
        return
    billing["failed_payments_count"] += 1
    owed = Decimal(billing["outstanding_balance"]["value"]) + amount
    billing["outstanding_balance"] = money(owed, currency)
    subscription["_last_failed_payment"] = {
        "amount": money(amount, currency),
        "time": said(world.now),
        "reason_code": reason,
        "next_payment_retry_time": said(world.later(days=5)),
    }
    billing["_failed_in_cycle"] = True
    world.tell("BILLING.SUBSCRIPTION.PAYMENT.FAILED", shown(subscription, failed=True), "subscription")
    threshold = world.need("plan", subscription["plan_id"])["payment_preferences"]["payment_failure_threshold"]
    if threshold and billing["failed_payments_count"] >= threshold:
        suspend(world, subscription)


def _count(subscription: JSON) -> None:
    execution = subscription["billing_info"]["cycle_executions"][subscription["_cycle"]]
    execution["cycles_completed"] += 1
    if execution["total_cycles"]:
        execution["cycles_remaining"] -= 1


def suspend(world: World, subscription: JSON) -> None:
    """Nothing is charged from now on."""
    subscription |= {"status": "SUSPENDED", "status_update_time": said(world.now)}
    following = subscription["billing_info"].pop("next_billing_time", None)
    subscription["_resumes"] = following
    world.tell("BILLING.SUBSCRIPTION.SUSPENDED", shown(subscription, failed=True), "subscription")


def sale_of(world: World, subscription: JSON, amount: Decimal, currency: str) -> JSON:
    """A payment of a subscription, in the older shape, with one decimal where that is enough."""
    total = f"{amount.normalize():f}"
    sale = world.add(
        "sale",
        "",
        {
            "state": "completed",
            "amount": {
                "total": total if "." in total else f"{total}.0" if currency not in {"HUF", "JPY", "TWD"} else total,
                "currency": currency,
            },
            "payment_mode": "INSTANT_TRANSFER",
            "protection_eligibility": "INELIGIBLE",
            "billing_agreement_id": subscription["id"],
            "update_time": said(world.now),
        },
    )
    if "custom_id" in subscription:
        sale["custom"] = subscription["custom_id"]
    sale["links"] = [
        link(f"/v1/payments/sale/{sale['id']}", "self"),
        link(f"/v1/payments/sale/{sale['id']}/refund", "refund", "POST"),
    ]
    subscription.setdefault("_sales", []).append(sale["id"])
    return sale


def pay_outstanding(world: World, subscription: JSON) -> JSON | None:
    """What is owed is paid after all."""
    billing = subscription["billing_info"]
    owed = Decimal(billing["outstanding_balance"]["value"])
    currency = billing["outstanding_balance"]["currency_code"]
    if not owed:
        return None
    billing["outstanding_balance"] = money(Decimal(0), currency)
    billing["failed_payments_count"] = 0
    billing["last_payment"] = {"amount": money(owed, currency), "time": said(world.now)}
    if billing.pop("_failed_in_cycle", False):
        _count(subscription)
    sale = sale_of(world, subscription, owed, currency)
    world.tell("PAYMENT.SALE.COMPLETED", sale, "sale", "")
    return sale


def shown(subscription: JSON, *, failed: bool = False) -> JSON:
    """The subscription as an event carries it."""
    data = dict(subscription)
    if failed and "_last_failed_payment" in subscription:
        data["billing_info"] = {
            **subscription["billing_info"],
            "last_failed_payment": subscription["_last_failed_payment"],
        }
    return data


def advance_to(world: World, moment: datetime) -> None:
    """Let time pass, and let every period end that is due until then, in order."""
    while True:
        due = [
            (when, subscription)
            for subscription in world.all("subscription")
            if subscription["status"] == "ACTIVE" and (when := period_end(subscription)) is not None and when <= moment
        ]
        if not due:
            world.now = max(world.now, moment)
            return
        when, subscription = min(due, key=lambda pair: pair[0])
        world.now = max(world.now, when)
        _follow(world, subscription)


def _follow(world: World, subscription: JSON) -> None:
    """A period is over."""
    if subscription["_waits"]:
        _begin(world, subscription)
        return
    cycles = _cycles(world, subscription)
    cycle = cycles[subscription["_cycle"]]
    if not _price(world, subscription, cycle)[0]:
        _count(subscription)
    subscription["_done"] += 1
    if cycle["total_cycles"] and subscription["_done"] >= cycle["total_cycles"]:
        subscription["_start"] = _after(subscription["_start"], cycle["frequency"], subscription["_done"])
        subscription |= {"_cycle": subscription["_cycle"] + 1, "_done": 0}
    if subscription["_cycle"] >= len(cycles):
        subscription |= {"status": "EXPIRED", "status_update_time": said(world.now)}
        subscription["billing_info"].pop("next_billing_time", None)
        world.tell("BILLING.SUBSCRIPTION.EXPIRED", subscription, "subscription")
        return
    _begin(world, subscription)
