"""Subscription schedules: https://docs.stripe.com/api/subscription_schedules. One can be had and released here."""

from .refusals import invalid
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["SCHEDULE_ROUTES", "attach", "refuse_if_managed"]


def attach(world: World, subscription: JSON, *, cancel_at: int | None = None) -> JSON:
    """Let a schedule manage a subscription from now on.

    Args:
        world: where it is.
        subscription: the subscription.
        cancel_at: when the schedule ends the subscription; None: never.
    """
    data: JSON = {
        "object": "subscription_schedule",
        "canceled_at": None,
        "completed_at": None,
        "customer": subscription["customer"],
        "end_behavior": "release" if cancel_at is None else "cancel",
        "metadata": {},
        "released_at": None,
        "released_subscription": None,
        "status": "active",
        "subscription": subscription["id"],
    }
    schedule = world.add("sub_sched", data, "subscription_schedule.created")
    world.change(subscription, "customer.subscription.updated", schedule=schedule["id"], cancel_at=cancel_at)
    return schedule


def refuse_if_managed(subscription: JSON) -> None:
    """Refuse a change of when a subscription ends, as Stripe does while a schedule decides that.

    Raises:
        Refusal: a schedule manages the subscription.
    """
    schedule_id = subscription["schedule"]
    if schedule_id is not None:
        message = (
            f"The subscription is managed by the subscription schedule `{schedule_id}`, and updating any cancelation "
            "behavior directly is not allowed. Please update the schedule instead."
        )
        raise invalid(message)


def _release(world: World, params: Params, schedule_id: str) -> JSON:
    schedule = world.need("subscription_schedule", schedule_id)
    if schedule["status"] not in {"active", "not_started"}:
        message = f"You cannot release a subscription schedule that is currently in the `{schedule['status']}` status."
        raise invalid(message)
    subscription = world.need("subscription", schedule["subscription"])
    end = subscription["cancel_at"] if params.get("preserve_cancel_date") else None
    world.change(subscription, "customer.subscription.updated", schedule=None, cancel_at=end)
    return world.change(
        schedule,
        "subscription_schedule.released",
        released_at=world.now,
        released_subscription=subscription["id"],
        status="released",
        subscription=None,
    )


SCHEDULE_ROUTES = (
    Route(
        "GET",
        "/v1/subscription_schedules/{id}",
        retrieve("subscription_schedule"),
        "",
        "SubscriptionScheduleRetrieveParams",
    ),
    Route(
        "POST",
        "/v1/subscription_schedules/{id}/release",
        _release,
        "preserve_cancel_date:bool",
        "SubscriptionScheduleReleaseParams",
    ),
)
