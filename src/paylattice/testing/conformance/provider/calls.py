"""One call of every operation, with arguments that every provider takes: for checks that need no object to exist."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import attrs

from ....money import Money
from ....operations import OPERATIONS, Capability, Operation

__all__ = ["CALLS", "EMAIL", "WRITES", "Call", "unlike"]

EMAIL = "conformance@example.com"

_SAMPLES: Mapping[str, object] = {
    "email": EMAIL,
    "customer_id": "cus_conformance1",
    "plan_id": "plan_conformance1",
    "success_url": "https://example.com/thanks",
    "cancel_url": "https://example.com/plans",
    "session_id": "cs_conformance1",
    "subscription_id": "sub_conformance1",
    "subscription_item_id": "si_conformance1",
    "quantity": 3,
    "timestamp": datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1),
    "payment_id": "pay_conformance1",
    "payment_method_id": "pm_conformance1",
    "amount": Money(1900, "USD"),
    "since": datetime.now(UTC).replace(microsecond=0) - timedelta(days=1),
    "name": "Conformance",
}

_TAKES: Mapping[str, str] = {
    "create_customer": "email",
    "get_customer": "customer_id",
    "update_customer": "customer_id name",
    "delete_customer": "customer_id",
    "create_checkout_session": "customer_id plan_id success_url cancel_url",
    "create_payment_session": "amount success_url cancel_url",
    "get_checkout_session": "session_id",
    "expire_checkout_session": "session_id",
    "get_subscription": "subscription_id",
    "list_subscriptions": "customer_id",
    "cancel_subscription": "subscription_id",
    "change_subscription": "subscription_id plan_id quantity",
    "pause_subscription": "subscription_id",
    "resume_subscription": "subscription_id",
    "create_usage_record": "subscription_item_id quantity timestamp",
    "get_invoices": "customer_id",
    "get_payment": "payment_id",
    "capture_payment": "payment_id",
    "cancel_payment": "payment_id",
    "create_payment": "amount customer_id payment_method_id",
    "refund_payment": "payment_id amount",
    "get_payment_methods": "customer_id",
    "remove_payment_method": "payment_method_id",
    "get_plan": "plan_id",
    "list_plans": "",
    "list_events": "since",
}


@attrs.frozen
class Call:
    """An operation with arguments.

    Args:
        operation: which one.
        arguments: without an idempotency key.
    """

    operation: Operation
    arguments: Mapping[str, object] = attrs.field(factory=dict[str, object], repr=False)

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.operation.name

    @property
    def capability(self) -> Capability | None:
        """What a provider must declare for it."""
        return self.operation.capability_for(self.arguments)

    @property
    def makes(self) -> bool:
        """Whether it makes something new, which has an id of its own."""
        return self.operation.writes and (self.name.startswith("create_") or self.name == "refund_payment")

    def __str__(self) -> str:
        return f"{self.name} at period end" if self.arguments.get("at_period_end") else self.name


def _calls() -> tuple[Call, ...]:
    found: list[Call] = []
    for name, operation in OPERATIONS.items():
        call = Call(operation, {argument: _SAMPLES[argument] for argument in _TAKES[name].split()})
        found.append(call)
        if name == "cancel_subscription":
            found.append(Call(operation, {**call.arguments, "at_period_end": True}))
    return tuple(found)


CALLS = _calls()
WRITES = tuple(call for call in CALLS if call.operation.writes)


def unlike(name: str, value: object) -> object:
    """Another valid value of the argument: with it, the call is another operation."""
    if isinstance(value, Money):
        return Money(value.amount - 1, value.currency)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, datetime):
        return value - timedelta(minutes=1)
    return f"other-{value}" if name in {"email", "name"} else f"{value}x"
