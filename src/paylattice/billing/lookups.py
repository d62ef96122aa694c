"""What an operation of the journal did, as far as it can be seen at the provider: for keys that the provider has forgotten."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from ..errors import InvalidResponse, PaymentError
from ..models import Customer, Subscription, SubscriptionChange
from ..operations import Capability
from ..provider import BaseProvider
from .records import BillingOperation

__all__ = ["arguments_of", "find_created", "find_effect", "is_changed", "subscription_of"]


def arguments_of(operation: BillingOperation) -> dict[str, object]:
    """The arguments as the method takes them."""
    arguments = dict(operation.arguments)
    if isinstance(arguments.get("timestamp"), str):
        arguments["timestamp"] = datetime.fromisoformat(cast("str", arguments["timestamp"]))
    return arguments


async def find_effect(provider: BaseProvider, known: BillingOperation) -> object | None:
    """What the operation made or changed; None if it cannot be seen that it did.

    Raises:
        PaymentError: it cannot be found out now.
    """
    match known.operation:
        case "create_customer":
            return await find_created(provider, known)
        case "create_checkout_session" if known.external_id is not None:
            found: object | None = await provider.get_checkout_session(known.external_id)
            return found
        case "cancel_subscription":
            subscription = await subscription_of(provider, known)
            at_period_end = known.arguments.get("at_period_end") is True
            ended = subscription is not None and _is_ended(subscription, at_period_end=at_period_end)
            return subscription if ended else None
        case "change_subscription":
            subscription = await subscription_of(provider, known)
            changed = subscription is not None and is_changed(subscription, known.arguments)
            return SubscriptionChange(subscription) if subscription is not None and changed else None
        case _:
            return None


async def subscription_of(provider: BaseProvider, known: BillingOperation) -> Subscription | None:
    """The subscription that an operation is about, as it is now; None also where the provider lets nobody read it."""
    if Capability.SUBSCRIPTIONS not in provider.capabilities:
        return None
    return await provider.get_subscription(str(known.arguments["subscription_id"]))


async def find_created(provider: BaseProvider, known: BillingOperation) -> Customer | None:
    """The customer that a creation has made. Asks a method that no guard stands before.

    Raises:
        PaymentError: nothing else comes out of it.
    """
    arguments = cast("dict[str, Any]", arguments_of(known))
    try:
        found = cast("object", await provider.find_created_customer(known.key, known.created_at, **arguments))
    except PaymentError as error:
        error.provider, error.operation = error.provider or known.provider, error.operation or known.operation
        raise
    except Exception as exc:  # noqa: BLE001 - its text may hold the e-mail address
        broken = f"{type(provider).__name__}.find_created_customer failed with {type(exc).__name__}"
    else:
        if found is None or isinstance(found, Customer):
            return found
        broken = f"{type(provider).__name__}.find_created_customer found what is no Customer"
    raise InvalidResponse(broken, provider=known.provider, operation=known.operation)


def is_changed(subscription: Subscription, arguments: Mapping[str, object]) -> bool:
    """Whether the subscription has what a change asked for, or will have it once what is scheduled has come to pass."""
    plans = [each.plan_id for each in subscription.scheduled_changes if each.plan_id is not None]
    plan_id = plans[-1] if plans else subscription.plan_id
    wanted = ((arguments.get("plan_id"), plan_id), (arguments.get("quantity"), subscription.quantity))
    return all(asked is None or asked == found for asked, found in wanted)


def _is_ended(subscription: Subscription, *, at_period_end: bool) -> bool:
    return subscription.status.is_terminal or (at_period_end and subscription.cancel_at is not None)
