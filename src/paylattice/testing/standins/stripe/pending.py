"""Pending updates, which wait for their invoice to be paid: https://docs.stripe.com/billing/subscriptions/pending-updates."""

from collections.abc import Mapping

from .world import JSON, World

__all__ = ["apply_pending", "keep_pending"]

_HOURS_23 = 23 * 3600


def keep_pending(world: World, subscription: JSON, old: Mapping[str, tuple[JSON, int]], status: str) -> None:
    """Take a change back whose invoice was not paid, and keep it until then.

    Args:
        world: where it is.
        subscription: with the change.
        old: price and quantity by item, as they were.
        status: as it was.
    """
    items = world.all("subscription_item", subscription=subscription["id"])
    wanted = {item["id"]: (item["price"], item["quantity"]) for item in items}
    shown = [world.render(world, item) for item in items]
    for item in items:
        price, quantity = old[item["id"]]
        item["price"], item["quantity"] = price["id"], quantity
    subscription.update(
        _pending={"invoice": subscription["latest_invoice"], "items": wanted},
        pending_update={"expires_at": world.now + _HOURS_23, "subscription_items": shown},
        status=status,
    )


def apply_pending(world: World, invoice: JSON, subscription: JSON | None) -> None:
    """Make the change that waited for this invoice."""
    held: JSON | None = subscription.get("_pending") if subscription is not None else None
    if subscription is None or held is None or held["invoice"] != invoice["id"]:
        return
    for item_id, (price, quantity) in held["items"].items():
        item = world.need("subscription_item", item_id)
        item["price"], item["quantity"] = price, quantity
    world.change(subscription, "customer.subscription.pending_update_applied", pending_update=None, _pending=None)
