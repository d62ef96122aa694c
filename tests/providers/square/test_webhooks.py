"""Webhooks: signatures over URL and body, rotation, and what is wrong when one does not match."""

import base64
import hmac
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paylattice import EventType
from paylattice.config import Secret
from paylattice.diagnoses import Diagnoses
from paylattice.errors import ConfigurationError, Diagnosis, InvalidSignature, MalformedPayload, WebhookError
from paylattice.providers.square import SquareProvider
from paylattice.providers.square.webhooks import HEADER, verified
from paylattice.signatures import SigningKey
from paylattice.storable import is_keepable_json
from tests.kit import NOW

from .samples import event, payment
from .support import SIGNATURE_KEY, URL, World, configuration, delivery, signature

VECTORS = Path(os.environ.get("PAYLATTICE_SPECS") or Path(__file__).parents[4] / "shared" / "specs").parent / "vectors"
FILE = VECTORS / "square" / "vectors.json"
genuine = pytest.mark.skipif(not FILE.is_file(), reason="Square's signature vectors are not here: set PAYLATTICE_SPECS")

BODY, HEADERS = delivery(event())


def parsed(world: World, body: object = BODY, headers: object = HEADERS, **more: Any) -> Any:
    return world.run(world.provider.parse_webhook(body, headers, **more))  # type: ignore[arg-type]


def refused(world: World, body: object = BODY, headers: object = HEADERS, **more: Any) -> WebhookError:
    with pytest.raises(WebhookError) as caught:
        parsed(world, body, headers, **more)
    return caught.value


def test_a_good_delivery_is_read(world: World) -> None:
    found = parsed(world)
    assert (found.id, found.type, found.livemode) == ("evt-1", EventType.CUSTOMER_UPDATED, True)
    assert world.server.seen == []


def test_every_one_of_the_keys_is_good(world: World) -> None:
    world.provider = world.another(configuration(webhook_signature_key="new-key,old-key"))
    for key in ("new-key", "old-key"):
        assert parsed(world, *delivery(event(), key)).id == "evt-1"
    assert refused(world, *delivery(event(), "older-key")).diagnosis is Diagnosis.WRONG_SECRET


def test_the_key_is_text_and_not_decoded() -> None:
    key = base64.b64encode(b"a secret of the endpoint").decode()
    provider = SquareProvider(configuration(webhook_signature_key=key))
    body, headers = delivery(event(), key)
    assert provider.verify_webhook_signature(body, headers, key)["event_id"] == "evt-1"


def test_one_key_can_be_tried_alone() -> None:
    provider = SquareProvider(configuration(webhook_signature_key=()))
    assert provider.verify_webhook_signature(BODY, HEADERS[HEADER], SIGNATURE_KEY)["event_id"] == "evt-1"
    for wrong in (f"{SIGNATURE_KEY}x", SIGNATURE_KEY[:-1]):
        with pytest.raises(InvalidSignature):
            provider.verify_webhook_signature(BODY, HEADERS, wrong)
    with pytest.raises(ConfigurationError):
        provider.verify_webhook_signature(BODY, HEADERS, "")


def test_without_a_key_or_a_url_nothing_is_believed(world: World) -> None:
    for changes, variable in (
        ({"webhook_signature_key": ""}, "SQUARE_WEBHOOK_SIGNATURE_KEY"),
        ({"webhook_url": None}, "SQUARE_WEBHOOK_URL"),
    ):
        provider = world.another(configuration(**changes))
        with pytest.raises(ConfigurationError, match=variable):
            world.run(provider.parse_webhook(BODY, HEADERS))
    with pytest.raises(ConfigurationError, match="SQUARE_WEBHOOK_URL"):
        world.another(configuration(webhook_url=None)).verify_webhook_signature(BODY, HEADERS, SIGNATURE_KEY)


def test_the_url_can_be_given(world: World) -> None:
    other = "https://other.example/hooks"
    assert parsed(world, *delivery(event(), url=other), url=other).id == "evt-1"
    world.provider = world.another(configuration(webhook_url=None))
    assert parsed(world, *delivery(event(), url=other), url=other).id == "evt-1"


