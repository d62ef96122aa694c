"""Customers at Stripe, and their saved payment methods."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from ...errors import Conflict, InvalidRequest, NotFound, OutcomeUnknown, PaymentError
from ...jsonlike import flag, reference
from ...models import Customer, PaymentMethod
from .api import StripeAPI, path_of
from .errors import RESOURCE_MISSING
from .requests import created_since, customer_request
from .wire import customer_from, payment_method_from

__all__ = ["Customers"]

_IN_THE_OTHER_MODE = "a similar object exists in "


class Customers:
    """Customers at Stripe.

    Args:
        api: where they are.
    """

    def __init__(self, api: StripeAPI) -> None:
        self._api = api

    async def create(
        self,
        email: str | None,
        name: str | None,
        phone: str | None,
        metadata: Mapping[str, str] | None,
        key: str | None,
    ) -> Customer:
        """Create a customer."""
        params = customer_request(email, name, phone, metadata)
        return await self._api.write("/v1/customers", params, key, customer_from)

    async def find(self, customer_id: str) -> Customer | None:
        """Return the customer, or None if it does not exist or was deleted."""
        found = await self._api.find(path_of("customers", customer_id))
        return None if found is None else customer_from(found)

    async def listed(self, after: str | None, limit: int) -> list[Customer]:
        """Return the customers behind one of them, newest first.

        Raises:
            NotFound: Stripe has no customer ``after``.
        """
        cursor: dict[str, object] = {} if after is None else {"starting_after": after}
        try:
            return [customer_from(data) for data in await self._api.listed("/v1/customers", cursor, limit=limit)]
        except InvalidRequest as error:
            if error.code != RESOURCE_MISSING:
                raise
        message = "Stripe has no such customer to go on after, in this account and mode"
        raise NotFound(message, provider="stripe")

    async def missing_because(self, customer_id: str) -> Literal["deleted", "other_mode"] | None:
        """Why a customer is not found: Stripe shows deleted ones, and says in words if the other mode has one of the id."""
        try:
            found = await self._api.get(path_of("customers", customer_id))
        except NotFound as error:
            return "other_mode" if _IN_THE_OTHER_MODE in error.message else None
        return "deleted" if flag(found, "deleted") else None

    async def update(
        self,
        customer_id: str,
        email: str | None,
        name: str | None,
        phone: str | None,
        metadata: Mapping[str, str] | None,
        key: str | None,
    ) -> Customer:
        """Change what is given."""
        params = customer_request(email, name, phone, metadata)
        return await self._api.write(path_of("customers", customer_id), params, key, customer_from)

    async def delete(self, customer_id: str) -> None:
        """Delete the customer. Stripe has no idempotency key for this, so the state is read where the outcome is unknown."""
        path = path_of("customers", customer_id)
        try:
            await self._api.delete(path)
        except (OutcomeUnknown, NotFound) as error:
            failure = error
        else:
            return
        if not await self._is_deleted(path):
            raise failure

    async def _is_deleted(self, path: str) -> bool:
        """Whether the object is known to be deleted; False also if that cannot be read."""
        try:
            return flag(await self._api.get(path), "deleted")
        except PaymentError:
            return False

    async def created(self, since: datetime, email: str | None, metadata: Mapping[str, str] | None) -> Customer | None:
        """The customer with all of the metadata, made since then; without metadata none can be told from another."""
        if not metadata:
            return None
        asked = {"created": created_since(since), **({} if email is None else {"email": email})}
        async for data in self._api.pages("/v1/customers", asked):
            customer = customer_from(data)
            if all(customer.metadata.get(word) == value for word, value in metadata.items()):
                return customer
        return None

    async def payment_methods(self, customer_id: str) -> list[PaymentMethod]:
        """Return the customer's saved payment methods, of all types."""
        found = await self._api.listed(path_of("customers", customer_id, "payment_methods"))
        return [payment_method_from(data) for data in found]

    async def detach(self, payment_method_id: str, key: str | None) -> None:
        """Detach a payment method from its customer. What is detached already is no error."""
        path = path_of("payment_methods", payment_method_id)
        try:
            await self._api.post(f"{path}/detach", {}, key)
        except (Conflict, InvalidRequest) as error:
            failure = error
        else:
            return
        if reference(await self._api.get(path), "customer") is not None:
            raise failure
