"""Deliveries: genuine, forged, stale, mangled."""

import asyncio
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe
from hypothesis import given
from hypothesis import strategies as st

from paylattice import EventType
from paylattice.errors import (
    ConfigurationError,
    Diagnosis,
    InvalidSignature,
    MalformedPayload,
    StaleSignature,
    WebhookError,
)
from paylattice.providers.stripe import StripeConfig, StripeProvider
from paylattice.storable import is_keepable_json
from tests.kit import NOW, everything_in

from .samples import event, thin_event
from .support import SECRET, World, configuration, delivery, signature

BODY, HEADERS = delivery(event())
OTHER = "whsec_someothersecret"


def provider(**changes: Any) -> StripeProvider:
    return StripeProvider(configuration(**changes), clock=lambda: float(NOW))


def parse(body: Any, headers: Any, **changes: Any) -> Any:
    return asyncio.run(provider(**changes).parse_webhook(body, headers))


def refused(body: Any, headers: Any, **changes: Any) -> WebhookError:
    with pytest.raises(WebhookError) as caught:
        parse(body, headers, **changes)
    for text in everything_in(caught.value):
        assert not any(word in text for word in (SECRET, OTHER, "ada@", "evt_1"))
    return caught.value


def test_a_genuine_delivery_is_read_in_both_worlds(world: World) -> None:
    found = world.run(world.provider.parse_webhook(BODY, HEADERS))
    assert (found.id, found.type, found.customer_id) == ("evt_1", EventType.CUSTOMER_UPDATED, "cus_1")
    assert world.server.seen == []


def test_the_low_level_check_answers_the_body() -> None:
    for said in (HEADERS["Stripe-Signature"], HEADERS, list(HEADERS.items())):
        assert provider().verify_webhook_signature(BODY, said, SECRET) == event()


def test_stripes_own_sdk_agrees_on_signatures() -> None:
    now = int(time.time())
    body = json.dumps(event()).encode()
    theirs = signature(body, at=now)
    if hasattr(stripe.WebhookSignature, "generate_signature_header"):  # earlier SDKs only verify
        assert stripe.WebhookSignature.generate_signature_header(body.decode(), SECRET, timestamp=now) == theirs
    mine = StripeProvider(configuration(), clock=lambda: float(now))
    assert asyncio.run(mine.parse_webhook(body, {"Stripe-Signature": theirs})).id == "evt_1"
    constructed = stripe.Webhook.construct_event(body, signature(body, at=now), SECRET)
    assert constructed.id == "evt_1"
    assert stripe.WebhookSignature.verify_header(body.decode(), signature(body, OTHER, SECRET, at=now), SECRET, 300)


def test_signatures_of_the_sdk_are_read_whatever_the_json_looks_like() -> None:
    for body in (
        b'{"object":"event","id":"e","type":"t","created":1}',
        '{"object":"event","id":"é","type":"t","created":1}'.encode(),
    ):
        assert parse(body, {"Stripe-Signature": signature(body)}).type == "stripe:t"


@pytest.mark.parametrize(
    "headers",
    [
        {"stripe-signature": HEADERS["Stripe-Signature"]},
        {"STRIPE-SIGNATURE": HEADERS["Stripe-Signature"]},
        [("Stripe-Signature", HEADERS["Stripe-Signature"])],
        [(b"stripe-signature", HEADERS["Stripe-Signature"].encode())],
        {"Stripe-Signature": [HEADERS["Stripe-Signature"]]},
        {"Stripe-Signature": HEADERS["Stripe-Signature"].replace(",", " , ").replace("=", " = ")},
        {"Stripe-Signature": "v0=ignored," + HEADERS["Stripe-Signature"] + ",v2=x,,junk"},
    ],
)
def test_headers_come_in_many_shapes(headers: Any) -> None:
    assert parse(BODY, headers).id == "evt_1"


@pytest.mark.parametrize("shape", [bytes, bytearray, memoryview, bytes.decode])
def test_bodies_come_in_several_types(shape: Callable[[bytes], Any]) -> None:
    assert parse(shape(BODY), HEADERS).id == "evt_1"


