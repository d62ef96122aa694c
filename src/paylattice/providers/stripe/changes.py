"""A change of a subscription: which item it means, and whether it waits for the payer. Pure functions.

A change is invoiced at once, and may need the payer's authentication, where the interval changes or a trial ends, and where
that is asked for. Stripe makes the change all the same, unless ``payment_behavior`` is ``pending_if_incomplete``: then
``pending_update`` holds it until the invoice is paid: https://docs.stripe.com/billing/subscriptions/pending-updates.
"""

import attrs

from ...arguments import web_address
from ...errors import InvalidRequest
from ...jsonlike import JsonObject, child, children, integer, reference, text
from ...models import Subscription, SubscriptionChange
from .invoice_parts import has_invoice_payments
from .lookups import price_facts
from .requests import Params, PriceFacts, change_request
from .wire import is_metered, price_of

__all__ = ["WantedChange", "change_from", "expanded_for_change", "item_to_change", "waiting_for_payer"]

_CHANGE = "subscription_update"
_OWED = "open"
_BY_ITSELF = "charge_automatically"


@attrs.frozen
class WantedChange:
    """What a subscription's item is to be.

    Args:
        subscription: as it was read, with its schedule and all items.
        item: as it is.
        plan_id: what it is to be to.
        quantity: how many units it is to have.
        price: what is known of a plan that is new; of one that stays, nothing.
        changes_plan: whether another plan was asked for, or the same one by name.
    """

    subscription: JsonObject = attrs.field(repr=False)
    item: JsonObject = attrs.field(repr=False)
    plan_id: str | None
    quantity: int | None
    price: PriceFacts
    changes_plan: bool

    @property
    def item_id(self) -> str:
        """The item's id."""
        return text(self.item, "id") or ""

    @property
    def is_same(self) -> bool:
        """Whether the item is that already."""
        plan_id = reference(self.item, "price") or reference(self.item, "plan")
        return self.plan_id == plan_id and (self.price.metered or self.quantity == integer(self.item, "quantity"))

    def request(self, *, prorate: bool, payment: str) -> Params:
        """What changes it: see :func:`~.requests.change_request`."""
        return change_request(
            self.item_id,
            plan_id=self.plan_id,
            quantity=self.quantity,
            metered=self.price.metered,
            prorate=prorate,
            payment=payment,
        )

    @property
    def restarts(self) -> bool:
        """Whether its periods are of another length then, so that Stripe begins a new one."""
        now = price_facts(price_of(self.item))
        return self.changes_plan and (self.price.interval, self.price.interval_count) != (
            now.interval,
            now.interval_count,
        )


def item_to_change(subscription: JsonObject, item_id: str | None, *, metered: bool) -> JsonObject:
    """The item of this id; else the only item, or the only one of the kind (licensed or metered) that is changed to.

    Raises:
        InvalidRequest: there is none, or several.
    """
    items = [item for item in children(child(subscription, "items"), "data") if text(item, "id")]
    if item_id is not None:
        named = [item for item in items if text(item, "id") == item_id]
        if named:
            return named[0]
        message = "the subscription has no such item: get_subscription() says which it has"
        raise InvalidRequest(message, param="subscription_item_id")
    alike = [item for item in items if is_metered(price_of(item)) is metered]
    chosen = items if len(items) == 1 else alike
    if len(chosen) == 1:
        return chosen[0]
    message = (
        f"the subscription has {len(items)} items, and it cannot be told which of them is meant: "
        "name one of Subscription.items with subscription_item_id="
    )
    raise InvalidRequest(message, param="subscription_id")


def expanded_for_change(api_version: str) -> list[str]:
    """What a change has to bring along: the invoice that it made, with the secret of its payment."""
    secret = "confirmation_secret" if has_invoice_payments(api_version) else "payment_intent"
    return [f"latest_invoice.{secret}"]


def change_from(data: JsonObject, before: JsonObject, after: Subscription, *, replayed: bool) -> SubscriptionChange:
    """The change, with what the payer still has to do.

    Args:
        data: Stripe's answer.
        before: the subscription as it was read before.
        after: the subscription in the answer.
        replayed: whether the answer is that to an earlier request, which ``before`` may be younger than.
    """
    invoice = child(data, "latest_invoice")
    waiting = child(data, "pending_update")
    pending = bool(waiting) and (
        replayed or waiting != child(before, "pending_update")
    )  # not an earlier change that waits
    is_new = replayed or text(invoice, "id") != reference(before, "latest_invoice")
    caused = text(invoice, "billing_reason") == _CHANGE and is_new
    owed = text(invoice, "status") == _OWED and text(invoice, "collection_method") in {None, _BY_ITSELF}
    return waiting_for_payer(after, invoice) if pending or (caused and owed) else SubscriptionChange(after)


def waiting_for_payer(subscription: Subscription, invoice: JsonObject) -> SubscriptionChange:
    """What waits until the payer has paid an invoice, on Stripe's page of it or in the browser."""
    return SubscriptionChange(
        subscription,
        approval_url=web_address(text(invoice, "hosted_invoice_url")),
        client_secret=text(child(invoice, "confirmation_secret"), "client_secret")
        or text(child(invoice, "payment_intent"), "client_secret"),
        is_pending=True,
    )
