"""Three providers in front of somebody who answers what no provider should, and repeats what it was told."""

import asyncio
import gzip
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import httpx

from paylattice import BaseProvider, Capability, Money, sync
from paylattice.errors import PaymentError
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing.conformance.provider.calls import CALLS
from paylattice.transport import AsyncTransport, BlockingTransport, RetryPolicy

EMAIL = "augusta.ada.king@lovelace.example"
NAME = "Augusta Ada King Noel"
CARD = "4242424242424242"
SECRETS = {
    "stripe": ("sk_local_1f3a9c", "whsec_1f3a9c"),
    "paypal": ("a1-shape-nobody-knows", "b2-shape-nobody-knows", "token-nobody-knows"),
    "square": ("rk_proxy-9c1f3a", "signature-key-9c1f3a"),
}
TOKEN = SECRETS["paypal"][2]
FACES = ("async", "blocking")

Answer = Callable[[httpx.Request, str], httpx.Response]


def wanted(provider: str) -> tuple[str, ...]:
    """What must be nowhere."""
    basic = httpx.BasicAuth(*SECRETS["paypal"][:2])._auth_header.split()[1]
    public = SECRETS["paypal"][:1]
    return (*(each for each in SECRETS[provider] if each not in public), basic, EMAIL, NAME, CARD)


def _told(request: httpx.Request) -> str:
    """What the request held: the worst of servers says it back."""
    return f"{request.headers.get('authorization')} {request.url} {EMAIL} {CARD}"


def _refused(status: int) -> Answer:
    def answer(request: httpx.Request, provider: str) -> httpx.Response:
        told = _told(request)
        secret = request.headers.get("authorization", "").rpartition(" ")[2]
        bodies: Mapping[str, object] = {
            "stripe": {"error": {"type": "invalid_request_error", "code": secret, "param": secret, "message": told}},
            "paypal": {
                "name": secret,
                "message": told,
                "debug_id": secret,
                "details": [{"issue": secret, "field": secret, "description": told}],
            },
            "square": {"errors": [{"category": "API_ERROR", "code": secret, "field": secret, "detail": told}]},
        }
        echoed = dict.fromkeys(("Request-Id", "PayPal-Debug-Id", "X-Speleo-Traceid", "Idempotent-Replayed"), secret)
        return httpx.Response(status, json=bodies[provider], headers=echoed)

    return answer


def _raised(error: Callable[..., httpx.HTTPError]) -> Answer:
    def answer(request: httpx.Request, provider: str) -> httpx.Response:
        raise error(_told(request), request=request)

    return answer


def _body(status: int, body: bytes | None = None, **headers: str) -> Answer:
    def answer(request: httpx.Request, provider: str) -> httpx.Response:
        content = _told(request).encode() if body is None else body
        return httpx.Response(status, content=content, headers={n.replace("_", "-"): v for n, v in headers.items()})

    return answer


def _redirect(request: httpx.Request, provider: str) -> httpx.Response:
    secret = request.headers.get("authorization", "").rpartition(" ")[2]
    return httpx.Response(302, headers={"Location": f"https://elsewhere.invalid/?{secret}"})


HOSTILE: Mapping[str, Answer] = {
    "HTML": _body(200, b"<html><body>Sign in to the Wi-Fi</body></html>", content_type="text/html"),
    "what was told": _body(200),
    "truncated JSON": _body(200, b'{"id": "cus_1", "email": "' + EMAIL.encode()),
    "a list": _body(200, b"[1, 2]"),
    "wrong types": _body(200, json.dumps({"id": 5, "email": [EMAIL], "customer": {"id": {}}, "data": 1}).encode()),
    "nothing": _body(200, b""),
    "invalid UTF-8": _body(200, b'{"id": "\xff\xfe", "email": "' + EMAIL.encode() + b'"}'),
    "broken compression": _body(200, gzip.compress(EMAIL.encode())[:-9] + b"x" * 9, content_encoding="gzip"),
    "a huge body": _body(200, EMAIL.encode() * 1_100_000),
    "nested deeply": _body(200, b'{"a":' * 100_000),
    "a redirect": _redirect,
    **{str(status): _refused(status) for status in (400, 401, 402, 403, 404, 409, 422, 429, 500, 503)},
    "a refusal in HTML": _body(404),
    "a time-out": _raised(httpx.ReadTimeout),
    "no connection": _raised(httpx.ConnectError),
    "a broken connection": _raised(httpx.RemoteProtocolError),
    "an error of nobody": _raised(lambda message, request: ZeroDivisionError(message)),  # type: ignore[arg-type, return-value]
}

