"""The base of a provider that speaks JSON over HTTP: sending, retries, idempotency keys, errors.

What is left to a provider is what only it knows: its base URL, its credentials, its words for an error, and how its objects
become models.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, cast, overload
from urllib.parse import quote

import attrs
from typing_extensions import TypeVar as TypeVarWithDefault

from ..arguments import check_id
from ..config import ProviderConfig, url_from
from ..errors import ConfigurationError, InvalidRequest, InvalidResponse, NotFound
from ..frozen import FrozenMap
from ..guard import current_operation
from ..jsonlike import JsonObject, parse_object, text
from ..models import Model
from ..provider import BaseProvider
from ..transport.answers import Asked, Refusal, failure_from, is_success, object_from, unreadable
from ..transport.messages import Request, Response

if TYPE_CHECKING:
    from ..transport import Transport

__all__ = ["HTTPProvider", "Refusal", "Request", "Response", "path_of"]

T = TypeVar("T")
C = TypeVarWithDefault("C", bound=ProviderConfig, default=ProviderConfig)

_NONE: Mapping[str, str] = FrozenMap()


def path_of(*parts: str) -> str:
    """The path of an object: ``path_of("customers", customer_id)`` is ``/customers/cus_1``. Every part is one segment.

    Raises:
        InvalidResponse: a part, which then comes from an answer of the provider, would lead elsewhere. (Ids that the
            application hands in were checked before.)
    """
    try:
        for part in parts:
            check_id("id", part)
    except InvalidRequest:
        fits = False
    else:
        fits = True
    if not fits:
        message = "an id in the provider's answer cannot be one"
        raise InvalidResponse(message)
    return "/" + "/".join(quote(part, safe="") for part in parts)


class HTTPProvider(BaseProvider, Generic[C]):
    """A provider that speaks JSON over HTTP: ``class AcmeProvider(HTTPProvider[AcmeConfig])``.

    Operations call :meth:`send` and :meth:`find`. Time-outs, retries, observers and the total deadline are the
    transport's; a field ``base_url`` of the configuration, if it has one and it is set, replaces the class's.

    Args:
        config: the provider's settings; None: from the environment.
        transport: how to reach the provider; None: one of its own, which ``aclose()`` closes.
        clock: the time: seconds since 1970, or an aware datetime.

    Raises:
        ConfigurationError: a required setting is missing, or the address is neither https nor on this machine.
    """

    title: ClassVar[str] = ""
    """The provider as a person calls it, for messages. If empty, its name."""
    base_url: ClassVar[str]
    """The address of the API, with the path that all endpoints share."""
    idempotency_header: ClassVar[str | None] = "Idempotency-Key"
    """The header that carries a write's key, if there is one."""
    idempotency_field: ClassVar[str | None] = None
    """The field of a JSON body that carries a write's key, for APIs that read it there. With neither a header nor a
    field, the API knows no keys, and no write is ever sent twice."""
    replay_header: ClassVar[str] = "Idempotent-Replayed"
    """The header that says ``true`` when the answer is the stored one to an earlier request with the same key."""
    request_id_header: ClassVar[str] = "Request-Id"
    """The header that carries the provider's id of the request, which its support asks for."""

    def __init__(
        self,
        config: C | None = None,
        *,
        transport: "Transport | None" = None,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        super().__init__(config, transport=transport, clock=clock)
        settings = self.config
        settings.require(*(setting.field for setting in settings.settings() if setting.required))
        url_from(self.address())

    @property
    def config(self) -> C:
        """The provider's settings.

        Raises:
            ConfigurationError: the class names no ``config_class``, and none was handed in.
        """
        if self._config is None:
            message = f"{type(self).__name__} has no settings: name a config_class"
            raise ConfigurationError(message, provider=self.name)
        return cast("C", self._config)

    # --- what a provider overrides -------------------------------------------------------------------------------

    def auth_headers(self) -> Mapping[str, str]:
        """The headers that carry the credentials. They go to the base URL only."""
        return _NONE

    def refusal_from(self, body: JsonObject, response: Response) -> Refusal:
        """What an error body says. The default reads the common ``{"error": {"code": ..., "message": ...}}``.

        Args:
            body: the object in the answer.
            response: the answer, for its status and headers.
        """
        inner = body.get("error")
        about = cast("JsonObject", inner) if isinstance(inner, Mapping) else body
        return Refusal(code=text(about, "code"), said=text(about, "message"), stored=self.is_replayed(response, None))

    def retry_hint(self, response: Response) -> bool | None:
        """What the provider says about sending the request again; None: as the transport's retry policy thinks."""
        return None

    def address(self) -> str:
        """Where the API is: the ``base_url`` of the settings, if they have one and it is set, else the class's."""
        return getattr(self.config, "base_url", None) or self.base_url

    def is_replayed(self, response: Response, request: Request | None) -> bool:
        """Whether the answer is the stored one to an earlier request with the same key.

        Args:
            response: the answer.
            request: what it answers; None where only the answer is known.
        """
        return response.headers.get(self.replay_header.lower()) == "true"

    # --- what its operations call --------------------------------------------------------------------------------

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
            The object in the answer (an empty one for 204), or what ``into`` made of it.

        Raises:
            PaymentError: the provider refused, did not answer, or answered what cannot be read.
        """
        sent = self._addressed(request)
        response = await self.transport.send(sent)
        if not is_success(response):
            body = parse_object(response.body)
            refusal = None if body is None else self.refusal_from(body, response)
            raise failure_from(response, self._asked(sent), refusal)
        data = object_from(response)
        if data is None:
            raise unreadable("it is no JSON object", response, self._asked(sent))
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
        raise unreadable(why, response, self._asked(sent))

    async def find(self, path: str, into: Callable[[JsonObject], T], *, params: Mapping[str, str] = _NONE) -> T | None:
        """The object at the path; None if the provider says that there is none."""
        try:
            return await self.send(Request("GET", path, params=params), into)
        except NotFound:
            return None

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
            url=self.address().rstrip("/") + path,
            headers={"Accept": "application/json", **request.headers, **carried, **self.auth_headers()},
            json=body,
            idempotency_key=key,
            provider=self.get_provider_name(),
            operation=request.operation or current_operation(),
            hint=request.hint or self.retry_hint,
            request_id_header=self.request_id_header.lower(),
        )

    def _asked(self, request: Request) -> Asked:
        required = [setting.variable for setting in self.config.settings() if setting.required]
        return Asked(
            provider=self.get_provider_name(),
            sender=self.title or self.get_provider_name(),
            credentials=", ".join(required) or "the credentials",
            writes=request.writes,
            key=request.idempotency_key,
            request_id_header=self.request_id_header.lower(),
            secrets=(*self.config.secrets(), *request.credentials),
        )