def test_the_url_is_never_taken_from_the_request(world: World) -> None:
    body, headers = delivery(event(), url="https://evil.example/webhooks/square")
    forwarded = {
        "Host": "evil.example",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.example",
    }
    assert refused(world, body, {**headers, **forwarded}).diagnosis is Diagnosis.WRONG_SECRET


def test_bytes_cannot_be_moved_between_url_and_body(world: World) -> None:
    """The signature has no separator: URL and body are one text to it."""
    shifted = BODY[:1]
    error = refused(world, BODY[1:], HEADERS, url=URL + shifted.decode())
    assert isinstance(error, MalformedPayload)
    error = refused(world, URL[-1].encode() + BODY, HEADERS, url=URL[:-1])
    assert isinstance(error, MalformedPayload)


@pytest.mark.parametrize(
    "configured",
    [
        URL + "/",
        URL.replace("https", "http"),
        URL.replace("https", "http") + "/",
        URL.replace("shop.example", "shop.example:443"),
        URL.replace("shop.example", "SHOP.example"),
        URL.replace("shop", "www.shop"),
        URL + "?source=square",
        "http://shop.example:8080/webhooks/square",
    ],
)
def test_a_url_that_differs_a_little_is_told(world: World, configured: str) -> None:
    world.provider = world.another(configuration(webhook_url=configured))
    error = refused(world)
    assert isinstance(error, InvalidSignature)
    assert error.diagnosis is Diagnosis.URL_MISMATCH
    assert "SQUARE_WEBHOOK_URL" in str(error)


def test_a_url_with_a_port_or_a_slash_that_was_left_out_is_told(world: World) -> None:
    world.provider.diagnoses = Diagnoses(every=0)
    for registered in ("https://shop.example:443/webhooks/square", "https://shop.example/webhooks/square/"):
        error = refused(world, *delivery(event(), url=registered))
        assert error.diagnosis is Diagnosis.URL_MISMATCH


def test_an_address_behind_the_proxy_is_told(world: World) -> None:
    error = refused(world, url="http://10.0.0.7:8000/webhooks/square")
    assert error.diagnosis is Diagnosis.URL_MISMATCH


@pytest.mark.parametrize(
    "rewritten",
    [
        json.dumps(json.loads(BODY)).encode(),
        json.dumps(json.loads(BODY), indent=2).encode(),
        BODY + b"\n",
        json.dumps(json.loads(BODY), separators=(",", ":"), ensure_ascii=True).encode() + b"\r\n",
    ],
)
def test_a_body_that_was_written_again_is_told(world: World, rewritten: bytes) -> None:
    assert refused(world, rewritten).diagnosis is Diagnosis.BODY_REENCODED


def test_text_beyond_ascii_is_signed_as_it_is(world: World) -> None:
    body, headers = delivery(event(note="größe ✓ 李"))
    assert parsed(world, body, headers).raw["note"] == "größe ✓ 李"
    escaped = json.dumps(json.loads(body), separators=(",", ":")).encode()
    assert refused(world, escaped, headers).diagnosis is Diagnosis.BODY_REENCODED


@pytest.mark.parametrize(
    ("headers", "diagnosis"),
    [
        ({}, Diagnosis.HEADER_MISSING),
        (None, Diagnosis.HEADER_MISSING),
        ({"x-square-signature": signature(BODY)}, Diagnosis.HEADER_MISSING),
        ({HEADER: ""}, Diagnosis.HEADER_MISSING),
        ({HEADER: "nonsense"}, Diagnosis.HEADER_MALFORMED),
        ({HEADER: "ü" * 44}, Diagnosis.HEADER_MALFORMED),
        ({HEADER: signature(BODY)[:-1]}, Diagnosis.HEADER_MALFORMED),
        ({HEADER: signature(BODY, "another")}, Diagnosis.WRONG_SECRET),
    ],
)
def test_headers_that_are_wrong_are_told(world: World, headers: object, diagnosis: Diagnosis) -> None:
    error = refused(world, BODY, headers)
    assert isinstance(error, InvalidSignature)
    assert error.diagnosis is diagnosis