def test_any_of_several_secrets_and_signatures_will_do() -> None:
    old, both = delivery(event(), OTHER), delivery(event(), "whsec_third", OTHER)
    assert parse(*old, webhook_secret=f"{SECRET}, {OTHER}").id == "evt_1"
    assert parse(*both, webhook_secret=(SECRET, OTHER)).id == "evt_1"


@pytest.mark.parametrize("age", [-300, 0, 300])
def test_the_time_may_be_five_minutes_off(age: int) -> None:
    assert parse(*delivery(event(), at=NOW - age)).id == "evt_1"


@pytest.mark.parametrize(
    ("age", "diagnosis"),
    [(301, Diagnosis.TIMESTAMP_TOO_OLD), (10**9, Diagnosis.TIMESTAMP_TOO_OLD), (-301, Diagnosis.CLOCK_SKEW)],
)
def test_a_good_signature_at_a_bad_time_is_stale(age: int, diagnosis: Diagnosis) -> None:
    error = refused(*delivery(event(), at=NOW - age))
    assert isinstance(error, StaleSignature)
    assert error.diagnosis is diagnosis


@pytest.mark.parametrize(
    "headers", [{}, {"X-Other": "1"}, [], None, 7, {"Stripe-Signature": ""}, {"Stripe-Signature": None}]
)
def test_a_missing_header_is_told(headers: Any) -> None:
    error = refused(BODY, headers)
    assert isinstance(error, InvalidSignature)
    assert error.diagnosis is Diagnosis.HEADER_MISSING


@pytest.mark.parametrize(
    "value",
    [
        "nonsense",
        "t=1",
        f"t={NOW}",
        f"t={NOW},v1=",
        f"t={NOW},v1=zz",
        f"t={NOW},v1=" + "A" * 64,
        f"t={NOW},v0=" + "a" * 64,
        "v1=" + "a" * 64,
        "t=,v1=" + "a" * 64,
        "t=-5,v1=" + "a" * 64,
        "t=1_0,v1=" + "a" * 64,
        "t=1e9,v1=" + "a" * 64,
        "t=" + "9" * 5000 + ",v1=" + "a" * 64,
        "t=١٢٣,v1=" + "a" * 64,
        f"t={NOW},v1=" + "ä" * 64,
        ",,,===,",
    ],
)
def test_a_malformed_header_is_told(value: str) -> None:
    error = refused(BODY, {"Stripe-Signature": value})
    assert isinstance(error, InvalidSignature)
    assert error.diagnosis is Diagnosis.HEADER_MALFORMED


def test_a_wrong_secret_is_told() -> None:
    error = refused(*delivery(event(), OTHER))
    assert isinstance(error, InvalidSignature)
    assert error.diagnosis is Diagnosis.WRONG_SECRET
    assert (error.provider, error.operation) == ("stripe", "parse_webhook")


def test_one_changed_byte_is_enough() -> None:
    assert refused(BODY.replace(b"cus_1", b"cus_2"), HEADERS).diagnosis is Diagnosis.WRONG_SECRET


def test_the_signed_time_cannot_be_changed() -> None:
    moved = HEADERS["Stripe-Signature"].replace(f"t={NOW}", f"t={NOW + 1}")
    assert isinstance(refused(BODY, {"Stripe-Signature": moved}), InvalidSignature)


@pytest.mark.parametrize(
    ("key", "livemode", "diagnosis"),
    [
        ("sk_test_notarealkeyatall", True, Diagnosis.TEST_SECRET_FOR_LIVE_EVENT),
        ("rk_live_notarealkeyatall", False, Diagnosis.LIVE_SECRET_FOR_TEST_EVENT),
        ("rk_live_notarealkeyatall", True, Diagnosis.WRONG_SECRET),
        ("sk_org_notarealkeyatall", True, Diagnosis.WRONG_SECRET),
        ("sk_test_notarealkeyatall", None, Diagnosis.WRONG_SECRET),
    ],
)
def test_a_mix_of_test_and_live_is_told(key: str, livemode: bool | None, diagnosis: Diagnosis) -> None:
    error = refused(*delivery(event(livemode=livemode), OTHER), secret_key=key)
    assert error.diagnosis is diagnosis


