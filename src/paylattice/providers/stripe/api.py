"""Requests to Stripe's API, as the operations need them: read, find, change, delete, and lists over all their pages."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import quote

import attrs

from ...arguments import is_id
from ...errors import ConfigurationError, InvalidRequest, InvalidResponse, NotFound, PaymentError
from ...idempotency import new_key
from ...jsonlike import JsonObject, as_object, flag, parse_object, text
from ...models import Model
from ...transport.answers import SUCCESS, Asked, failure_from, unreadable
from ...transport.messages import Response
from .config import StripeConfig
from .errors import error_response_from

if TYPE_CHECKING:
    from stripe import StripeClient

    from ...transport import Transport
    from .sdk import SDK

__all__ = ["Answer", "StripeAPI", "path_of", "sdk_client"]

M = TypeVar("M", bound=Model)

_PAGE = 100
_MOST_PAGES = 1000
_NONE: Mapping[str, object] = {}


@attrs.frozen
class Answer:
    """The answer to a write.

    Args:
        data: the object.
        response: what it came in.
        asked: what it answers.
    """

    data: JsonObject = attrs.field(repr=False)
    response: Response
    asked: Asked

    @property
    def replayed(self) -> bool:
        """Whether Stripe says that it is the stored answer to an earlier request with the same key."""
        return self.response.headers.get("idempotent-replayed") == "true"

    def into(self, read: Callable[[JsonObject], M]) -> M:
        """The model that the answer holds.

        Raises:
            ResponseOutcomeUnknown: it cannot be read, although the write was done.
        """
        try:
            model = read(self.data)
        except InvalidResponse as error:
            why = error.message
        else:
            return attrs.evolve(model, replayed=True) if self.replayed else model
        raise self.incomplete(why)

    def incomplete(self, why: str) -> PaymentError:
        """The error for a write that was done, but whose result cannot be told in full."""
        return unreadable(why, self.response, self.asked)


def path_of(*parts: str) -> str:
    """The path of an object: words and ids in turn, the ids quoted.

    Raises:
        InvalidResponse: an id, which Stripe itself gave, would lead elsewhere.
    """
    if not all(map(is_id, parts[1::2])):
        message = "an id in Stripe's answer cannot be one"
        raise InvalidResponse(message)
    return "/v1/" + "/".join(quote(part, safe="/" if index % 2 == 0 else "") for index, part in enumerate(parts))


class StripeAPI:
    """Stripe's API for one configuration.

    Args:
        config: the provider's settings.
        transport: gives the transport; asked at each request.
        account_id: the connected account that the requests are for; None: that of the settings.
    """

    def __init__(
        self, config: StripeConfig, transport: Callable[[], "Transport"], account_id: str | None = None
    ) -> None:
        self._config = config
        self._account_id = account_id or config.account
        self._transport = transport
        self._sdk: SDK | None = None

    @property
    def config(self) -> StripeConfig:
        """The provider's settings."""
        return self._config

    def at(self, account_id: str | None) -> "StripeAPI":
        """The API for a connected account; None: as it is."""
        if account_id in {None, self._account_id}:
            return self
        return StripeAPI(self._config, self._transport, account_id)

    def client(self) -> "StripeClient":
        """The SDK's own client, set up like this."""
        return sdk_client(self._config, self._transport)

    async def get(self, path: str, params: Mapping[str, object] = _NONE) -> JsonObject:
        """The object at the path.

        Raises:
            NotFound: there is none.
        """
        response = await self._send("get", path, params)
        return _object(response, self._asked())

    async def find(self, path: str, params: Mapping[str, object] = _NONE) -> JsonObject | None:
        """The object at the path; None if there is none, or no more."""
        try:
            found = await self.get(path, params)
        except NotFound:
            return None
        return None if flag(found, "deleted") else found

    async def calculated(self, path: str, params: Mapping[str, object]) -> JsonObject:
        """What Stripe calculates from the parameters: a POST that changes nothing, and may be repeated as any read."""
        return _object(await self._send("post", path, params), self._asked())

    async def post(self, path: str, params: Mapping[str, object], key: str | None) -> Answer:
        """Create or change something, under an idempotency key."""
        response = await self._send("post", path, params, key)
        asked = self._asked(writes=True, key=key)
        return Answer(_object(response, asked), response, asked)

    async def write(
        self, path: str, params: Mapping[str, object], key: str | None, into: Callable[[JsonObject], M]
    ) -> M:
        """Create or change something, and read the answer; see :meth:`post` and :meth:`Answer.into`."""
        return (await self.post(path, params, key)).into(into)

    async def delete(self, path: str, params: Mapping[str, object] = _NONE) -> Answer:
        """Delete something. Stripe knows no idempotency key here: a failure leaves the caller to look at the state."""
        response = await self._send("delete", path, params)
        asked = self._asked(writes=True)
        return Answer(_object(response, asked), response, asked)

    async def call(
        self, method: str, path: str, params: Mapping[str, object] | Sequence[object] | None, key: str | None
    ) -> dict[str, object]:
        """A native request: see :meth:`paylattice.PaymentProvider.request`. Every POST has a key.

        Raises:
            InvalidRequest: Stripe has no such method, or takes no list.
        """
        given: object = {} if params is None else params
        if method not in {"GET", "POST", "DELETE"} or not isinstance(given, Mapping):
            name = "params" if method in {"GET", "POST", "DELETE"} else "method"
            message = f"{name}: Stripe's API has GET, POST and DELETE, and takes a dict of parameters"
            raise InvalidRequest(message, param=name)
        named = cast("Mapping[str, object]", given)
        if method == "GET":
            return dict(await self.get(path, named))
        return dict(
            (await (self.delete(path, named) if method == "DELETE" else self.post(path, named, key or new_key()))).data
        )

    async def pages(
        self,
        path: str,
        params: Mapping[str, object] = _NONE,
        *,
        limit: int | None = None,
        most_pages: int | None = None,
    ) -> AsyncGenerator[JsonObject]:
        """The objects of a list, page after page, in Stripe's order.

        Args:
            path: of the list.
            params: its filters.
            limit: how many objects at most; None: all.
            most_pages: how many pages there can be; None: a thousand.

        Raises:
            InvalidResponse: it is no list, or a list without end.
        """
        left = limit
        cursor: dict[str, object] = {}
        seen: set[str] = set()
        most = _MOST_PAGES if most_pages is None else most_pages
        for _ in range(most):
            size = _PAGE if left is None else min(_PAGE, left)
            page = await self.get(path, {**params, "limit": size, **cursor})
            fresh = [entry for entry in _elements(page) if text(entry, "id") not in seen]
            for entry in fresh if left is None else fresh[:left]:
                yield entry
            last = text(fresh[-1], "id") if fresh else None
            left = None if left is None else left - len(fresh)
            if not flag(page, "has_more") or not last or (left is not None and left <= 0):
                return
            seen.update(filter(None, (text(entry, "id") for entry in fresh)))
            cursor = {"starting_after": last}
        message = f"the list has more than {most} pages"
        raise InvalidResponse(message)

    async def listed(
        self, path: str, params: Mapping[str, object] = _NONE, *, limit: int | None = None
    ) -> list[JsonObject]:
        """The objects of a list, as :meth:`pages` brings them."""
        return [entry async for entry in self.pages(path, params, limit=limit)]

    async def _send(self, method: str, path: str, params: Mapping[str, object], key: str | None = None) -> Response:
        if self._sdk is None:
            self._sdk = _sdk(self._config, self._transport)
        return await self._sdk.send(method, path, params, key, self._account_id)

    def _asked(self, *, writes: bool = False, key: str | None = None) -> Asked:
        return Asked(
            provider="stripe",
            sender="Stripe",
            credentials="STRIPE_SECRET_KEY",
            writes=writes,
            key=key,
            secrets=self._config.secrets,
        )


