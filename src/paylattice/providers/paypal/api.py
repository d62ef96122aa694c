"""PayPal's API: access tokens, headers, pages, and writes that take no key."""

import re
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, TypeVar, overload
from urllib.parse import parse_qsl, urlsplit

import attrs

from ...construction import check_instance
from ...errors import (
    AuthenticationError,
    InvalidRequest,
    InvalidResponse,
)
from ...idempotency import sub_key
from ...jsonlike import JsonObject, children, text
from ..api import JSONAPI, ErrorResponse, Request, Response, path_of
from . import errors
from .access import Account, Token, TokenCache, basic, token_from
from .config import PayPalConfig

if TYPE_CHECKING:
    from ...transport import Transport

__all__ = ["LISTED", "PLAIN", "REPRESENTATION", "PayPalAPI", "path_of"]

T = TypeVar("T")

REPRESENTATION: Mapping[str, str] = {"Prefer": "return=representation"}
"""Without it, PayPal answers writes with an id and links alone."""
LISTED: Mapping[str, str] = {"page_size": "20", "page": "1", "total_required": "true"}
"""The first page of a list, of the size that every endpoint takes."""
_TOKEN_PATH = "/v1/oauth2/token"  # noqa: S105 - a path
_MOST_PAGES = 1000
_LONGEST_KEY = 78
"""What the endpoint with the least room takes, of those that the operations use;
https://developer.paypal.com/api/rest/reference/idempotency/."""
_SHORTEST_LIMIT = 38
"""What the endpoint with the least room of all takes: https://developer.paypal.com/docs/api/catalog-products/v1/."""
_WHOSE = ("customer_id",)
"""What a link to the next page cannot change."""
PLAIN = "[A-Z0-9]+"
"""The ids of orders, captures, authorizations and sales."""
_CREATED = 201
_OK = 200

_WITHOUT_PREFER = ("/v1/payments/", "/v1/billing/subscriptions/", "/v3/vault/")
"""Endpoints that always answer with the whole object, and know no header that asks for it."""


