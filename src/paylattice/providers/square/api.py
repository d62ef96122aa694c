"""Square's API: headers, errors inside a 200, keys, searches, pages, the location."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ClassVar, TypeVar, overload

import attrs

from ...errors import (
    ConfigurationError,
    InvalidRequest,
    InvalidResponse,
    NotFound,
    PermissionDenied,
)
from ...idempotency import sub_key
from ...jsonlike import JsonObject, child, children, text
from ...transport.answers import Asked, failure_from
from ...transport.primitives import mutex
from ..api import JSONAPI, ErrorResponse, Request, Response, path_of
from . import errors
from .config import SquareConfig
from .locations import Location, location_from

if TYPE_CHECKING:
    from ...transport import Transport
    from ...transport.primitives import Lock

__all__ = ["SquareAPI", "get_page", "part", "path_of", "search", "wire_key", "write"]

T = TypeVar("T")

_LONGEST_KEY = 45
_MOST_PAGES = 1000
_MOST_MERGES = 1024


def wire_key(key: str | None) -> str | None:
    """The key as every endpoint takes it: at most 45 characters. A longer one is replaced by a digest of it.

    The limits are 45, 128 or 192 by endpoint, and not stated for some: the smallest holds for all.
    """
    return sub_key(key, "square") if key is not None and len(key) > _LONGEST_KEY else key


def part(name: str, into: Callable[[JsonObject], T]) -> Callable[[JsonObject], T]:
    """Makes a model of one object in the answer: Square's answers are ``{"customer": {...}}``."""
    return lambda data: into(child(data, name))


def write(
    method: str, path: str, body: JsonObject | None = None, *, params: Mapping[str, str] | None = None
) -> Request:
    """A write whose endpoint takes no key: it is sent once."""
    return Request(method, path, json=body, params=params or {})


def get_page(path: str, params: Mapping[str, str], cursor: str | None) -> Request:
    """One page of a list."""
    return Request("GET", path, params={**params, "cursor": cursor} if cursor else params)


def search(path: str, body: JsonObject) -> Request:
    """A POST that only reads, and may be sent again as any other read."""
    return Request("POST", path, json=body, reads=True)


class _RefusedInside(Exception):
    """Errors inside a 200."""

    def __init__(self, body: JsonObject) -> None:
        super().__init__("errors inside a 200")
        self.body = body


