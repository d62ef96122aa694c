"""Acme's JSON and the models: pure functions, which need no network to be tested."""

from collections.abc import Mapping

from paylattice import CheckoutSession, CheckoutStatus, Customer, Subscription, SubscriptionItem, SubscriptionStatus
from paylattice.jsonlike import JsonObject, identity, integer, rfc3339, string_map, text

CHECKOUT_STATUS: Mapping[str | None, CheckoutStatus] = {
    "open": CheckoutStatus.OPEN,
    "done": CheckoutStatus.COMPLETE,
    "expired": CheckoutStatus.EXPIRED,
}

SUBSCRIPTION_STATUS: Mapping[str | None, SubscriptionStatus] = {
    "trial": SubscriptionStatus.TRIALING,
    "running": SubscriptionStatus.ACTIVE,
    "overdue": SubscriptionStatus.PAST_DUE,
    "ended": SubscriptionStatus.CANCELED,
}


def customer_from(data: JsonObject) -> Customer:
    """A customer."""
    return Customer(
        id=identity(data, "ref", "customer"),
        email=text(data, "mail"),
        name=text(data, "label"),
        metadata=string_map(data, "tags"),
        created_at=rfc3339(data, "created_at"),
        provider="acme",
        raw=data,
    )


def customer_request(email: str | None, name: str | None, metadata: Mapping[str, str] | None) -> dict[str, object]:
    """The body that creates or changes a customer: what is given, and nothing else."""
    given: dict[str, object] = {"mail": email, "label": name, "tags": dict(metadata) if metadata else None}
    return {field: value for field, value in given.items() if value is not None}


def checkout_from(data: JsonObject) -> CheckoutSession:
    """A checkout. A word for its state that is not in the table is UNKNOWN, and stays readable in ``raw_status``."""
    status = CHECKOUT_STATUS.get(text(data, "state"), CheckoutStatus.UNKNOWN)
    return CheckoutSession(
        id=identity(data, "ref", "checkout"),
        url=text(data, "page") if status is CheckoutStatus.OPEN else None,
        customer_id=text(data, "customer"),
        metadata=string_map(data, "tags"),
        status=status,
        subscription_id=text(data, "subscription"),
        expires_at=rfc3339(data, "expires_at"),
        raw_status=text(data, "state"),
        provider="acme",
        raw=data,
    )


def subscription_from(data: JsonObject) -> Subscription:
    """A subscription."""
    reference = identity(data, "ref", "subscription")
    start, end = rfc3339(data, "period_start"), rfc3339(data, "period_end")
    plan, units = text(data, "plan"), integer(data, "units")
    item = SubscriptionItem(
        id=reference, plan_id=plan, quantity=units, current_period_start=start, current_period_end=end
    )
    return Subscription(
        id=reference,
        customer_id=text(data, "customer"),
        status=SUBSCRIPTION_STATUS.get(text(data, "state"), SubscriptionStatus.UNKNOWN),
        current_period_start=start,
        current_period_end=end,
        plan_id=plan,
        metadata=string_map(data, "tags"),
        quantity=units,
        items=(item,),
        canceled_at=rfc3339(data, "ended_at"),
        created_at=rfc3339(data, "created_at"),
        raw_status=text(data, "state"),
        provider="acme",
        raw=data,
    )
