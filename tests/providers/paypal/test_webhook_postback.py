"""Verification by PayPal: what is asked, byte for byte, and what its answers mean."""

import json
from collections import deque
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice.errors import (
    AuthenticationError,
    ConfigurationError,
    Diagnosis,
    InvalidResponse,
    InvalidSignature,
    MalformedPayload,
    NetworkError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
    StaleSignature,
    VerificationUnavailable,
)
from paylattice.providers.paypal.verification.postback import postback_request
from paylattice.providers.paypal.verification.verifier import transmission_from

from .certificates_support import BODY, EVENT, NOW, URL, WEBHOOK, World, changed, delivery

SUCCESS, FAILURE = {"verification_status": "SUCCESS"}, {"verification_status": "FAILURE"}
HEADERS = delivery()


class PayPal:
    """Answers what the test laid out, and keeps what was asked."""

    def __init__(self, *answers: Any) -> None:
        self.asked: list[bytes] = []
        self.answers = deque(answers)

    async def __call__(self, request: bytes) -> Any:
        self.asked.append(request)
        answer = self.answers.popleft() if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def world(*answers: Any, mode: str = "async", **changes: Any) -> tuple[World, PayPal]:
    paypal = PayPal(*answers)
    return World(mode, postback=paypal, **{"verify": "postback", **changes}), paypal


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_what_paypal_confirms_is_taken(mode: str) -> None:
    asking, paypal = world(SUCCESS, mode=mode)
    assert asking.verified() == EVENT
    assert asking.fetched == 0
    (request,) = paypal.asked
    assert json.loads(request) == {
        "auth_algo": "SHA256withRSA",
        "cert_url": URL,
        "transmission_id": HEADERS["PAYPAL-TRANSMISSION-ID"],
        "transmission_sig": HEADERS["PAYPAL-TRANSMISSION-SIG"],
        "transmission_time": HEADERS["PAYPAL-TRANSMISSION-TIME"],
        "webhook_id": WEBHOOK,
        "webhook_event": EVENT,
    }


def test_the_body_is_sent_back_byte_for_byte() -> None:
    body = rb' {"b":10.0,"a":1.00,"e":{},"u":"https:\/\/x","\u00e9":"\u00e9","big":1234567890123456789} '
    asking, paypal = world(SUCCESS)
    asking.verified(body)
    assert paypal.asked[0].endswith(b'"webhook_event": ' + body + b"}")


def test_what_paypal_denies_is_forged() -> None:
    asking, paypal = world(FAILURE)
    error = asking.refused()
    assert (type(error), error.diagnosis) == (InvalidSignature, Diagnosis.WRONG_SECRET)
    assert "PAYPAL_WEBHOOK_ID" in error.message
    assert len(paypal.asked) == 1


def test_each_of_several_webhook_ids_is_asked_for_until_one_is_confirmed() -> None:
    asking, paypal = world(FAILURE, SUCCESS, webhook_id=("1JE4291016473214C", WEBHOOK, "5XX"))
    assert asking.verified() == EVENT
    assert [json.loads(request)["webhook_id"] for request in paypal.asked] == ["1JE4291016473214C", WEBHOOK]


@pytest.mark.parametrize(
    "body",
    [
        b'{},"webhook_id":"other"',
        b'{"a":1},"webhook_event":{"a":2}',
        b'{}}{"x":1',
        b'{},"verification_status":"SUCCESS","x":{}',
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b"{",
        b"{} {}",
        b"// {}\n{}",
        b"/**/{}",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":"\n"}',
        b"\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b"{\xff}",
        b'{"a":' * 100_000,
    ],
)
def test_what_is_not_one_object_of_json_is_never_put_into_a_request(body: bytes) -> None:
    asking, paypal = world(SUCCESS)
    assert type(asking.refused(body, HEADERS)) is MalformedPayload
    assert paypal.asked == []


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_body_brings_a_field_of_its_own_into_the_request(noise: bytes) -> None:
    transmission = transmission_from(HEADERS)
    for body in (noise, b"{" + noise, b"{}" + noise, noise + b"}", b'{},"webhook_id":' + noise):
        try:
            request = postback_request(transmission, WEBHOOK, body)
        except MalformedPayload:
            continue
        seen: list[str] = []

        def fields(pairs: list[tuple[str, Any]], seen: list[str] = seen) -> dict[str, Any]:
            seen[:] = [name for name, _ in pairs]
            return dict(pairs)

        outer = json.loads(request, object_pairs_hook=fields)
        assert len(seen) == len(set(seen)) == 7
        assert outer["webhook_id"] == WEBHOOK


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"verification_status": None},
        {"verification_status": "success"},
        {"verification_status": "PENDING"},
        {"verification_status": ["SUCCESS"]},
        {"name": "RESOURCE_NOT_FOUND"},
        NetworkError("no answer"),
        ProviderUnavailable("down"),
        RateLimited("slow down"),
        InvalidResponse("HTML"),
        AuthenticationError("wrong secret"),
        PermissionDenied("no"),
    ],
)
def test_everything_else_proves_nothing(answer: Any) -> None:
    asking, _ = world(answer)
    error = asking.refused()
    assert type(error) is VerificationUnavailable
    assert error.retryable


def test_a_failure_at_the_second_webhook_id_is_no_denial() -> None:
    asking, _ = world(FAILURE, NetworkError("no answer"), webhook_id=("1JE4291016473214C", WEBHOOK))
    assert type(asking.refused()) is VerificationUnavailable


def test_a_wrong_setting_stays_one() -> None:
    asking, _ = world(ConfigurationError("closed"))
    with pytest.raises(ConfigurationError, match="closed"):
        asking.verified()
    with pytest.raises(ConfigurationError):
        World(verify="postback").verified()


def test_what_is_plainly_not_paypals_is_not_sent_to_paypal() -> None:
    asking, paypal = world(SUCCESS)
    for headers in (
        {},
        changed(HEADERS, "PAYPAL-AUTH-ALGO", "SHA1withRSA"),
        changed(HEADERS, "PAYPAL-CERT-URL", "https://evil.example/CERT-1"),
        changed(HEADERS, "PAYPAL-TRANSMISSION-SIG", '","webhook_id":"x'),
    ):
        assert type(asking.refused(BODY, headers)) is InvalidSignature
    assert paypal.asked == []


def test_an_old_delivery_is_stale_although_paypal_confirms_it() -> None:
    asking, _ = world(SUCCESS)
    assert type(asking.refused(sent=NOW - 5 * 86_400)) is StaleSignature


def test_the_simulators_webhook_id_is_not_sent_to_paypal() -> None:
    asking, paypal = world(FAILURE, simulator=True)
    assert type(asking.refused(webhook_id="WEBHOOK_ID")) is InvalidSignature
    assert [json.loads(request)["webhook_id"] for request in paypal.asked] == [WEBHOOK]


def test_neither_cryptography_nor_a_trust_store_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    asking, _ = world(SUCCESS, trust_store=None)
    for name in [found for found in sys.modules if found.partition(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    assert asking.verified(BODY, HEADERS) == EVENT