class SquareAPI(JSONAPI[SquareConfig]):
    """Sends to Square: keys in the body, errors inside a 200, lists by cursor, and the location that sells.

    Args:
        config: Square's settings.
        transport: how to reach Square, or a function that returns it.
        clock: seconds since 1970.
    """

    title = "Square"
    credentials = "SQUARE_ACCESS_TOKEN and SQUARE_ENVIRONMENT, which must belong together"
    idempotency_header: ClassVar[str | None] = None
    idempotency_field: ClassVar[str | None] = "idempotency_key"
    request_id_header = "x-speleo-traceid"

    def __init__(
        self,
        config: SquareConfig,
        transport: "Transport | Callable[[], Transport]",
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(config, transport)
        self.clock = clock
        self._mutex = mutex()
        self._asking: Lock | None = None
        self._location: Location | None = None
        self._has_no_location = False
        self._merges: dict[str, str] = {}

    def now(self) -> datetime:
        """The time, UTC."""
        return datetime.fromtimestamp(self.clock(), UTC)

    # --- what Square does its own way ----------------------------------------------------------------------------

    def auth_headers(self) -> Mapping[str, str]:
        """The token, and the version of the API."""
        return {"Authorization": f"Bearer {self.config.token()}", "Square-Version": self.config.api_version}

    def error_response(self, body: JsonObject, response: Response) -> ErrorResponse | None:
        """What an error body says."""
        return errors.error_response_from(body, response)

    def retry_hint(self, response: Response) -> bool | None:
        """What Square says about sending the request again."""
        return errors.retry_hint(response)

    def asked(self, request: Request) -> Asked:
        """Who was asked, and what for."""
        asked = super().asked(request)
        return attrs.evolve(asked, secrets=lambda: (*asked.secrets(), self.config.token()))

    async def call(
        self, method: str, path: str, params: Mapping[str, object] | Sequence[object] | None, key: str | None
    ) -> dict[str, object]:
        """A native request; a key that is too long for Square is sent as a digest of itself."""
        return await super().call(method, path, params, wire_key(key))

    @overload
    async def send(self, request: Request) -> JsonObject: ...

    @overload
    async def send(self, request: Request, into: Callable[[JsonObject], T]) -> T: ...

    async def send(self, request: Request, into: Callable[[JsonObject], T] | None = None) -> JsonObject | T:
        """Send a request, and return what the answer holds. Errors inside a 200 count, too."""

        def checked(data: JsonObject) -> JsonObject | T:
            if errors.errors_in(data):
                raise _RefusedInside(data)
            return data if into is None else into(data)

        try:
            return await super().send(request, checked)
        except _RefusedInside as inside:
            body = inside.body
        response = Response(errors.status_of(body))
        failure = failure_from(response, self.asked(request), errors.error_response_from(body, response))
        failure.http_status = 200
        raise failure

    def is_merged(self, asked: str, answered: str) -> bool:
        """Whether Square was seen to have merged the one profile into the other."""
        with self._mutex:
            return self._merges.get(asked) == answered

    def note_merge(self, old: str, new: str) -> None:
        """Remember a merge."""
        with self._mutex:
            self._merges[old] = new
            while len(self._merges) > _MOST_MERGES:
                del self._merges[next(iter(self._merges))]

    # --- what the operations call -----------------------------------------------------------------------------------

    async def create(self, path: str, body: JsonObject, key: str | None, into: Callable[[JsonObject], T]) -> T:
        """Send a write whose endpoint takes a key in its body."""
        return await self.send(Request("POST", path, json=body, idempotency_key=wire_key(key)), into)

    async def listed(
        self,
        ask: Callable[[str | None], Request],
        name: str,
        *,
        limit: int | None = None,
        keep: Callable[[JsonObject], bool] = lambda _: True,
    ) -> list[JsonObject]:
        """The objects of all pages, each once, as many as ``limit``.

        A page may be empty and still not be the last: only a missing cursor says that. A cursor that has become too old
        (they live for some minutes) begins the list anew, once.

        Args:
            ask: the request of a page, by its cursor.
            name: the list in the answer.
            limit: how many; None: all.
            keep: which ones count.
        """
        try:
            return await self._pages(ask, name, limit, keep)
        except InvalidRequest as error:
            if error.code != errors.INVALID_CURSOR:
                raise
        return await self._pages(ask, name, limit, keep)

    async def _pages(
        self, ask: Callable[[str | None], Request], name: str, limit: int | None, keep: Callable[[JsonObject], bool]
    ) -> list[JsonObject]:
        found: dict[str, JsonObject] = {}
        cursors: set[str] = set()
        cursor: str | None = None
        while limit is None or len(found) < limit:
            page = await self.page(ask(cursor), name)
            for data in children(page, name):
                if keep(data):
                    found.setdefault(text(data, "id") or text(data, "event_id") or f"{len(found)}", data)
            cursor = text(page, "cursor")
            if not cursor:
                break
            if cursor in cursors or len(cursors) >= _MOST_PAGES:
                message = "Square's list does not end: a cursor came a second time, or there are too many pages"
                raise InvalidResponse(message)
            cursors.add(cursor)
        return list(found.values())[:limit]

    async def page(self, request: Request, name: str) -> JsonObject:
        """One page of a list.

        Raises:
            InvalidResponse: what it has under the list's name is no list.
        """
        return await self.send(request, _page(name))

    async def location(self) -> Location:
        """The location that sells; asked for once.

        Raises:
            ConfigurationError: none is configured, or there is none of the id, or it is closed; names those that exist.
        """
        known = self._location
        if known is not None:
            return known
        with self._mutex:
            if self._asking is None:
                self._asking = self.transport.lock()
            lock = self._asking
        async with lock.held():
            if self._location is None:
                self._location = await self._read_location()
            return self._location

    @property
    def known_location(self) -> Location | None:
        """The location that sells, if it was read before."""
        return self._location

    async def merchant_id(self) -> str | None:
        """The seller whose location it is; None if no location is configured, or it cannot be known, which is asked once."""
        if self.config.location_id is None or self._has_no_location:
            return None
        try:
            return (await self.location()).merchant_id
        except ConfigurationError:
            self._has_no_location = True
            return None

    async def _read_location(self) -> Location:
        configured = self.config.location_id
        found: Location | None = None
        if configured is not None:
            try:
                found = await self.find(path_of("v2", "locations", configured), part("location", location_from))
            except (InvalidRequest, PermissionDenied):  # of another merchant
                found = None
        if found is not None and found.active:
            return found
        if found is not None:
            message = f"the Square location {found.id} (SQUARE_LOCATION_ID) is not active: it cannot sell"
            raise ConfigurationError(message, provider=self.name)
        wrong = (
            "needs SQUARE_LOCATION_ID to know which location sells"
            if configured is None
            else (f"finds no location {configured} (SQUARE_LOCATION_ID) in the account's {self.config.environment}")
        )
        message = f"provider 'square' {wrong}. {await self._locations_in_words()}"
        raise ConfigurationError(message, provider=self.name)

    async def _locations_in_words(self) -> str:
        try:
            page = await self.send(Request("GET", "/v2/locations"), _page("locations"))
            found = [location_from(data) for data in children(page, "locations") if text(data, "id")]
        except (InvalidResponse, InvalidRequest, PermissionDenied, NotFound) as error:
            return f"Which ones exist cannot be read: {error.message}"
        named = ", ".join(location.in_words() for location in found)
        return f"There {'is' if len(found) == 1 else 'are'}: {named}." if named else "There is none."


def _page(name: str) -> Callable[[JsonObject], JsonObject]:
    def check(data: JsonObject) -> JsonObject:
        if name in data and not isinstance(data[name], list | type(None)):
            message = f"the answer's {name!r} is no list"
            raise InvalidResponse(message)
        return data

    return check