LIVE, TEST = "sk_live_notarealkeyatall", "rk_test_notarealkeyatall"


@pytest.mark.parametrize("body", [event, thin_event], ids=["snapshot", "thin"])
@pytest.mark.parametrize(("key", "livemode"), [(LIVE, False), (LIVE.replace("sk", "rk"), False), (TEST, True)])
def test_an_event_of_the_other_mode_is_refused_however_well_it_is_signed(
    key: str, livemode: bool, body: Callable[..., dict[str, Any]]
) -> None:
    """A platform's live endpoint gets the test events of its connected accounts, signed with its own secret."""
    for more in ({}, {"account": "acct_1"}, {"context": "acct_1"}):
        sent = {**body(), "livemode": livemode, **more}
        error = refused(*delivery(sent), secret_key=key)
        assert error.diagnosis is Diagnosis.WRONG_MODE
        assert parse(*delivery({**sent, "livemode": not livemode}), secret_key=key).livemode is not livemode


def test_an_event_that_does_not_tell_its_mode_has_that_of_its_object() -> None:
    sent = {name: value for name, value in event().items() if name != "livemode"}
    sent["data"] = {"object": {**sent["data"]["object"], "livemode": False}}
    assert refused(*delivery(sent), secret_key=LIVE).diagnosis is Diagnosis.WRONG_MODE
    assert parse(*delivery({**sent, "livemode": True}), secret_key=LIVE).livemode is True


@pytest.mark.parametrize("said", [{}, {"livemode": None}, {"livemode": "false"}])
def test_an_event_that_does_not_tell_its_mode_is_taken(said: dict[str, Any]) -> None:
    sent = {name: value for name, value in event().items() if name != "livemode"}
    assert parse(*delivery({**sent, **said}), secret_key=LIVE).livemode is None


def test_a_key_that_does_not_tell_its_mode_takes_either_until_the_mode_is_set() -> None:
    key = "sk_local_notarealkeyatall"
    for livemode in (True, False):
        assert parse(*delivery(event(livemode=livemode)), secret_key=key).livemode is livemode
        sent = delivery(event(livemode=livemode))
        for settings in (
            {"mode": "test" if livemode else "live"},
            {"publishable_key": f"pk_{'test' if livemode else 'live'}_1"},
        ):
            assert refused(*sent, secret_key=key, **settings).diagnosis is Diagnosis.WRONG_MODE


ACCENTED = event(subject={"object": "customer", "id": "cus_1", "name": "Zoë / <b>", "empty": {}, "none": [], "n": 1})


@pytest.mark.parametrize("sent_with", [{"indent": 2}, {"separators": (",", ":")}, {}])
@pytest.mark.parametrize("sent_ascii", [True, False])
@pytest.mark.parametrize("seen_with", [{"indent": 2}, {"separators": (",", ":")}, {}, {"indent": 4}])
@pytest.mark.parametrize("seen_ascii", [True, False])
def test_a_body_that_was_parsed_and_written_again_is_told(
    sent_with: dict[str, Any], sent_ascii: bool, seen_with: dict[str, Any], seen_ascii: bool
) -> None:
    sent = json.dumps(ACCENTED, ensure_ascii=sent_ascii, **sent_with).encode()
    seen = json.dumps(ACCENTED, ensure_ascii=seen_ascii, **seen_with).encode()
    headers = {"Stripe-Signature": signature(sent)}
    if sent == seen:
        assert parse(seen, headers).id == "evt_1"
    else:
        assert refused(seen, headers).diagnosis is Diagnosis.BODY_REENCODED


LINE_ENDS: list[Callable[[bytes], bytes]] = [
    lambda body: body + b"\n",
    lambda body: body + b"\r\n",
    lambda body: body.replace(b"\n", b"\r\n"),
    lambda body: body.replace(b"\n", b"\r\n") + b"\r\n",
]


