"""What an error reporter gets to see of a delivery that is refused: neither the secret, nor what the delivery says."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from paylattice import BillingService, InMemoryRepository, sync
from paylattice.errors import PaymentError

from .streets import EMAIL, FACES, HOSTILE, NAME, SECRETS, street, wanted
from .walker import leaks

BODY = json.dumps({"id": "evt_1", "type": "x", "event_id": "1", "email": EMAIL, "name": NAME}).encode()
HEADERS: Mapping[str, Mapping[str, str]] = {
    "stripe": {"Stripe-Signature": "t=1790000000,v1=" + "0" * 64},
    "square": {"x-square-hmacsha256-signature": "A" * 43 + "="},
    "paypal": {
        "paypal-transmission-id": "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
        "paypal-transmission-time": "2026-09-21T14:13:20Z",
        "paypal-transmission-sig": "AAAA",
        "paypal-cert-url": "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270",
        "paypal-auth-algo": "SHA256withRSA",
    },
}
KINDS: Mapping[str, Callable[[str], tuple[Any, Any]]] = {
    "forged": lambda name: (BODY, HEADERS[name]),
    "without headers": lambda name: (BODY, {}),
    "with headers of another form": lambda name: (BODY, dict.fromkeys(HEADERS[name], EMAIL)),
    "with an empty body": lambda name: (b"", HEADERS[name]),
    "as a dict": lambda name: (json.loads(BODY), HEADERS[name]),
    "with headers that are none": lambda name: (BODY, 5),
}
every_kind = pytest.mark.parametrize("kind", KINDS)
every_face = pytest.mark.parametrize("face", FACES)
every_provider = pytest.mark.parametrize("name", SECRETS)


@every_kind
@every_face
@every_provider
@pytest.mark.parametrize("answer", ["HTML", "500", "a time-out"])
def test_nothing_is_in_the_frames_of_a_refused_delivery(name: str, face: str, kind: str, answer: str) -> None:
    there = street(name, face, HOSTILE[answer])
    payload, headers = KINDS[kind](name)
    error = there.fails("parse_webhook", {"payload": payload, "headers": headers})
    assert error is not None
    assert leaks(error, wanted(name)) == []


@every_kind
@every_provider
def test_nor_of_a_check_against_one_secret(name: str, kind: str) -> None:
    there = street(name, "blocking", HOSTILE["HTML"])
    payload, headers = KINDS[kind](name)
    for provider in (there.provider, sync.Provider(there.provider)):
        with pytest.raises(PaymentError) as caught:
            provider.verify_webhook_signature(payload, headers, SECRETS[name][1])
        assert leaks(caught.value, wanted(name)) == []


@every_kind
@every_face
@every_provider
def test_nor_of_one_that_billing_refuses(name: str, face: str, kind: str) -> None:
    there = street(name, face, HOSTILE["HTML"])
    payload, headers = KINDS[kind](name)
    with pytest.raises(PaymentError) as caught:
        if face == "async":
            asyncio.run(BillingService(there.provider, InMemoryRepository()).handle_webhook(name, payload, headers))
        else:
            sync.BillingService(there.provider, sync.InMemoryRepository()).handle_webhook(name, payload, headers)
    assert leaks(caught.value, wanted(name)) == []
