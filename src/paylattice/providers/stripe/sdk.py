"""The seam to Stripe's SDK: it encodes parameters and sets headers, the transport sends.

Importing this module imports the SDK. Two of its habits are global, and handled here:

* Telemetry: by default the SDK writes an id into ``~/.config/stripe/telemetry_id`` and sends it. If this module is the
  first to import ``stripe``, it sets ``stripe.enable_telemetry = False``. An application that imported ``stripe``
  before has its own setting, and keeps it.
* Logging: the logger ``stripe`` writes whole request bodies at level DEBUG. Records about this provider's requests are
  dropped; those of the application's own use of the SDK are not. (``STRIPE_LOG=debug`` prints them all the same.)

The answer does not pass through the SDK: it would be parsed into exceptions that hold the payload and the headers. The
SDK sees an empty success, and the transport's answer comes out separately.
"""

import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import cast
from urllib.parse import urlsplit

_SDK_WAS_HERE = "stripe" in sys.modules

import stripe  # noqa: E402 - whether it was here must be known before

from ...driving import run  # noqa: E402
from ...errors import ConfigurationError, InvalidRequest  # noqa: E402
from ...guard import current_operation  # noqa: E402
from ...transport import AsyncTransport, Request, Response, Transport  # noqa: E402
from .config import StripeConfig  # noqa: E402
from .errors import retry_hint  # noqa: E402

__all__ = ["SDK", "client_for"]

if not _SDK_WAS_HERE:
    stripe.enable_telemetry = False

_TELLTALE = frozenset({"X-Stripe-Client-User-Agent", "X-Stripe-Client-Telemetry"})
"""Headers that describe this machine and how it is used. Nothing depends on them."""

_CALCULATED = frozenset({"/v1/invoices/create_preview"})
"""The paths whose POST calculates something, and changes nothing."""

_sending: ContextVar[bool] = ContextVar("paylattice_stripe_sending", default=False)


class _Discreet(logging.Filter):
    """Drops what the SDK says about requests that are sent from here."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not _sending.get()


_DISCREET = _Discreet()


class _Beside(dict[str, str]):
    """No headers for the SDK, and the transport's answer beside them."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


class _HTTPClient(stripe.HTTPClient):
    """The SDK's HTTP client over a transport."""

    name = "paylattice"

    def __init__(self, transport: Callable[[], Transport]) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - the SDK leaves an argument untyped
        self._paylattice_transport = transport

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send with the transport, and hand its answer around the SDK."""
        return b"{}", 200, _Beside(await self._answer(method, url, headers, post_data))

    async def _answer(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | bytes | None
    ) -> Response:
        request = Request(
            method=method.upper(),
            url=url,
            headers={name: value for name, value in headers.items() if name not in _TELLTALE},
            content=post_data.encode() if isinstance(post_data, str) else post_data,
            idempotency_key=headers.get("Idempotency-Key"),
            provider="stripe",
            operation=current_operation(),
            hint=retry_hint,
            reads=urlsplit(url).path in _CALCULATED,
        )
        return await self._paylattice_transport().send(request)

    def close(self) -> None:
        """Nothing: the transport belongs to the provider."""

    async def close_async(self) -> None:
        """Nothing: the transport belongs to the provider."""


class _OpenHTTPClient(_HTTPClient):
    """The same, for the application's own use of the SDK, which reads the answers itself."""

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | bytes | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send with the transport."""
        answer = await self._answer(method, url, headers, post_data)
        return answer.body, answer.status, answer.headers

    def request(  # type: ignore[override]  # the SDK says str of the body, and reads bytes as well
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: str | bytes | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send with the transport, which must be a blocking one."""
        if isinstance(self._paylattice_transport(), AsyncTransport):
            message = "this client sends with an async transport: call the methods that end in _async, and await them"
            raise ConfigurationError(message, provider="stripe")
        return run(self.request_async(method, url, headers or {}, post_data))


def client_for(config: StripeConfig, transport: Callable[[], Transport]) -> stripe.StripeClient:
    """The SDK's client for an application's own calls: over the transport, with its retries, and with the SDK's errors."""
    return _client(config, _OpenHTTPClient(transport), stripe_account=config.account)


def _client(
    config: StripeConfig, http_client: _HTTPClient, *, stripe_account: str | None = None
) -> stripe.StripeClient:
    base = config.base_url
    return stripe.StripeClient(
        config.secret_key.reveal() if config.secret_key else "",
        stripe_account=stripe_account,
        stripe_version=config.api_version,
        max_network_retries=0,
        http_client=http_client,
        base_addresses={"api": base, "connect": base, "files": base, "meter_events": base} if base else {},
    )


def _spelled(params: Mapping[str, object]) -> dict[str, object]:
    """The parameters, with yes and no as the API wants them. SDKs before 12.5 wrote ``True``."""
    return {name: _value(each) for name, each in params.items()}


def _value(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return _spelled(cast("Mapping[str, object]", value))
    return [_value(each) for each in cast("list[object]", value)] if isinstance(value, list) else value


class SDK:
    """Stripe's SDK, set up for one configuration.

    Args:
        config: the provider's settings.
        transport: gives the transport; asked at each request.
    """

    def __init__(self, config: StripeConfig, transport: Callable[[], Transport]) -> None:
        logging.getLogger("stripe").addFilter(_DISCREET)
        self._client = _client(config, _HTTPClient(transport))

    async def send(
        self, method: str, path: str, params: Mapping[str, object], key: str | None, account_id: str | None = None
    ) -> Response:
        """Send a request, and return the transport's answer whatever its status.

        Args:
            method: ``get``, ``post`` or ``delete``.
            path: begins with a slash; ids in it are quoted already.
            params: nested as Stripe's API reference has them.
            key: the idempotency key of a POST.
            account_id: the connected account that it is for; None: the key's own.

        Raises:
            InvalidRequest: a parameter cannot be encoded; nothing was sent.
        """
        token = _sending.set(True)
        try:
            options = {"idempotency_key": key} if key else {}
            if account_id is not None:  # https://docs.stripe.com/connect/authentication; version 2 has another word
                options["stripe_context" if path.startswith("/v2/") else "stripe_account"] = account_id
            answer = await self._client.raw_request_async(  # pyright: ignore[reportUnknownMemberType] - untyped **params
                method, path, **_spelled(params), **options
            )
        except UnicodeError:
            answer = None
        finally:
            _sending.reset(token)
        if answer is None:
            message = "a text holds half a character (a lone surrogate), which cannot be sent"
            raise InvalidRequest(message)
        beside = answer.headers
        if not isinstance(beside, _Beside):
            message = (
                "the installed Stripe SDK does not hand through what its HTTP client returns: install stripe>=11,<17"
            )
            raise ConfigurationError(message)
        return beside.response
