"""Customers and their cards on file.

Changing and deleting a profile know no key: the profile is read first, and again when the outcome is not known; its version
keeps two writers apart.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime

from ...arguments import check_utc
from ...errors import Conflict, InvalidRequest, NotFound
from ...jsonlike import JsonObject, flag, integer, text
from ...models import Customer, PaymentMethod
from ...transport.messages import Request
from . import requests, wire
from .api import SquareAPI, get_page, part, path_of, search, write
from .times import moment_of, stamp

__all__ = ["Customers"]

_PAGE = 100


class Customers:
    """What can be done with profiles.

    Args:
        api: where.
    """

    def __init__(self, api: SquareAPI) -> None:
        self._api = api
        self._reference_key = api.config.reference_key

    async def create(
        self,
        email: str | None,
        name: str | None,
        phone: str | None,
        metadata: Mapping[str, str] | None,
        key: str | None,
    ) -> Customer:
        """A new profile.

        Raises:
            InvalidRequest: nothing says who it is.
        """
        body = requests.customer_request(email, name, phone, metadata, reference_key=self._reference_key)
        if not body.keys() - {"reference_id"}:
            message = "Square makes no profile of nobody: give email=, name= or phone="
            raise InvalidRequest(message, param="email", provider=self._api.name)
        return await self._api.create("/v2/customers", body, key, part("customer", self._model))

    async def find(self, customer_id: str) -> Customer | None:
        """The customer; of a merged profile, the one that it was merged into."""
        profile = await self.profile(customer_id)
        return None if profile is None else self._model(profile, customer_id)

    async def profile(self, customer_id: str) -> JsonObject | None:
        """The profile as Square has it; None if there is none."""
        path = path_of("v2", "customers", customer_id)
        return await self._api.find(path, lambda data: self._checked(wire.object_in(data, "customer")))

    async def page(self, after: str | None, limit: int) -> list[Customer]:
        """The profiles behind one of them, oldest first. A cursor of Square's lives for minutes, so its time leads on.

        Raises:
            NotFound: there is no profile ``after``, or it was merged into another one.
        """
        since, passed = await self._created_at(after), after is None
        sort = {"field": "CREATED_AT", "order": "ASC"}
        query = (
            {"sort": sort} if since is None else {"filter": {"created_at": {"start_at": stamp(since)}}, "sort": sort}
        )

        def ask(cursor: str | None) -> Request:
            body = {"query": query, "limit": min(limit + 1, _PAGE), **({"cursor": cursor} if cursor else {})}
            return search("/v2/customers/search", body)

        def is_behind(data: JsonObject) -> bool:
            nonlocal passed
            made = moment_of(data, "created_at")
            at_once = since is not None and made is not None and made <= since  # made in the same millisecond
            seen = passed
            passed = passed or text(data, "id") == after
            return not at_once or (seen and text(data, "id") != after)

        return [self._model(data) for data in await self._api.listed(ask, "customers", limit=limit, keep=is_behind)]

    async def _created_at(self, customer_id: str | None) -> datetime | None:
        if customer_id is None:
            return None
        profile = await self.profile(customer_id)
        made = None if profile is None else moment_of(profile, "created_at")
        if profile is None or made is None or text(profile, "id") != customer_id:
            message = "Square has no such customer to go on after: it was deleted, or merged into another one"
            raise NotFound(message, provider=self._api.name)
        return made

    async def update(
        self,
        customer_id: str,
        email: str | None,
        name: str | None,
        phone: str | None,
        metadata: Mapping[str, str] | None,
    ) -> Customer:
        """Change what is given. Of a merged profile, the one that it was merged into is changed."""
        body = requests.customer_request(email, name, phone, metadata, reference_key=self._reference_key, update=True)
        try:
            return await self._update(customer_id, body)
        except Conflict:  # another request was faster: the version has changed
            return await self._update(customer_id, body)

    async def _update(self, customer_id: str, body: Mapping[str, object]) -> Customer:
        profile = await self._existing(customer_id)
        if _holds(profile, body):
            return self._model(profile, customer_id)
        path = path_of("v2", "customers", wire.customer_from(profile, reference_key=self._reference_key).id)
        version = integer(profile, "version")
        sent = {**body, "version": version} if version is not None else body

        async def put() -> Customer:
            return await self._api.send(
                write("PUT", path, sent), part("customer", lambda data: self._model(data, customer_id))
            )

        async def look() -> Customer | None:
            found = await self.profile(customer_id)
            return self._model(found, customer_id) if found is not None and _holds(found, body) else None

        return await self._api.write_then_verify(put, look)

    async def delete(self, customer_id: str) -> None:
        """Delete the profile. Deleting what is deleted is no error; what was merged into another one is not deleted."""
        try:
            await self._delete(customer_id)
        except Conflict as error:
            if error.http_status is None:
                raise
            await self._delete(customer_id)

    async def _delete(self, customer_id: str) -> None:
        profile = await self.profile(customer_id)
        if profile is None:
            return
        customer = self._model(profile, customer_id)
        if customer.merged_from is not None:
            message = (
                f"Square has merged this customer into {customer.id}, which holds what belongs to others, too: nothing was "
                "deleted. If that profile is meant, delete it by its own id"
            )
            raise Conflict(message, provider=self._api.name)
        version = integer(profile, "version")
        params = {} if version is None else {"version": str(version)}
        path = path_of("v2", "customers", customer_id)

        async def delete() -> bool:
            await self._api.send(write("DELETE", path, params=params))
            return True

        async def look() -> bool | None:
            return True if await self.profile(customer_id) is None else None

        await self._api.write_then_verify(delete, look)

    async def followed(
        self,
        customer_id: str,
        fetch: Callable[[str], Awaitable[list[JsonObject]]],
        owner: Callable[[JsonObject], str | None],
    ) -> list[JsonObject]:
        """What belongs to the customer; to the profile that it was merged into, where it was.

        Merging moves what belonged to a profile. So where nothing is found, or something of another profile, it is asked
        whether the profile still is the one that was asked for.

        Args:
            customer_id: the profile that is asked for.
            fetch: lists what belongs to a profile.
            owner: the profile that something belongs to.

        Raises:
            InvalidResponse: the answer is about another profile, into which this one was not merged.
        """
        found = await fetch(customer_id)
        if found and all(owner(data) in {None, customer_id} for data in found):
            return found
        customer = await self.find(customer_id)
        if customer is None or customer.merged_from is None:
            return found
        return await fetch(customer.id)

    async def notice_merge(self, asked: str, answered: str | None) -> None:
        """Read the profile that was asked for, once, where an answer to a write is about another one.

        Square may have merged the two. Then the answer is good, and so are all others about the new profile.
        """
        if answered not in {None, asked} and not self._api.is_merged(asked, str(answered)):
            await self._api.read_after_write(lambda: self.find(asked))

    async def _existing(self, customer_id: str) -> JsonObject:
        profile = await self.profile(customer_id)
        if profile is None:
            message = "Square has no such customer, in this account and environment (sandbox or production)"
            raise NotFound(message, provider=self._api.name)
        return profile

    def _model(self, data: JsonObject, asked: str | None = None) -> Customer:
        customer = wire.customer_from(data, reference_key=self._reference_key, asked=asked)
        if customer.merged_from is not None:
            self._api.note_merge(customer.merged_from, customer.id)
        return customer

    def _checked(self, data: JsonObject) -> JsonObject:
        self._model(data)
        return data

    async def created(self, since: datetime, email: str | None, metadata: Mapping[str, str] | None) -> Customer | None:
        """Find the one profile with this reference and e-mail address that was made since; None if there is none, or several.

        Square compares without regard to case, so it is compared again here.
        """
        check_utc("since", since)
        reference = (metadata or {}).get(self._reference_key)
        if not reference:
            return None
        query = {
            "filter": {
                "reference_id": {"exact": reference},
                "created_at": {"start_at": stamp(since)},
            },
            "sort": {"field": "CREATED_AT", "order": "ASC"},
        }

        def ask(cursor: str | None) -> Request:
            body = {"query": query, "limit": 100, **({"cursor": cursor} if cursor else {})}
            return search("/v2/customers/search", body)

        def is_it(data: JsonObject) -> bool:
            made = moment_of(data, "created_at")
            return (
                text(data, "reference_id") == reference
                and text(data, "email_address") == email
                and made is not None
                and made >= since
            )

        found = await self._api.listed(ask, "customers", keep=is_it)
        return self._model(found[0]) if len(found) == 1 else None

    # --- cards -----------------------------------------------------------------------------------------------------

    async def cards(self, customer_id: str) -> list[PaymentMethod]:
        """The cards on file that can be charged. Square lists 25 at a time."""

        async def of(owner_id: str) -> list[JsonObject]:
            params = {"customer_id": owner_id}
            return await self._api.listed(
                lambda cursor: get_page("/v2/cards", params, cursor), "cards", keep=_is_enabled
            )

        found = await self.followed(customer_id, of, lambda card: text(card, "customer_id"))
        return [wire.payment_method_from(data) for data in found]

    async def save_card(
        self, customer_id: str, token: str, verification_token: str | None, key: str | None
    ) -> PaymentMethod:
        """Make a card on file. The token serves once."""
        body: dict[str, object] = {"source_id": token, "card": {"customer_id": customer_id}}
        if verification_token is not None:
            body["verification_token"] = verification_token
        card = await self._api.create("/v2/cards", body, key, part("card", wire.payment_method_from))
        await self.notice_merge(customer_id, card.customer_id)
        return card

    async def disable_card(self, card_id: str) -> None:
        """Disable a card, for good. Disabling what is disabled is no error."""
        path = path_of("v2", "cards", card_id)

        async def enabled() -> bool | None:
            return await self._api.find(path, lambda data: _is_enabled(wire.object_in(data, "card")))

        state = await enabled()
        if state is None:
            message = "Square has no such card on file, in this account and environment (sandbox or production)"
            raise NotFound(message, provider=self._api.name)
        if not state:
            return

        async def disable() -> bool:
            card = await self._api.send(write("POST", f"{path}/disable"), part("card", wire.payment_method_from))
            return bool(card.id)

        async def look() -> bool | None:
            return True if await enabled() is False else None

        await self._api.write_then_verify(disable, look)


def _is_enabled(data: JsonObject) -> bool:
    return flag(data, "enabled") or "enabled" not in data


def _holds(profile: JsonObject, body: Mapping[str, object]) -> bool:
    """Whether the profile is as the update would make it."""
    return all((profile.get(name) or None) == value for name, value in body.items())
