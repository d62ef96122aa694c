"""The part of a provider that sends JSON over HTTP: requests, retries, idempotency keys, errors.

A provider holds one, and tells it what only that provider knows: the base URL, the credentials, and how to read an error.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast, overload
from urllib.parse import quote

import attrs

from ..arguments import is_id
from ..config import ProviderConfig, url_from
from ..errors import (
    Conflict,
    InvalidRequest,
    InvalidResponse,
    NotFound,
    OutcomeUnknown,
    PaymentError,
    ResponseOutcomeUnknown,
)
from ..frozen import FrozenMap
from ..guard import current_operation
from ..jsonlike import JsonObject, parse_object, text
from ..models import Model
from ..transport.answers import SUCCESS, Asked, ErrorResponse, failure_from, object_from, unreadable
from ..transport.messages import Request, Response

if TYPE_CHECKING:
    from ..transport import Transport

__all__ = ["JSONAPI", "ErrorResponse", "Request", "Response", "path_of"]

T = TypeVar("T")
C = TypeVar("C", bound=ProviderConfig)

_NONE: Mapping[str, str] = FrozenMap()


def path_of(*parts: str) -> str:
    """The path of an object: ``path_of("customers", customer_id)`` is ``/customers/cus_1``. Every part is one segment.

    Raises:
        InvalidResponse: a part, which then comes from an answer of the provider, would lead elsewhere. (Ids that the
            application hands in were checked before.)
    """
    if not all(map(is_id, parts)):
        message = "an id in the provider's answer cannot be one"
        raise InvalidResponse(message)
    return "/" + "/".join(quote(part, safe="") for part in parts)


class JSONAPI(Generic[C]):
    """Sends JSON to a provider's API. Your provider holds one: ``class AcmeAPI(JSONAPI[AcmeConfig])``.

    The operations call :meth:`send` and :meth:`find`. The transport brings timeouts, retries, observers and the total
    deadline. If the settings have a ``base_url`` that is set, it replaces the class's.

    Args:
        config: the provider's settings. Their ``provider`` names the provider in errors.
        transport: the transport, or a function that returns it. Inside a :class:`~paylattice.BaseProvider` pass
            ``lambda: self.transport``: it makes the transport when the first request needs it, and closes it.

    Raises:
        ConfigurationError: a required setting is missing, or the address is neither https nor on this machine.
    """

    title: ClassVar[str] = ""
    """The provider as a person calls it, for messages. If empty, its name."""
    base_url: ClassVar[str]
    """The address of the API, with the path that all endpoints share."""
    credentials: ClassVar[str] = ""
    """The settings that hold the credentials, for the message when they are not accepted. If empty, the required ones."""
    idempotency_header: ClassVar[str | None] = "Idempotency-Key"
    """The header that carries a write's key, if there is one."""
    idempotency_field: ClassVar[str | None] = None
    """The field of a JSON body that carries a write's key, for APIs that read it there. With neither a header nor a
    field, the API knows no keys, and no write is ever sent twice."""
    replay_header: ClassVar[str] = "Idempotent-Replayed"
    """The header that says ``true`` when the answer is the stored one to an earlier request with the same key."""
    request_id_header: ClassVar[str] = "Request-Id"
    """The header that carries the provider's id of the request, which its support asks for."""

    def __init__(self, config: C, transport: "Transport | Callable[[], Transport]") -> None:
        required = [setting for setting in config.settings() if setting.required]
        config.require(*(setting.field for setting in required))
        url_from(self.address(config))
        self.config: C = config
        self.name: str = config.provider
        self._transport = transport
        self._address = self.address(config).rstrip("/")
        self._credentials = self.credentials or ", ".join(setting.variable for setting in required) or "the credentials"

    @property
    def transport(self) -> "Transport":
        """How the provider is reached."""
        return self._transport() if callable(self._transport) else self._transport

    # --- what an API overrides -----------------------------------------------------------------------------------

    def auth_headers(self) -> Mapping[str, str]:
        """Return the headers that carry the credentials. They go to the base URL only."""
        return _NONE

    def error_response(self, body: JsonObject, response: Response) -> ErrorResponse | None:
        """Read an error body. The default reads the common ``{"error": {"code": ..., "message": ...}}``.

        Args:
            body: the object in the answer.
            response: the answer, for its status and headers.

        Returns:
            What it says; None: it is no error of the provider's. A 404 or 410 then says nothing about the object: it may come
            from a gateway, or from a wrong base URL.
        """
        inner = body.get("error")
        about = cast("JsonObject", inner) if isinstance(inner, Mapping) else body
        code, message = text(about, "code"), text(about, "message")
        return ErrorResponse(code=code, message=message, replayed=self.is_replayed(response, None))

    def retry_hint(self, response: Response) -> bool | None:
        """Say whether the provider wants the request again; None leaves it to the transport's retry policy."""
        return None

    def native_headers(self, path: str) -> Mapping[str, str]:
        """Return further headers for a native request that writes."""
        return _NONE

    def address(self, config: C) -> str:
        """Return the address of the API: the ``base_url`` of the settings, if it is set, else the class's."""
        return getattr(config, "base_url", None) or self.base_url

    def is_replayed(self, response: Response, request: Request | None) -> bool:
        """Say whether the answer is the stored one to an earlier request with the same key.

        Args:
            response: the answer.
            request: what it answers; None where only the answer is known.
        """
        return response.headers.get(self.replay_header.lower()) == "true"

    # --- what the operations call ---------------------------------------------------------------------------------

    @overload
    async def send(self, request: Request) -> JsonObject: ...

    @overload
    async def send(self, request: Request, into: Callable[[JsonObject], T]) -> T: ...

    async def send(self, request: Request, into: Callable[[JsonObject], T] | None = None) -> JsonObject | T:
        """Send a request, and return what the answer holds.

        Args:
            request: its ``url`` is the path below the base URL: ``Request("POST", "/customers", json=...,
                idempotency_key=key)``. A write without a key is not sent a second time when its answer is lost.
            into: makes a model of the object. With it, an answer to a write that cannot be read is known for what it is:
                the write was done, and the error says so.

        Returns:
            The object in the answer (an empty one for 204, and for 202 without a body), or what ``into`` made of it.

        Raises:
            PaymentError: the provider refused, did not answer, or answered what cannot be read.
        """
        sent = self._addressed(request)
        response = await self.transport.send(sent)
        if response.status not in SUCCESS:
            body = parse_object(response.body)
            error = None if body is None else self.error_response(body, response)
            raise failure_from(response, self.asked(sent), error)
        data = object_from(response)
        if data is None:
            raise unreadable("it is no JSON object", response, self.asked(sent))
        if into is None:
            return data
        try:
            result = into(data)
        except InvalidResponse as error:
            why = error.message
        else:
            if isinstance(result, Model) and self.is_replayed(response, sent):
                return cast("T", attrs.evolve(result, replayed=True))
            return result
        raise unreadable(why, response, self.asked(sent))

    async def find(self, path: str, into: Callable[[JsonObject], T], *, params: Mapping[str, str] = _NONE) -> T | None:
        """Read the object at the path; None if the provider says that there is none."""
        try:
            return await self.send(Request("GET", path, params=params), into)
        except NotFound:
            return None

    async def call(
        self, method: str, path: str, params: Mapping[str, object] | Sequence[object] | None, key: str | None
    ) -> dict[str, object]:
        """Send what :meth:`paylattice.PaymentProvider.request` is given, and return the JSON of the answer.

        Args:
            method: the HTTP method.
            path: below the base URL.
            params: the query of a read or a deletion, otherwise the body.
            key: the idempotency key. None: a write is sent once.

        Raises:
            InvalidRequest: the query is nested, or the key has no place in the body.
        """
        if method in {"GET", "DELETE"}:
            taken = key if self.idempotency_header else None  # there is no body to put it into
            return dict(await self.send(Request(method, path, params=_query(params), idempotency_key=taken)))
        if key is not None and self.idempotency_field and not isinstance(params, Mapping | None):
            message = "an idempotency key goes into the body here, and params is a list: leave the key out"
            raise InvalidRequest(message, param="params", provider=self.name)
        body: object = {} if params is None else params
        return dict(
            await self.send(Request(method, path, json=body, headers=self.native_headers(path), idempotency_key=key))
        )

    async def write_then_verify(self, write: Callable[[], Awaitable[T]], read: Callable[[], Awaitable[T | None]]) -> T:
        """Send a write that has no key, and read back whether it was done where its answer does not tell.

        An error response does not tell either: an earlier attempt whose answer got lost may have done it, or another process.

        Args:
            write: sends it.
            read: reads the state back; None: it is not as wanted.

        Raises:
            PaymentError: what the write ended in, if the state is not as wanted, or cannot be read.
        """
        try:
            return await write()
        except (OutcomeUnknown, Conflict, InvalidRequest, NotFound) as error:
            failure = error
        try:
            found = await read()
        except PaymentError:
            found = None
        if found is None:
            raise failure
        return found

    async def read_after_write(self, read: Callable[[], Awaitable[T]]) -> T:
        """Read what the answer to a finished write needs. A failed read does not undo the write, and its error says so.

        Raises:
            ResponseOutcomeUnknown: it cannot be read.
        """
        try:
            return await read()
        except OutcomeUnknown:
            raise
        except PaymentError as error:
            why = error.message
        title = self.title or self.name
        message = f"{title} did it, and the result cannot be read: {why}. provider.recover(error) reads it again"
        raise ResponseOutcomeUnknown(message, provider=self.name)

    # --- inside --------------------------------------------------------------------------------------------------

    def _addressed(self, request: Request) -> Request:
        path = request.url
        if not path.startswith("/") or path.startswith("//"):
            message = "the path of a request begins with one slash, and is below the base URL: nothing was sent"
            raise InvalidRequest(message, param="url", provider=self.name)
        takes_keys = request.writes and (self.idempotency_header or self.idempotency_field)
        key = request.idempotency_key if takes_keys else None
        carried = {self.idempotency_header: key} if self.idempotency_header and key else {}
        body = request.json
        if self.idempotency_field and key:
            body = {self.idempotency_field: key, **cast("JsonObject", body or {})}
        return attrs.evolve(
            request,
            url=self._address + path,
            headers={"Accept": "application/json", **request.headers, **carried, **self.auth_headers()},
            json=body,
            idempotency_key=key,
            provider=self.name,
            operation=request.operation or current_operation(),
            hint=request.hint or self.retry_hint,
            request_id_header=self.request_id_header.lower(),
        )

    def asked(self, request: Request) -> Asked:
        """Who was asked, and what for: what an error needs to know."""
        return Asked(
            provider=self.name,
            sender=self.title or self.name,
            credentials=self._credentials,
            writes=request.writes,
            key=request.idempotency_key,
            request_id_header=self.request_id_header.lower(),
            secrets=lambda: (*self.config.secrets(), *request.credentials),
        )


def _query(params: Mapping[str, object] | Sequence[object] | None) -> dict[str, str]:
    """A query of texts, numbers, and yes and no. What is None is left out."""
    if params is None:
        return {}
    if isinstance(params, Mapping):
        said = {name: _said(value) for name, value in params.items() if value is not None}
        query = {name: value for name, value in said.items() if value is not None}
        if len(query) == len(said):
            return query
    message = "params must be a flat dict here: they are the query of the request, and this API's queries have no lists"
    raise InvalidRequest(message, param="params")


def _said(value: object) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None
