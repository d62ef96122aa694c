"""One call of every operation, with arguments that every provider takes: for checks that need no object to exist."""

import inspect
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import attrs

from ....money import Money
from ....operations import OPERATIONS, Capability, Operation
from ....protocol import PaymentProvider

__all__ = ["CALLS", "EMAIL", "PHONE", "WRITES", "Call", "unlike"]

EMAIL = "conformance@example.com"
PHONE = "+15550100123"

_SAMPLES: Mapping[str, object] = {
    "email": EMAIL,
    "phone": PHONE,
    "customer_id": "cus_conformance1",
    "plan_id": "plan_conformance1",
    "success_url": "https://example.com/thanks",
    "cancel_url": "https://example.com/plans",
    "session_id": "cs_conformance1",
    "subscription_id": "sub_conformance1",
    "subscription_item_id": "si_conformance1",
    "quantity": 3,
    "timestamp": datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1),
    "invoice_id": "in_conformance1",
    "payment_id": "pay_conformance1",
    "payment_method_id": "pm_conformance1",
    "amount": Money(1900, "USD"),
    "token": "tok_conformance1",
    "since": datetime.now(UTC).replace(microsecond=0) - timedelta(days=1),
    "name": "Conformance",
    "until": datetime.now(UTC).replace(microsecond=0) + timedelta(days=20),
    "method": "POST",
    "path": "/v1/conformance",
}

_ALSO: Mapping[str, str] = {
    "create_customer": "email",
    "update_customer": "name",
    "create_subscription": "payment_method_id",
    "change_subscription": "plan_id quantity",
    "preview_change": "plan_id quantity",
    "create_usage_record": "timestamp",
    "create_payment": "customer_id payment_method_id",
    "refund_payment": "amount",
}
"""What an operation is called with besides what it cannot do without."""


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
        parameters = list(inspect.signature(getattr(PaymentProvider, name)).parameters.values())[1:]
        required = [each.name for each in parameters if each.default is inspect.Parameter.empty]
        call = Call(operation, {each: _SAMPLES[each] for each in (*required, *_ALSO.get(name, "").split())})
        found.append(call)
        if name == "cancel_subscription":
            found.append(Call(operation, {**call.arguments, "at_period_end": True}))
    return tuple(found)


CALLS = _calls()
WRITES = tuple(call for call in CALLS if call.operation.writes)


def unlike(name: str, value: object) -> object:
    """Another valid value of the argument: with it, the call is another operation."""
    if name == "method":
        return "PUT"
    if isinstance(value, Money):
        return Money(value.amount - 1, value.currency)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, datetime):
        return value - timedelta(minutes=1)
    return f"other-{value}" if name in {"email", "name"} else f"{value}x"
