"""Subscription schedules, which Stripe lets decide over a subscription: https://docs.stripe.com/api/subscription_schedules.

The customer portal makes one for a change at the period's end, the Dashboard for a contract in phases. As long as a schedule
has the subscription, Stripe refuses every change of its end ("managed by the subscription schedule"), and the next phase undoes
a change of its items.

A change at the period's end is made with one, too. Its first phase is the subscription as it is, up to then; in the second one
it has the new items; after that the schedule lets go of it. Since 2025-09-30 the length of a phase is its ``duration``; before,
it was ``iterations`` of the price's interval.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import cast

from ...errors import Conflict, InvalidRequest, OutcomeUnknown, PaymentError
from ...idempotency import sub_key
from ...jsonlike import JsonObject, child, children, identity, integer, reference, text
from .api import Answer, StripeAPI, path_of
from .phases import current_phase, terms_of
from .requests import Params, PriceFacts

__all__ = ["plan_items", "release"]

_CLOVER = "2025-09-30"


async def plan_items(
    api: StripeAPI,
    subscription: JsonObject,
    items: Sequence[JsonObject],
    price: PriceFacts,
    *,
    ends: int,
    api_version: str,
    key: str | None,
) -> Answer:
    """Give the subscription other items when its period ends; what a schedule had planned before is replaced.

    Args:
        api: where it is.
        subscription: as it was read, with its schedule.
        items: all that it will have: price, quantity and what else its present items have.
        price: whose interval the second phase takes.
        ends: when the period ends: seconds since 1970.
        api_version: which the API speaks.
        key: of the operation that needs it.
    """
    schedule, made = child(subscription, "schedule"), False
    if text(schedule, "status") != "active":
        begun = {"from_subscription": identity(subscription, "id", "subscription")}
        answer = await api.post("/v1/subscription_schedules", begun, None if key is None else sub_key(key, "schedule"))
        schedule, made = answer.data, True
        if text(schedule, "id") is None:
            raise answer.incomplete("it is no subscription schedule")
    schedule_id = identity(schedule, "id", "subscription schedule")
    params = _two_phases(schedule, items, price, ends=ends, api_version=api_version)
    try:
        return await api.post(path_of("subscription_schedules", schedule_id), params, key)
    except OutcomeUnknown:
        raise
    except PaymentError:
        if made:  # it would keep the subscription from every other change
            with suppress(PaymentError):
                await api.post(path_of("subscription_schedules", schedule_id, "release"), {}, None)
        raise


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


def _item_params(item: JsonObject) -> Params:
    """An item of a subscription or a phase, as a phase takes it."""
    plan_id, quantity = terms_of(item)
    params: Params = {"price": plan_id, "quantity": quantity, "tax_rates": _ids(item, "tax_rates")}
    params |= {"discounts": _discounts(item), "metadata": dict(child(item, "metadata"))}
    return _given(params)


def _two_phases(
    schedule: JsonObject, items: Sequence[JsonObject], price: PriceFacts, *, ends: int, api_version: str
) -> Params:
    """What plans other items for the end of the period; see :func:`plan_items`."""
    now = current_phase(schedule)
    stays = _given(
        {
            "default_tax_rates": _ids(now, "default_tax_rates"),
            "default_payment_method": reference(now, "default_payment_method"),
            "discounts": _discounts(now),
            "automatic_tax": _given({"enabled": child(now, "automatic_tax").get("enabled")}),
        }
    )
    first = {
        **stays,
        "items": [_item_params(item) for item in children(now, "items")],
        "start_date": integer(now, "start_date"),
        "end_date": ends,
    }
    length: Params = {"iterations": 1}
    if api_version >= _CLOVER:
        length = {"duration": {"interval": price.interval or "month", "interval_count": price.interval_count}}
    trial_end = integer(now, "trial_end")
    return {
        "end_behavior": "release",
        "proration_behavior": "none",
        "phases": [
            {**first, **({} if trial_end is None else {"trial_end": trial_end})},
            {**stays, "items": [_item_params(item) for item in items], "proration_behavior": "none", **length},
        ],
    }


def _ids(data: JsonObject, key: str) -> list[str]:
    """The ids in a list, whose elements are ids, or whole objects."""
    value = data.get(key)
    names = cast("list[object]", value) if isinstance(value, list) else []
    return [each for each in names if isinstance(each, str)] + [
        found for each in children(data, key) if (found := text(each, "id"))
    ]


def _discounts(data: JsonObject) -> list[Params]:
    words = ("discount", "coupon", "promotion_code")
    found = [_given({word: reference(each, word) for word in words}) for each in children(data, "discounts")]
    named: list[Params] = [{"discount": each} for each in _ids(data, "discounts")] if not found else []
    return named + [dict(list(each.items())[:1]) for each in found if each]


def _given(params: Mapping[str, object]) -> Params:
    return {name: value for name, value in params.items() if value not in (None, [], {})}
