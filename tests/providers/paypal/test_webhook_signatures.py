"""Deliveries: genuine, forged, stale, mangled, and noise."""

import asyncio
import json
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from paylattice.errors import (
    ConfigurationError,
    Diagnosis,
    InvalidSignature,
    MalformedPayload,
    StaleSignature,
    VerificationUnavailable,
    WebhookError,
)
from paylattice.providers.paypal.verification.verifier import Transmission, transmission_from

from .certificates_support import (
    BODY,
    EVENT,
    LIVE,
    LIVE_URL,
    NOW,
    URL,
    WEBHOOK,
    World,
    chain,
    changed,
    delivery,
    intermediate,
    leaf,
    rsa_key,
)

FIVE = (
    "PAYPAL-TRANSMISSION-ID",
    "PAYPAL-TRANSMISSION-TIME",
    "PAYPAL-TRANSMISSION-SIG",
    "PAYPAL-CERT-URL",
    "PAYPAL-AUTH-ALGO",
)
HEADERS = delivery()


@cache
def warm() -> World:
    """A verifier that has its certificate already."""
    world = World()
    world.verified()
    return world


@pytest.fixture
def world(mode: str) -> World:
    return World(mode)


def test_a_genuine_delivery_is_taken(world: World) -> None:
    assert world.verified() == EVENT


def test_a_transmission_can_be_read_once_and_handed_in(world: World) -> None:
    transmission = transmission_from(HEADERS)
    assert transmission.id == HEADERS["PAYPAL-TRANSMISSION-ID"]
    assert transmission.sent_at == NOW - 2
    assert world.verified(BODY, transmission) == EVENT
    assert HEADERS["PAYPAL-TRANSMISSION-SIG"] not in repr(transmission)


@pytest.mark.parametrize(
    "shape",
    [
        lambda headers: {name.lower(): value for name, value in headers.items()},
        lambda headers: {name.title(): value for name, value in headers.items()},
        lambda headers: list(headers.items()),
        lambda headers: iter(headers.items()),
        lambda headers: [(name.encode(), value.encode()) for name, value in headers.items()],
        lambda headers: {name: [value] for name, value in headers.items()},
        lambda headers: {**headers, b"X-Other": b"1", 3: 4},
    ],
)
def test_headers_are_found_however_a_framework_hands_them_out(shape: Callable[[Any], Any]) -> None:
    assert warm().verified(BODY, shape(HEADERS)) == EVENT


@pytest.mark.parametrize("body", [bytearray(BODY), memoryview(BODY), BODY.decode()])
def test_the_body_may_be_any_kind_of_bytes(body: Any) -> None:
    assert warm().verified(body, HEADERS) == EVENT


@pytest.mark.parametrize("name", FIVE)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_header_is_named(name: str, value: str | None) -> None:
    world = World()
    error = world.refused(BODY, changed(HEADERS, name, value))
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.HEADER_MISSING)
    assert name in error.message
    assert world.fetched == 0