@pytest.mark.parametrize("mangle", [*LINE_ENDS, lambda body: b"  " + body])
def test_line_ends_that_were_added_are_told(mangle: Callable[[bytes], bytes]) -> None:
    assert refused(mangle(BODY), HEADERS).diagnosis is Diagnosis.BODY_REENCODED


@pytest.mark.parametrize("mangle", LINE_ENDS)
def test_line_ends_that_were_taken_away_are_told(mangle: Callable[[bytes], bytes]) -> None:
    assert refused(BODY, {"Stripe-Signature": signature(mangle(BODY))}).diagnosis is Diagnosis.BODY_REENCODED


def test_a_large_body_is_not_written_again_to_find_out() -> None:
    large = event(subject={"object": "customer", "id": "cus_1", "note": "x" * 300_000})
    sent, seen = json.dumps(large, indent=2).encode(), json.dumps(large).encode()
    assert refused(seen, {"Stripe-Signature": signature(sent)}).diagnosis is Diagnosis.WRONG_SECRET


@pytest.mark.parametrize("body", [b"", bytearray(), ""])
def test_an_empty_body_is_told(body: Any) -> None:
    error = refused(body, HEADERS)
    assert isinstance(error, MalformedPayload)
    assert error.diagnosis is Diagnosis.BODY_EMPTY


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe",
        b"not json",
        b"[]",
        b"7",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"created": ' + b"9" * 5000 + b"}",
        b'{"object": "event"}',
        b'{"object": "event", "id": "evt_1"}',
        b'{"object": "event", "id": 7, "type": "t"}',
        b'{"object": "customer", "id": "cus_1", "type": "t"}',
    ],
)
def test_a_signed_body_that_is_no_event_is_malformed(body: bytes) -> None:
    error = refused(body, {"Stripe-Signature": signature(body)})
    assert isinstance(error, MalformedPayload)
    assert error.diagnosis is Diagnosis.BODY_NOT_AN_EVENT


@pytest.mark.parametrize(
    "body",
    [
        b'{"object": "event", "id": "e", "type": "t"}',
        b'{"object": "event", "id": "e", "type": "t", "created": -1}',
        b'{"object": "v2.core.event", "id": "e", "type": "t", "created": 1}',
        b'{"object": "v2.core.event", "id": "e", "type": "t", "created": "2026-01-01T00:00:00"}',
        b'{"object": "v2.core.event", "id": "e", "type": "t", "created": "2026-19-01T00:00:00Z"}',
        b'{"id": "e", "type": "t", "created": []}',
    ],
)
def test_an_event_that_does_not_say_when_it_happened_did_when_it_came(body: bytes) -> None:
    found = parse(body, {"Stripe-Signature": signature(body)})
    assert (found.id, found.type, found.created_at) == ("e", "stripe:t", datetime.fromtimestamp(NOW, UTC))


NEEDED = {"id", "type"}
GARBAGE = st.one_of(
    st.none(), st.integers(), st.floats(), st.text(max_size=20), st.lists(st.integers(), max_size=2), st.just({"a": 1})
)


@given(st.sampled_from([event(), thin_event()]), st.data())
def test_an_event_lacks_whatever_names_neither_it_nor_its_kind(sample: dict[str, Any], data: st.DataObject) -> None:
    damaged = dict(sample)
    for name in data.draw(st.sets(st.sampled_from(sorted(set(sample) - NEEDED - {"object"})))):
        if data.draw(st.booleans()):
            del damaged[name]
        else:
            damaged[name] = data.draw(GARBAGE)
    if data.draw(st.booleans()):
        del damaged["object"]
    body, headers = delivery(damaged)
    if not is_keepable_json(damaged):
        assert isinstance(refused(body, headers), MalformedPayload)
        return
    found = parse(body, headers)
    assert (found.id, found.provider_type) == (sample["id"], sample["type"])
    assert found.created_at.tzinfo is not None


