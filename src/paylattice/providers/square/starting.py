"""Subscriptions at Square that begin without a page, charged to a card on file: the customer is known, not found out."""

from datetime import datetime

from ...errors import InvalidRequest
from ...jsonlike import JsonObject, child, text
from ...models import Subscription, SubscriptionChange
from ...transport import Request
from . import requests
from .api import SquareAPI, search
from .customers import Customers
from .invoice_checkout import subscription_in
from .plans import Plans
from .subscriptions import Subscriptions
from .times import today, zone_of

__all__ = ["Starting"]


class Starting:
    """Begins subscriptions.

    Args:
        api: where.
        customers: reads profiles.
        plans: reads the catalogue.
        subscriptions: makes their models.
    """

    def __init__(self, api: SquareAPI, customers: Customers, plans: Plans, subscriptions: Subscriptions) -> None:
        self._api = api
        self._customers = customers
        self._plans = plans
        self._subscriptions = subscriptions

    async def begin(
        self,
        customer_id: str,
        plan_id: str,
        *,
        payment_method_id: str | None,
        quantity: int,
        trial_end: datetime | None,
        start_at: datetime | None,
        key: str | None,
    ) -> SubscriptionChange:
        """Begin one, today or on a later day. Its source's name has a mark that is made of the key."""
        if payment_method_id is None:
            message = "Square's customers have no default card: name one of the customer's cards on file"
            raise InvalidRequest(message, param="payment_method_id")
        if quantity != 1:
            message = "a Square subscription has no quantity: make a plan variation with the price of several"
            raise InvalidRequest(message, param="quantity")
        if trial_end is not None:
            message = "Square's trials are phases of the plan: sell a plan with one, or begin later with start_at="
            raise InvalidRequest(message, param="trial_end")
        customer = await self._customers.find(customer_id)
        if customer is None or not customer.email or not customer.name:
            message = "Square deactivates subscriptions of customers without a name or an e-mail address: update_customer first"
            raise InvalidRequest(message, param="customer_id")
        variation = await self._plans.to_subscribe_to(plan_id)
        location = await self._api.location()
        body = requests.subscription_request(customer.id, variation.id, location.id)
        body |= await self._plans.items.phases_of(variation, customer.id, location.id, key)
        body |= {"card_id": payment_method_id, **({} if key is None else {"source": {"name": requests.source_of(key)}})}
        if start_at is not None:
            body["start_date"] = today(start_at, zone_of(location.timezone)).isoformat()
        data = await self._api.create("/v2/subscriptions", body, key, subscription_in)
        await self._customers.notice_merge(customer_id, text(data, "customer_id"))
        return SubscriptionChange(await self._api.read_after_write(lambda: self._subscriptions.model(data)))

    async def begun_under(self, key: str, customer_id: str) -> Subscription | None:
        """The customer's subscription whose source has the key's mark; that of the profile it was merged into, too."""
        name = requests.source_of(key)

        async def fetch(profile_id: str) -> list[JsonObject]:
            def ask(cursor: str | None) -> Request:
                body = requests.subscriptions_request(profile_id, cursor, source=name)
                return search("/v2/subscriptions/search", body)

            return await self._api.listed(ask, "subscriptions", keep=lambda data: _source(data) == name)

        found = await self._customers.followed(customer_id, fetch, lambda data: text(data, "customer_id"))
        return await self._subscriptions.model(found[0]) if found else None


def _source(data: JsonObject) -> str | None:
    return text(child(data, "source"), "name")
