"""Subscription schedules, which Stripe lets decide over a subscription: https://docs.stripe.com/api/subscription_schedules.

The customer portal makes one for a change at the period's end, the Dashboard for a contract in phases. As long as a schedule
has the subscription, Stripe refuses every change of its end ("managed by the subscription schedule"), and the next phase undoes
a change of its items.
"""

from ...errors import Conflict, InvalidRequest
from ...idempotency import sub_key
from ...jsonlike import JsonObject, identity, reference
from .api import StripeAPI, path_of

__all__ = ["release"]


async def release(api: StripeAPI, subscription: JsonObject, key: str | None, *, keep_end: bool = False) -> bool:
    """Release the subscription from its schedule: it goes on as it is now, and what the schedule had planned is dropped.

    Args:
        api: where it is.
        subscription: as it was read.
        key: of the operation that needs it.
        keep_end: whether an end that the schedule has set stays.

    Returns:
        Whether there was a schedule.
    """
    schedule_id = reference(subscription, "schedule")
    if schedule_id is None:
        return False
    path = path_of("subscription_schedules", schedule_id, "release")
    params = {"preserve_cancel_date": True} if keep_end else {}
    try:
        await api.post(path, params, None if key is None else sub_key(key, "release"))
    except (Conflict, InvalidRequest):  # Stripe refuses if it is released already: by another call, or over
        again = await api.get(path_of("subscriptions", identity(subscription, "id", "subscription")))
        if reference(again, "schedule") is not None:
            raise
    return True
