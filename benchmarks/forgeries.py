"""Deliveries that nobody signed: what refusing one costs, against the bare check of its signature and against a genuine one.

Anybody can send them, so the one figure that counts is how little is done before the signature is known to be wrong.
"""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from zlib import crc32

import attrs
import httpx
import on_paypal
from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate
from measure import Row, alternate

from paylattice import BaseProvider, sync
from paylattice.errors import InvalidSignature
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.testing import PayPalStandIn

__all__ = ["forgeries"]

SIZES: Mapping[int, float] = {500: 5.0, 7_000: 1.5, 65_000: 1.1, 250_000: 1.1}
"""Bytes of the body, and how many times the bare check refusing it may cost."""
SECRET, URL = "bench-secret", "https://app.test/webhooks"
_FIRST = 3
"""How many are refused before it is measured: the first one is looked into."""


@attrs.frozen
class Contest:
    """One provider and one size.

    Args:
        bare: checks the signature, and nothing else.
        accept: parses a genuine delivery.
        forged: the headers of one that nobody signed.
    """

    provider: BaseProvider
    body: bytes
    bare: Callable[[], object]
    accept: Callable[[], object]
    forged: Mapping[str, str]


def forgeries() -> list[Row]:
    return [
        row
        for name, contest in (("Stripe", _stripe), ("Square", _square), ("PayPal", _paypal))
        for size, goal in SIZES.items()
        for row in _rows(name, size, goal, contest(size))
    ]


def _rows(name: str, size: int, goal: float, contest: Contest) -> list[Row]:
    provider, body = contest.provider, contest.body

    def refused() -> None:
        try:
            sync.run(provider.parse_webhook(body, contest.forged))
        except InvalidSignature:
            return
        raise AssertionError

    for _ in range(_FIRST):
        refused()
    contestants: dict[str, Callable[[], object]] = {
        "bare": contest.bare,
        "forged": refused,
        "genuine": contest.accept,
    }
    spent = alternate(contestants, rounds=41, repeat=max(10, 1_000_000 // (size + 5_000)))
    what = f"{name}, forged delivery of {size / 1000:g} KB: CPU against"
    check = "RSA verification" if name == "PayPal" else "the bare HMAC"
    return [
        Row(f"{what} {check}", spent["forged"] / spent["bare"], goal, False),
        Row(f"{what} a genuine one", spent["forged"] / spent["genuine"], 1.0, False),
    ]


def _filled(event: dict[str, object], size: int) -> bytes:
    """The event as JSON, as long as that; filled as events are: with short fields."""
    body = json.dumps(event).encode()
    number = 0
    metadata: dict[str, str] = {}
    while len(body) < size:
        metadata |= {
            f"key_{number + step}": "a value of some length" for step in range(max(1, (size - len(body)) // 60))
        }
        number = len(metadata)
        body = json.dumps({**event, "more": metadata}).encode()
    return body


def _parsed(provider: BaseProvider, body: bytes, headers: Mapping[str, str]) -> Callable[[], object]:
    return lambda: sync.run(provider.parse_webhook(body, headers))


def _stripe(size: int) -> Contest:
    provider = StripeProvider(StripeConfig(secret_key="sk_test_bench", webhook_secret=SECRET))
    event = {"id": "evt_1", "object": "event", "created": 1_790_000_000, "livemode": False, "type": "payout.paid"}
    body = _filled({**event, "data": {"object": {"id": "po_1", "object": "payout"}}}, size)
    stamp = str(int(time.time()))
    signed = f"{stamp}.".encode() + body
    mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    return Contest(
        provider,
        body,
        lambda: hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest(),
        _parsed(provider, body, {"stripe-signature": f"t={stamp},v1={mac}"}),
        {"stripe-signature": f"t={stamp},v1={'0' * 64}"},
    )


def _square(size: int) -> Contest:
    config = SquareConfig(access_token="bench", location_id="L1", webhook_signature_key=SECRET, webhook_url=URL)
    event = {"type": "payout.paid", "event_id": "1", "created_at": "2026-11-01T10:00:00Z", "data": {"id": "po_1"}}
    body = _filled(event, size)
    signed = URL.encode() + body
    mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    header = "x-square-hmacsha256-signature"
    provider = SquareProvider(config)
    return Contest(
        provider,
        body,
        lambda: hmac.new(SECRET.encode(), signed, hashlib.sha256).digest(),
        _parsed(provider, body, {header: base64.b64encode(mac).decode()}),
        {header: "A" * 43 + "="},
    )


def _paypal(size: int) -> Contest:
    """The genuine one is as large as PayPal's are; the forged one as large as whoever made it likes."""
    server = PayPalStandIn(webhook_id=on_paypal.WEBHOOK)
    hook = on_paypal.paid_renewal(server)
    headers = {name.lower(): value for name, value in hook.headers.items()}
    provider = on_paypal.provider_of(server)
    sync.run(provider.parse_webhook(hook.payload, headers))
    answer = httpx.Client(transport=server.transport()).get(headers["paypal-cert-url"]).content
    key = load_pem_x509_certificate(answer).public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    known = key
    body = _filled({"id": "WH-1", "event_type": "PAYMENT.SALE.COMPLETED"}, size)
    made_up = bytes(range(256))
    prefix = f"{headers['paypal-transmission-id']}|{headers['paypal-transmission-time']}|{on_paypal.WEBHOOK}|"

    def bare() -> None:
        try:
            known.verify(made_up, f"{prefix}{crc32(body)}".encode(), PKCS1v15(), SHA256())
        except WrongSignature:
            return

    forged = {**headers, "paypal-transmission-sig": base64.b64encode(made_up).decode()}
    return Contest(provider, body, bare, _parsed(provider, hook.payload, headers), forged)