class PayPalAPI(JSONAPI[PayPalConfig]):
    """Sends to PayPal with an access token, and reads its lists page by page.

    Args:
        config: PayPal's settings.
        transport: how to reach PayPal, or a function that returns it.
        tokens: shared with other providers of the same process; None: a cache of its own.
        clock: seconds since 1970.
    """

    title = "PayPal"
    credentials = "PAYPAL_CLIENT_ID, PAYPAL_CLIENT_SECRET and PAYPAL_ENVIRONMENT, which must belong together"
    idempotency_header: ClassVar[str | None] = "PayPal-Request-Id"
    request_id_header = "PayPal-Debug-Id"

    def __init__(
        self,
        config: PayPalConfig,
        transport: "Transport | Callable[[], Transport]",
        *,
        tokens: TokenCache | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(config, transport)
        if tokens is not None:
            check_instance("PayPalProvider(tokens=...)", tokens, TokenCache, "a TokenCache")
        self.clock = clock
        self._tokens = TokenCache() if tokens is None else tokens

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    # --- what PayPal does its own way ----------------------------------------------------------------------------

    def address(self, config: PayPalConfig) -> str:
        """The server of the environment, or the one in its place."""
        return config.server

    def error_response(self, body: JsonObject, response: Response) -> ErrorResponse | None:
        """What an error body says."""
        return errors.error_response_from(body)

    def retry_hint(self, response: Response) -> bool | None:
        """A request that is still being worked on is asked for again."""
        return errors.retry_hint(response)

    def is_replayed(self, response: Response, request: Request | None) -> bool:
        """PayPal answers 201 when it makes something, and 200 when it was made before under the same key."""
        return (
            request is not None
            and response.status == _OK
            and request.method == "POST"
            and request.idempotency_key is not None
            and not request.path.endswith("/void")
        )

    def native_headers(self, path: str) -> Mapping[str, str]:
        """Asks for the whole object, as the operations do."""
        return {} if path.startswith(_WITHOUT_PREFER) else REPRESENTATION

    async def call(
        self, method: str, path: str, params: Mapping[str, object] | Sequence[object] | None, key: str | None
    ) -> dict[str, object]:
        """A native request; a key that some endpoint of PayPal's refuses is sent as a digest of itself."""
        return await super().call(method, path, params, _short(key, _SHORTEST_LIMIT))

    @overload
    async def send(self, request: Request) -> JsonObject: ...

    @overload
    async def send(self, request: Request, into: Callable[[JsonObject], T]) -> T: ...

    async def send(self, request: Request, into: Callable[[JsonObject], T] | None = None) -> JsonObject | T:
        """Send a request with an access token; once more with a new one where PayPal no longer takes the old one."""

        def read(data: JsonObject) -> JsonObject | T:
            return data if into is None else into(data)

        token = await self._token()
        try:
            return await super().send(_with(token, request), read)
        except AuthenticationError:
            self._tokens.drop(self._account(), token)
        return await super().send(_with(await self._token(), request), read)

    # --- access --------------------------------------------------------------------------------------------------

    def _account(self) -> Account:
        return self.config.server, self.config.client_id or ""

    async def _token(self) -> Token:
        return await self._tokens.token(self._account(), self.transport, self._fetch)

    async def _fetch(self) -> Token:
        client_id, secret = self.config.client_id, self.config.client_secret
        if client_id is None or secret is None:
            self.config.require("client_id", "client_secret")
        assert client_id is not None  # noqa: S101 - required above
        assert secret is not None  # noqa: S101 - required above
        request = Request(
            "POST",
            _TOKEN_PATH,
            headers={**basic(client_id, secret), "Content-Type": "application/x-www-form-urlencoded"},
            content=b"grant_type=client_credentials",
            reads=True,
        )
        return await super().send(request, token_from)

    # --- what the operations call -----------------------------------------------------------------------------------

    async def create(
        self,
        path: str,
        body: Mapping[str, object],
        key: str | None,
        into: Callable[[JsonObject], T],
    ) -> T:
        """Send a write whose endpoint takes a key. One that is too long for PayPal is sent as a digest of itself."""
        headers = self.native_headers(path)
        request = Request("POST", path, json=dict(body), headers=headers, idempotency_key=_short(key))
        return await self.send(request, into)

    async def act(self, path: str, body: Mapping[str, object]) -> JsonObject:
        """Send a write whose endpoint takes no key: once. The answer may be empty."""
        return await self.send(Request("POST", path, json=dict(body)))

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, named: str | None = None, form: str = PLAIN
    ) -> JsonObject | None:
        """The object at the path; None if there is none.

        Args:
            path: where it is.
            params: the query.
            named: its id, from the caller. PayPal refuses an impossible id with a 400: the object does not exist.
            form: what such ids look like, as a regular expression: that of one is refused for another reason.
        """
        try:
            return await self.find(path, _same, params=params or {})
        except InvalidRequest:
            if named is None or re.fullmatch(form, named):
                raise
            return None

    async def pages(
        self,
        path: str,
        name: str,
        params: Mapping[str, str],
        *,
        headers: Mapping[str, str] | None = None,
        most_pages: int | None = None,
    ) -> AsyncGenerator[JsonObject]:
        """The objects of all pages. Of the next page's link only the query is used: it may name another host."""
        query: Mapping[str, str] = params
        most = _MOST_PAGES if most_pages is None else most_pages
        seen = {tuple(sorted(params.items()))}
        while True:
            page = await self.send(Request("GET", path, params=query, headers=headers or {}))
            for data in children(page, name):
                yield data
            following = _next_query(page)
            if following is None:
                return
            query = {**params, **following, **{name: params[name] for name in _WHOSE if name in params}}
            mark = tuple(sorted(query.items()))
            if mark in seen or len(seen) >= most:
                message = "PayPal's list does not end: a page came a second time, or there are too many"
                raise InvalidResponse(message)
            seen.add(mark)


def _short(key: str | None, longest: int = _LONGEST_KEY) -> str | None:
    return sub_key(key, "paypal") if key is not None and len(key) > longest else key


def _same(data: JsonObject) -> JsonObject:
    return data


def _with(token: Token, request: Request) -> Request:
    headers = {**request.headers, "Authorization": f"Bearer {token.value.reveal()}"}
    return attrs.evolve(request, headers=headers)


def _next_query(page: JsonObject) -> dict[str, str] | None:
    for link in children(page, "links"):
        if text(link, "rel") == "next":
            try:
                query = dict(parse_qsl(urlsplit(text(link, "href") or "").query))
            except ValueError:
                return None
            return query or None
    return None