@pytest.mark.parametrize("headers", [{}, [], None, 3, "PAYPAL", b"PAYPAL", [()], [("a",)], [("a", "b", "c")], [None]])
def test_no_headers_at_all_are_a_refusal(headers: Any) -> None:
    with pytest.raises(InvalidSignature) as caught:
        asyncio.run(World().verifier.verified(BODY, headers))
    assert caught.value.diagnosis is Diagnosis.HEADER_MISSING


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PAYPAL-AUTH-ALGO", "SHA1withRSA"),
        ("PAYPAL-AUTH-ALGO", "sha256withrsa"),
        ("PAYPAL-AUTH-ALGO", "SHA256withRSA, SHA256withRSA"),
        ("PAYPAL-AUTH-ALGO", "none"),
        ("PAYPAL-TRANSMISSION-ID", "a|b"),
        ("PAYPAL-TRANSMISSION-ID", "a" * 101),
        ("PAYPAL-TRANSMISSION-ID", "a b"),
        ("PAYPAL-TRANSMISSION-ID", "é"),
        ("PAYPAL-TRANSMISSION-ID", "a\n"),
        ("PAYPAL-TRANSMISSION-TIME", "now"),
        ("PAYPAL-TRANSMISSION-TIME", "1790000000"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-09-21"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-09-21T14:13:18"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-09-31T14:13:18Z"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-09-21T25:13:18Z"),
        ("PAYPAL-TRANSMISSION-TIME", "0000-09-21T14:13:18Z"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-09-21T14:13:18+99:99"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-09-21T14:13:18." + "0" * 99 + "Z"),
        ("PAYPAL-TRANSMISSION-TIME", "2026-09-21T14:13:18Z|x"),
        ("PAYPAL-TRANSMISSION-TIME", "\uff12026-09-21T14:13:18Z"),
        ("PAYPAL-TRANSMISSION-SIG", "not base64!"),
        ("PAYPAL-TRANSMISSION-SIG", "QUJD\nQUJD"),
        ("PAYPAL-TRANSMISSION-SIG", "QUJ"),
        ("PAYPAL-TRANSMISSION-SIG", "é"),
        ("PAYPAL-TRANSMISSION-SIG", "QUJD" * 10_000),
        ("PAYPAL-CERT-URL", URL + "0" * 1000),
    ],
)
def test_a_header_of_another_form_is_refused_before_anything_is_fetched(name: str, value: str) -> None:
    world = World()
    error = world.refused(BODY, changed(HEADERS, name, value))
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.HEADER_MALFORMED)
    assert name in error.message
    assert world.fetched == 0


@pytest.mark.parametrize("name", FIVE)
def test_a_header_that_comes_twice_is_refused(name: str) -> None:
    pairs = [*HEADERS.items(), (name.lower(), HEADERS[name])]
    assert World().refused(BODY, pairs).diagnosis is Diagnosis.HEADER_MALFORMED


@pytest.mark.parametrize("signature", ["QUJD", "A" * 344, "A" * 342 + "=="])
def test_a_signature_of_another_length_or_of_nothing_is_forged(signature: str) -> None:
    error = warm().refused(BODY, changed(HEADERS, "PAYPAL-TRANSMISSION-SIG", signature))
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.WRONG_SECRET)


@examples(deadline=None)  # making keys takes a while
@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_any_changed_byte_is_refused(place: int, mask: int) -> None:
    body = bytearray(BODY)
    body[place] ^= mask
    error = warm().refused(bytes(body), HEADERS)
    assert type(error) is InvalidSignature


@examples(deadline=None)  # making keys takes a while
@given(st.sampled_from(FIVE), st.data())
def test_any_changed_character_of_a_header_is_refused(name: str, data: st.DataObject) -> None:
    value = HEADERS[name]
    place = data.draw(st.integers(0, len(value) - 1))
    character = data.draw(st.characters(max_codepoint=0x17F).filter(lambda found: found != value[place]))
    mangled = value[:place] + character + value[place + 1 :]
    error = World("blocking", httpx_404()).refused(BODY, changed(HEADERS, name, mangled))
    assert isinstance(error, InvalidSignature | VerificationUnavailable)


@examples(deadline=None)  # making keys takes a while
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=50), st.none(), st.integers(), st.just(BODY)),
    st.one_of(
        st.none(),
        st.text(),
        st.dictionaries(st.one_of(st.sampled_from(FIVE), st.text(), st.binary()), st.one_of(st.text(), st.binary())),
        st.lists(st.tuples(st.sampled_from(FIVE), st.one_of(st.text(), st.binary(), st.none(), st.lists(st.text())))),
        st.fixed_dictionaries({name: st.one_of(st.just(HEADERS[name]), st.text()) for name in FIVE}),
    ),
)
def test_noise_ends_in_a_refusal_and_in_nothing_else(body: Any, headers: Any) -> None:
    genuine = body == BODY and isinstance(headers, dict) and all(headers.get(n) == HEADERS[n] for n in FIVE)
    for call in (
        lambda: warm().run(warm().verifier.verified(body, headers)),
        lambda: warm().verifier.verified_offline(body, headers, WEBHOOK),
    ):
        if genuine:
            assert call() == EVENT
            continue
        with pytest.raises(WebhookError):
            call()


def httpx_404() -> Any:
    import httpx

    return httpx.Response(404)


# Webhook ids