def test_the_old_signature_is_never_a_way_in(world: World) -> None:
    old = base64.b64encode(hmac.new(SIGNATURE_KEY.encode(), URL.encode() + BODY, "sha1").digest()).decode()
    assert isinstance(refused(world, BODY, {"x-square-signature": old, HEADER: old}), InvalidSignature)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"7", b"null", b"{}", b'{"event_id": "x"}', b"<html>", b"\xff\xfe", b"[" * 9000]
)
def test_what_is_signed_and_no_event_is_malformed(world: World, body: bytes) -> None:
    error = refused(world, body, {HEADER: signature(body), "square-environment": "Production"})
    assert isinstance(error, MalformedPayload)


@pytest.mark.parametrize("created", ["yesterday", "2026-19-40T00:00:00Z", 7, None, []])
def test_an_event_that_does_not_say_when_it_happened_did_when_it_came(world: World, created: object) -> None:
    found = parsed(world, *delivery(event(created_at=created)))
    assert found.created_at == datetime.fromtimestamp(NOW, UTC)


GARBAGE = st.one_of(
    st.none(),
    st.integers(),
    st.booleans(),
    st.text(max_size=20),
    st.lists(st.integers(), max_size=2),
    st.just({"a": 1}),
).filter(is_keepable_json)


@settings(max_examples=50)
@given(st.sampled_from([event(), event("payment.updated", "payment", payment())]), st.data())
def test_an_event_lacks_whatever_names_neither_it_nor_its_kind(sample: dict[str, Any], data: st.DataObject) -> None:
    damaged = dict(sample)
    for name in data.draw(st.sets(st.sampled_from(sorted(set(sample) - {"event_id", "type"})))):
        if data.draw(st.booleans()):
            del damaged[name]
        else:
            damaged[name] = data.draw(GARBAGE)
    found = parsed(World(), *delivery(damaged))
    assert (found.id, found.provider_type) == (sample["event_id"], sample["type"])
    assert found.created_at.tzinfo is not None


@pytest.mark.parametrize(
    ("environment", "said"),
    [("production", "Sandbox"), ("sandbox", "Production"), ("sandbox", "production")],
)
def test_a_delivery_of_the_other_environment_is_refused(world: World, environment: str, said: str) -> None:
    world.provider = world.another(configuration(environment=environment))
    error = refused(world, BODY, {**HEADERS, "square-environment": said})
    assert error.diagnosis is Diagnosis.WRONG_MODE
    assert "SQUARE_ENVIRONMENT" in str(error)


@pytest.mark.parametrize("said", [None, "Staging"])
def test_an_environment_that_is_not_said_is_no_reason_to_refuse(world: World, said: str | None) -> None:
    headers = {name: value for name, value in HEADERS.items() if name != "square-environment"}
    assert parsed(world, BODY, {**headers, **({"Square-Environment": said} if said else {})}).livemode is True


def test_headers_come_as_frameworks_hand_them_out(world: World) -> None:
    upper = {name.upper(): value for name, value in HEADERS.items()}
    pairs = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    for headers in (upper, pairs, list(HEADERS.items()), {name: [value] for name, value in HEADERS.items()}):
        assert parsed(world, BODY, headers).id == "evt-1"


def test_a_refusal_repeats_nothing(world: World) -> None:
    body = json.dumps(event(note="ada@example.com INJECTED")).encode()
    for headers in ({HEADER: "INJECTED"}, {HEADER: signature(b"x")}):
        shown = f"{refused(world, body, headers)} {vars(refused(world, body, headers))}"
        assert "INJECTED" not in shown
        assert "@example.com" not in shown