def test_a_thin_event_that_has_lost_its_kind_is_still_read_as_one() -> None:
    sample = {**thin_event()}
    del sample["object"]
    found, whole = parse(*delivery(sample)), parse(*delivery(thin_event()))
    assert (found.dedupe_key, found.type, found.created_at) == (whole.dedupe_key, whole.type, whole.created_at)


def test_an_unsigned_body_that_is_no_json_is_told() -> None:
    assert refused(b"a=1&b=2", HEADERS).diagnosis is Diagnosis.BODY_NOT_AN_EVENT


@pytest.mark.parametrize("body", [{"id": "evt_1"}, 7, None, ["x"]])
def test_a_parsed_body_is_refused(body: Any) -> None:
    error = refused(body, HEADERS)
    assert isinstance(error, MalformedPayload)
    assert "raw bytes" in str(error)


def test_a_body_that_cannot_be_written_again_is_no_reason_to_fail() -> None:
    body = b'{"object": "event", "id": "evt_x", "note": "\\ud800"}'
    assert refused(body, {"Stripe-Signature": signature(b"other")}).diagnosis is Diagnosis.WRONG_SECRET


def test_without_a_secret_nothing_is_accepted() -> None:
    with pytest.raises(ConfigurationError, match="STRIPE_WEBHOOK_SECRET"):
        parse(BODY, HEADERS, webhook_secret=None)
    body = json.dumps(event()).encode()
    forged = f"t={NOW},v1=" + hmac.new(b"", f"{NOW}.".encode() + body, "sha256").hexdigest()
    for secret in ("", " "):
        with pytest.raises(ConfigurationError, match="empty"):
            provider().verify_webhook_signature(body, forged, secret)


def test_a_thin_event_is_verified_in_the_same_way() -> None:
    assert parse(*delivery(thin_event())).subscription_id == "sub_1"
    assert refused(*delivery(thin_event(), OTHER)).diagnosis is Diagnosis.WRONG_SECRET


@given(value=st.text() | st.from_regex(r"(t=[0-9]{1,12},)?(v1=[0-9a-f]{60,66},?){0,3}"), body=st.binary(min_size=1))
def test_no_header_and_no_body_breaks_out(value: str, body: bytes) -> None:
    with pytest.raises(WebhookError):
        provider().verify_webhook_signature(body, value, SECRET)


pairs = st.lists(st.tuples(st.text() | st.binary(), st.text() | st.binary() | st.lists(st.text()) | st.none()))


@given(headers=pairs | st.dictionaries(st.text(), st.text()) | st.integers() | st.lists(st.integers()))
def test_no_headers_break_out(headers: Any) -> None:
    with pytest.raises(WebhookError):
        asyncio.run(provider().parse_webhook(BODY, headers))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=10,
)
envelopes = st.fixed_dictionaries(
    {"object": st.sampled_from(["event", "v2.core.event"]), "id": st.text(), "type": st.text()},
    optional={
        "created": json_values,
        "data": json_values,
        "related_object": json_values,
        "livemode": json_values,
        "snapshot_event": json_values,
    },
)


@given(body=envelopes | json_values)
def test_a_signed_body_is_an_event_or_malformed(body: Any) -> None:
    raw = json.dumps(body).encode()
    try:
        found = asyncio.run(provider().parse_webhook(raw, {"Stripe-Signature": signature(raw)}))
    except MalformedPayload:
        return
    except WebhookError as error:  # it says that it is live
        if error.diagnosis is not Diagnosis.WRONG_MODE:
            raise
        return
    assert found.id == body["id"]
    assert found.created_at.tzinfo is not None


def test_the_configuration_is_read_from_the_environment() -> None:
    config = StripeConfig.from_env({"STRIPE_SECRET_KEY": "sk_test_notarealkeyatall", "STRIPE_WEBHOOK_SECRET": SECRET})
    found = asyncio.run(StripeProvider(config, clock=lambda: float(NOW)).parse_webhook(BODY, HEADERS))
    assert found.id == "evt_1"