CREATE = {"email": EMAIL, "name": NAME, "metadata": {"card": CARD}}
CARRYING: Mapping[str, object] = {"email": EMAIL, "customer_email": EMAIL, "name": NAME, "description": NAME}
_TAKES = {
    "create_checkout_session": ("customer_email",),
    "create_payment_session": ("description",),
    "create_payment": ("description",),
    "cancel_subscription": (),
}


@attrs.frozen
class Street:
    """One provider, one face, one kind of answer."""

    name: str
    face: str
    provider: BaseProvider
    seen: "Watcher"

    def fails(self, operation: str, arguments: Mapping[str, object]) -> PaymentError | None:
        """What the call ended in; None: it came through, as reading may that finds nothing."""
        try:
            if self.face == "async":
                asyncio.run(getattr(self.provider, operation)(**arguments))
            else:
                getattr(sync.Provider(self.provider), operation)(**arguments)
        except PaymentError as error:
            return error
        return None


class Watcher(logging.Handler):
    """Keeps what observers and the log are told."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))

    def on_request(self, event: object) -> None:
        self.said.append(repr(event))

    on_response = on_retry = on_request


def street(name: str, face: str, answer: Answer, *, token: Answer | None = None) -> Street:
    """A provider in front of somebody who answers like this; PayPal's token is given out unless it is ``token``'s turn."""
    watcher = Watcher()

    def desk(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/oauth2/token"):
            if token is not None:
                return token(request, name)
            return httpx.Response(200, json={"access_token": TOKEN, "expires_in": 30_000})
        if request.url.path.startswith("/v2/locations/"):
            place = {"id": "L1", "status": "ACTIVE", "currency": "USD", "name": "x", "timezone": "UTC"}
            return httpx.Response(200, json={"location": place})
        return answer(request, name)

    mock = httpx.MockTransport(desk)
    retry = RetryPolicy(attempts=2)

    async def no_sleep(_: float) -> None:
        return None

    transport: Any
    if face == "async":
        transport = AsyncTransport(transport=mock, retry=retry, sleep=no_sleep, observers=[watcher])
    else:
        transport = BlockingTransport(transport=mock, retry=retry, sleep=lambda _: None, observers=[watcher])
    one, two = SECRETS[name][:2]
    provider: BaseProvider
    if name == "stripe":
        provider = StripeProvider(StripeConfig(secret_key=one, webhook_secret=two), transport=transport)
    elif name == "paypal":
        settings = PayPalConfig(client_id=one, client_secret=two, webhook_id="0EH40505U7160970P")
        provider = PayPalProvider(settings, transport=transport)
    else:
        square = SquareConfig(
            access_token=one, webhook_signature_key=two, webhook_url="https://shop.example/hook", location_id="L1"
        )
        provider = SquareProvider(square, transport=transport)
    return Street(name, face, provider, watcher)


def calls(provider: BaseProvider) -> list[tuple[str, Mapping[str, object]]]:
    """Every operation that the provider has, with personal data wherever it takes some."""
    found: list[tuple[str, Mapping[str, object]]] = []
    for call in CALLS:
        if call.capability is not None and call.capability not in provider.capabilities:
            continue
        arguments = {name: CARRYING.get(name, value) for name, value in call.arguments.items()}
        more = {name: CARRYING[name] for name in _TAKES.get(call.name, ())}
        found.append((call.name, {**arguments, **more, **(CREATE if call.name == "create_customer" else {})}))
    if Capability.PAYMENTS in provider.capabilities:
        back = {"success_url": "https://example.com/", "cancel_url": "https://example.com/"}
        found.append(("create_payment_session", {"amount": Money(5, "USD"), "description": NAME, **back}))
    return found