@settings(max_examples=300, deadline=None)
@given(
    body=st.binary(min_size=1, max_size=80),
    url=st.from_regex(r"https://[a-z]{1,9}\.example/[a-z?=&/]{0,12}", fullmatch=True),
    key=st.text("abcdefXYZ0189-_", min_size=1, max_size=40),
    data=st.data(),
)
def test_every_change_to_body_url_or_key_is_refused(body: bytes, url: str, key: str, data: st.DataObject) -> None:
    good = signature(body, key, url)
    keys = (SigningKey(Secret(key)),)
    place = data.draw(st.integers(0, len(body) - 1))
    changed = bytes([*body[:place], body[place] ^ data.draw(st.integers(1, 255)), *body[place + 1 :]])
    for other_body, other_url, other_keys in (
        (changed, url, keys),
        (body, url + data.draw(st.sampled_from("/a?")), keys),
        (body, url, (SigningKey(Secret(key + "x")),)),
    ):
        with pytest.raises(InvalidSignature):
            verified(other_body, {HEADER: good}, other_keys, url=other_url)


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=60), value=st.text(max_size=60), url=st.text(min_size=1, max_size=30))
def test_noise_is_only_ever_refused(body: bytes, value: str, url: str) -> None:
    with pytest.raises(WebhookError):
        verified(
            body,
            {HEADER: value},
            (SigningKey(Secret(SIGNATURE_KEY)),),
            url=url or "x",
            diagnoses=Diagnoses(),
            other_urls=(URL, "http://[::1"),
        )


def test_a_large_forgery_is_refused_without_a_search_for_the_cause(world: World) -> None:
    body = json.dumps(event(note="x" * 300_000)).encode()
    assert refused(world, body, {HEADER: signature(b"x")}).diagnosis is Diagnosis.WRONG_SECRET


# --- genuine deliveries ----------------------------------------------------------------------------------------------


def vectors() -> list[dict[str, Any]]:
    if not FILE.is_file():
        return []
    found = json.loads(FILE.read_text())["vectors"]
    by_name = {one["name"]: one for one in found}
    return [{**by_name.get(one.get("base"), {}), **one} for one in found]


@genuine
@pytest.mark.contract
@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: vector["name"])
def test_genuine_signatures(vector: dict[str, Any]) -> None:
    headers = {HEADER: vector["signature"]}
    body = vector["body"].encode()
    if not vector["valid"]:
        with pytest.raises(InvalidSignature):
            verified(body, headers, (SigningKey(Secret(vector["key"])),), url=vector["url"])
        return
    assert (
        verified(body, headers, (SigningKey(Secret(vector["key"])),), url=vector["url"])["type"]
        == "webhooks.test_notification"
    )


@genuine
@pytest.mark.contract
def test_every_change_to_a_genuine_delivery_is_refused() -> None:
    (vector,) = [one for one in vectors() if one["valid"]]
    body, url, key, good = vector["body"].encode(), vector["url"], vector["key"], vector["signature"]
    for place in range(len(body)):
        for changed in (body[:place] + body[place + 1 :], body[:place] + b"~" + body[place + 1 :]):
            with pytest.raises(InvalidSignature):
                verified(changed, good, (SigningKey(Secret(key)),), url=url)
    for place in range(len(url)):
        with pytest.raises(InvalidSignature):
            verified(body, good, (SigningKey(Secret(key)),), url=url[:place] + url[place + 1 :])
    for place in range(len(key)):
        with pytest.raises(InvalidSignature):
            verified(body, good, (SigningKey(Secret(key[:place] + key[place + 1 :])),), url=url)
    for place in range(len(good)):
        with pytest.raises(InvalidSignature):
            verified(
                body,
                good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :],
                (SigningKey(Secret(key)),),
                url=url,
            )


@genuine
@pytest.mark.contract
def test_a_genuine_delivery_is_read(world: World) -> None:
    (vector,) = [one for one in vectors() if one["valid"]]
    provider = world.another(configuration(webhook_signature_key=vector["key"], webhook_url=vector["url"]))
    found = world.run(provider.parse_webhook(vector["body"].encode(), {HEADER: vector["signature"]}))
    assert found.type == "square:webhooks.test_notification"
    assert found.created_at.isoformat() == "2022-07-13T20:30:59.037339+00:00"


def test_a_payment_leads_to_its_checkout(world: World) -> None:
    paid = parsed(world, *delivery(event("payment.updated", "payment", payment())))
    assert (paid.type, paid.checkout_reference) == (EventType.PAYMENT_SUCCEEDED, "ORDER1")
