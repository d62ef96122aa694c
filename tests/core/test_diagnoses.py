"""What a delivery that nobody signed makes this library do: look at it once, and say why only now and then."""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from paylattice import BaseProvider
from paylattice.diagnoses import Diagnoses
from paylattice.errors import Diagnosis, InvalidSignature, MalformedPayload
from paylattice.providers.memory import InMemoryProvider, MemoryConfig
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.signatures import SigningKey

NOW = 1_790_000_000
EVENT = {"id": "evt_1", "event_id": "evt_1", "object": "event", "type": "x", "created": NOW}
BODY = json.dumps(EVENT).encode()
URL = "https://shop.example/webhooks"


def stripe(*secrets: str) -> BaseProvider:
    return StripeProvider(StripeConfig(secret_key="sk_test_1", webhook_secret=secrets), clock=lambda: NOW)


def square(*secrets: str) -> BaseProvider:
    return SquareProvider(SquareConfig(access_token="x", webhook_signature_key=secrets, webhook_url=URL))


def memory(*secrets: str) -> BaseProvider:
    return InMemoryProvider(MemoryConfig(webhook_secret=secrets))


MADE: Mapping[str, Callable[..., BaseProvider]] = {"stripe": stripe, "square": square, "memory": memory}
FORGED = {
    "stripe": {"stripe-signature": f"t={NOW},v1={'0' * 64}"},
    "square": {"x-square-hmacsha256-signature": "A" * 43 + "="},
    "memory": {"paylattice-signature": f"t={NOW},v1={'0' * 64}"},
}
every_provider = pytest.mark.parametrize("name", MADE)


class Clock:
    now = 5.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def macs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """One entry for every HMAC that is made: how many bytes went into it."""
    made: list[int] = []
    mac = SigningKey.mac

    def counted(self: SigningKey, prefix: bytes, body: bytes) -> bytes:
        made.append(len(prefix) + len(body))
        return mac(self, prefix, body)

    monkeypatch.setattr(SigningKey, "mac", counted)
    return made


def refused(provider: BaseProvider, body: bytes = BODY, headers: Mapping[str, str] | None = None) -> Diagnosis:
    with pytest.raises(InvalidSignature) as caught:
        asyncio.run(provider.parse_webhook(body, headers or FORGED[provider.get_provider_name()]))
    return caught.value.diagnosis


@every_provider
@pytest.mark.parametrize("secrets", [("one",), ("one", "two"), ("one", "two", "three")])
def test_a_forged_delivery_costs_one_hmac_for_each_secret(name: str, secrets: tuple[str, ...], macs: list[int]) -> None:
    provider = MADE[name](*secrets)
    refused(provider)  # the first one is looked into
    macs.clear()
    for _ in range(5):
        refused(provider)
    assert len(macs) == 5 * len(secrets)


@every_provider
def test_as_many_signatures_as_fit_into_a_header_cost_no_more(name: str, macs: list[int]) -> None:
    provider = MADE[name]("one")
    [(header, value)] = FORGED[name].items()
    first, _, one = value.rpartition(",")
    refused(provider)
    macs.clear()
    refused(provider, headers={header: ",".join([*([first] if first else []), *[one] * 55])})
    assert len(macs) == 1
    assert refused(provider, headers={header: ",".join([value] * 1000)}) is Diagnosis.HEADER_MALFORMED
    assert len(macs) == 1


@every_provider
def test_a_large_body_is_never_looked_into(name: str, macs: list[int]) -> None:
    provider = MADE[name]("one")
    body = json.dumps({**EVENT, "note": "x" * 20_000}).encode()
    assert refused(provider, body) is Diagnosis.WRONG_SECRET
    assert len(macs) == 1


@every_provider
def test_the_first_refusal_and_then_one_in_a_second_is_explained(name: str) -> None:
    clock = Clock()
    provider = MADE[name]("one")
    provider.diagnoses = Diagnoses(clock=clock)
    no_event = b"no event"
    found = []
    for moment in (5.0, 5.5, 5.999, 6.0, 6.1, 7.5):
        clock.now = moment
        found.append(refused(provider, no_event) is Diagnosis.BODY_NOT_AN_EVENT)
    assert found == [True, False, False, True, False, True]


@every_provider
def test_every_refusal_of_any_size_is_explained_to_who_asks_for_it(name: str) -> None:
    provider = MADE[name]("one")
    provider.diagnoses = Diagnoses(every=0, largest=10**9)
    for body in (b"no event", b"no event" * 100_000, b"no event"):
        assert refused(provider, body) is Diagnosis.BODY_NOT_AN_EVENT


@every_provider
def test_what_is_wrong_with_the_headers_is_always_told(name: str) -> None:
    provider = MADE[name]("one")
    for _ in range(3):
        assert refused(provider, headers={"host": "x"}) is Diagnosis.HEADER_MISSING
        assert refused(provider, headers=dict.fromkeys(FORGED[name], "x")) is Diagnosis.HEADER_MALFORMED


def test_providers_do_not_spend_each_others_diagnoses() -> None:
    one, other = stripe("one"), stripe("two")
    assert [refused(each, b"no event") for each in (one, other)] == [Diagnosis.BODY_NOT_AN_EVENT] * 2


def test_a_refusal_that_was_not_looked_into_says_where_to_find_out_more() -> None:
    with pytest.raises(InvalidSignature, match="python -m paylattice webhook"):
        asyncio.run(stripe("one").parse_webhook(json.dumps(EVENT).encode(), FORGED["stripe"]))


@pytest.mark.parametrize("headers", [{}, {"x-other": "1"}], ids=["none", "others"])
@pytest.mark.parametrize("parsed", [dict(EVENT), None, 5, ["a"]], ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("name", ["stripe", "square", "memory", "paypal"])
def test_a_body_that_was_parsed_is_named_first_whatever_the_headers_are(
    name: str, parsed: Any, headers: Mapping[str, str]
) -> None:
    """Who hands over the parsed body in a test has no signature at hand; looking for it would lead astray."""
    paypal = PayPalConfig(client_id="c", client_secret="s", webhook_id="WH1")
    provider = PayPalProvider(paypal) if name == "paypal" else MADE[name]("a-secret")
    with pytest.raises(MalformedPayload, match=f"raw bytes, before .* not {type(parsed).__name__}"):
        asyncio.run(provider.parse_webhook(parsed, headers))
    with pytest.raises(MalformedPayload, match=f"raw bytes, before .* not {type(parsed).__name__}"):
        provider.verify_webhook_signature(parsed, headers, "a-secret")