def test_each_of_several_webhook_ids_is_taken(world: World) -> None:
    both = World(world.mode, webhook_id=("1JE4291016473214C", WEBHOOK))
    assert both.verified() == EVENT
    assert both.verified(webhook_id="1JE4291016473214C") == EVENT
    assert both.refused(webhook_id="5XX").diagnosis is Diagnosis.WRONG_SECRET


def test_the_message_says_which_setting_to_look_at() -> None:
    assert "PAYPAL_WEBHOOK_ID" in warm().refused(webhook_id="1JE4291016473214C").message


def test_without_a_webhook_id_the_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match="PAYPAL_WEBHOOK_ID"):
        World(webhook_id=()).verified()


@pytest.mark.parametrize("webhook_id", ["a|b", "https://example.com/hook", "é", "a b", "", "a\n", (), 1.5])
def test_what_can_be_no_webhook_id_is_a_wrong_setting(webhook_id: Any) -> None:
    with pytest.raises(ConfigurationError):
        warm().verifier.verified_offline(BODY, HEADERS, webhook_id)


# The simulator, whose webhook id everybody knows


def test_the_simulators_webhook_id_is_refused() -> None:
    headers = delivery(webhook_id="WEBHOOK_ID")
    with pytest.raises(ConfigurationError, match="simulator"):
        warm().verifier.verified_offline(BODY, headers, "WEBHOOK_ID")
    assert warm().refused(BODY, headers).diagnosis is Diagnosis.WRONG_SECRET


def test_the_simulators_webhook_id_among_others_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError):
        World(webhook_id=(WEBHOOK, "WEBHOOK_ID")).verified()


def test_in_test_mode_the_simulator_is_believed(world: World) -> None:
    simulated = World(world.mode, simulator=True)
    assert simulated.verified(webhook_id="WEBHOOK_ID") == EVENT
    assert simulated.verified() == EVENT


def test_in_test_mode_the_live_certificate_counts_for_the_simulator_alone() -> None:
    answer = chain(leaf("leaf", LIVE), intermediate())
    assert World("async", answer, simulator=True).verified(webhook_id="WEBHOOK_ID", url=LIVE_URL) == EVENT
    error = World("async", answer, simulator=True).refused(url=LIVE_URL)
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.WRONG_SECRET)


def test_the_simulator_and_real_money_exclude_one_another() -> None:
    with pytest.raises(ConfigurationError, match="simulator"):
        World(simulator=True, environment="live")


# Time


@pytest.mark.parametrize(("age", "diagnosis"), [(4 * 86_400 + 1, "timestamp_too_old"), (-301, "clock_skew")])
def test_a_good_signature_of_another_time_is_stale(world: World, age: float, diagnosis: str) -> None:
    error = world.refused(sent=NOW - age)
    assert (type(error), error.diagnosis) == (StaleSignature, diagnosis)


@pytest.mark.parametrize("age", [4 * 86_400 - 1, 0, -299])
def test_within_the_window_a_delivery_is_taken(world: World, age: float) -> None:
    assert world.verified(sent=NOW - age) == EVENT


def test_the_window_is_a_setting() -> None:
    world = World(max_age=60)
    assert world.verified(sent=NOW - 60) == EVENT
    assert type(world.refused(sent=NOW - 61)) is StaleSignature


def test_a_forged_time_is_forged_and_not_stale() -> None:
    old = changed(HEADERS, "PAYPAL-TRANSMISSION-TIME", "2020-01-01T00:00:00Z")
    assert type(warm().refused(BODY, old)) is InvalidSignature


# Bodies


@pytest.mark.parametrize(
    "body",
    [b"[]", b"null", b'"text"', b"{", b"\xff", b"{}{}", b"[" * 100_000, b'{"a":' * 50_000, b" ", b"\xef\xbb\xbf{}"],
)
def test_a_signed_body_that_is_no_object_is_malformed(body: bytes) -> None:
    error = warm().refused(body, delivery(body))
    assert (type(error), error.diagnosis) == (MalformedPayload, Diagnosis.BODY_NOT_AN_EVENT)


@pytest.mark.parametrize("body", [b"", "", bytearray()])
def test_an_empty_body_is_malformed(body: Any) -> None:
    assert warm().refused(body, HEADERS).diagnosis is Diagnosis.BODY_EMPTY