def _object(response: Response, asked: Asked) -> JsonObject:
    data = parse_object(response.body)
    if response.status in SUCCESS:
        if data is None:
            raise unreadable("its body is no JSON object", response, asked)
        return data
    raise failure_from(response, asked, None if data is None else error_response_from(data, response))


def _elements(page: JsonObject) -> list[JsonObject]:
    elements = page.get("data")
    if isinstance(elements, list):
        found = [as_object(element) for element in cast("list[object]", elements)]
        if None not in found:
            return [entry for entry in found if entry is not None]
    message = "the answer is no list of objects"
    raise InvalidResponse(message)


def _sdk(config: StripeConfig, transport: Callable[[], "Transport"]) -> "SDK":
    try:
        from .sdk import SDK  # noqa: PLC0415 - only who sends pays for the SDK
    except ImportError:
        pass
    else:
        return SDK(config, transport)
    raise missing_sdk()


def sdk_client(config: StripeConfig, transport: Callable[[], "Transport"]) -> "StripeClient":
    """The client of Stripe's SDK, for the application.

    Raises:
        ConfigurationError: the SDK is not installed.
    """
    try:
        from .sdk import client_for  # noqa: PLC0415 - only who sends pays for the SDK
    except ImportError:
        pass
    else:
        return client_for(config, transport)
    raise missing_sdk()


def missing_sdk() -> ConfigurationError:
    """The error for an installation without Stripe's SDK."""
    message = 'the Stripe provider needs Stripe\'s SDK: pip install "paylattice[stripe]"'
    return ConfigurationError(message, provider="stripe")