ESCAPED = BODY.replace(b"/", b"\\/")


@pytest.mark.parametrize(
    ("signed", "arrived"),
    [
        (BODY, json.dumps(EVENT).encode()),
        (BODY, json.dumps(EVENT, indent=2).encode()),
        (BODY, BODY + b"\n"),
        (ESCAPED, BODY),
        (ESCAPED, json.dumps(json.loads(ESCAPED)).encode()),
    ],
)
def test_a_body_that_was_written_again_is_recognised(signed: bytes, arrived: bytes) -> None:
    error = warm().refused(arrived, delivery(signed))
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.BODY_REENCODED)


def test_escaped_slashes_and_trailing_zeros_are_left_as_they_came() -> None:
    body = rb'{"id":"WH-1","n":10.0,"e":{},"href":"https:\/\/api.sandbox.paypal.com\/v1"}'
    assert warm().verified(body)["href"] == "https://api.sandbox.paypal.com/v1"


def test_a_huge_body_is_not_searched_for_reasons() -> None:
    body = b'{"a":"' + b"x" * 300_000 + b'"}'
    assert warm().refused(body, HEADERS).diagnosis is Diagnosis.WRONG_SECRET


# Keys


def test_a_signature_of_another_key_is_forged(world: World) -> None:
    error = world.refused(key=rsa_key("other"))
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.WRONG_SECRET)


def test_a_delivery_of_the_other_environment_is_told_apart() -> None:
    world = World()
    error = world.refused(url=LIVE_URL)
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.WRONG_MODE)
    live = World(environment="live")
    assert live.refused().diagnosis is Diagnosis.WRONG_MODE
    assert world.fetched == live.fetched == 0


def test_live_deliveries_need_the_live_certificate() -> None:
    live = World("async", chain(leaf("leaf", LIVE), intermediate()), environment="live")
    assert live.verified(url=LIVE_URL) == EVENT


# Without the network


def test_offline_needs_a_certificate_that_was_fetched(world: World) -> None:
    with pytest.raises(VerificationUnavailable, match="parse_webhook") as caught:
        world.verifier.verified_offline(BODY, HEADERS, WEBHOOK)
    assert caught.value.diagnosis is Diagnosis.CERTIFICATE_UNAVAILABLE
    assert world.fetched == 0
    world.run(world.verifier.preload(URL))
    assert world.verifier.verified_offline(BODY, HEADERS, WEBHOOK) == EVENT
    assert world.fetched == 1


def test_offline_refuses_what_is_forged_and_what_is_stale(world: World) -> None:
    world.verified()
    with pytest.raises(InvalidSignature):
        world.verifier.verified_offline(BODY + b" ", HEADERS, WEBHOOK)
    with pytest.raises(InvalidSignature):
        world.verifier.verified_offline(BODY, HEADERS, "1JE4291016473214C")
    world.now += 5 * 86_400
    world.run(world.verifier.preload(URL))
    with pytest.raises(StaleSignature):
        world.verifier.verified_offline(BODY, HEADERS, WEBHOOK)


def test_offline_refuses_a_hostile_address_at_once(world: World) -> None:
    headers = changed(HEADERS, "PAYPAL-CERT-URL", "https://evilpaypal.com/v1/notifications/certs/CERT-1")
    with pytest.raises(InvalidSignature):
        world.verifier.verified_offline(BODY, headers, WEBHOOK)


# The package cryptography


def test_without_cryptography_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [found for found in sys.modules if found.partition(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    world = World()
    with pytest.raises(ConfigurationError, match=r'pip install "paylattice\[paypal\]"'):
        world.verified(BODY, HEADERS)
    assert world.fetched == 0


def test_the_verifier_can_be_imported_without_cryptography() -> None:
    import subprocess

    code = (
        "import sys; sys.modules['cryptography'] = None; import paylattice.providers.paypal.verification.verifier;"
        "assert not [m for m in sys.modules if m.startswith('cryptography.')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_transmission_is_a_value() -> None:
    assert transmission_from(HEADERS) == transmission_from(list(HEADERS.items()))
    assert isinstance(hash(transmission_from(HEADERS)), int)
    assert isinstance(transmission_from(HEADERS), Transmission)
