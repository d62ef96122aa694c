"""Whatever Stripe, or something before it, answers: one of this library's errors comes out, without payload or secret."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paylattice import Money
from paylattice.errors import (
    ActionRequired,
    AuthenticationError,
    ConfigurationError,
    Conflict,
    Declined,
    IdempotencyMismatch,
    InvalidRequest,
    InvalidResponse,
    NetworkError,
    NetworkOutcomeUnknown,
    NotFound,
    OutcomeUnknown,
    PaymentError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
    ResponseOutcomeUnknown,
    UnavailableOutcomeUnknown,
)
from paylattice.providers.stripe.declines import DECLINE_REASONS
from paylattice.providers.stripe.errors import error_response_from, retry_hint
from paylattice.transport import Response
from paylattice.transport.answers import Asked, failure_from
from tests.kit import everything_in

from .samples import customer, intent
from .support import KEY, World, missing, refusal

PATH = "/v1/customers/cus_1"


def read(world: World) -> Any:
    return world.run(world.provider.get_customer("cus_1"))


def write(world: World, key: str | None = None) -> Any:
    return world.run(world.provider.update_customer("cus_1", name="Ada", idempotency_key=key))


def once() -> World:
    return World("blocking", attempts=1)


def reading(answer: object) -> PaymentError:
    world = once().on("GET", PATH, answer)
    with pytest.raises(PaymentError) as caught:
        read(world)
    return caught.value


def writing(answer: object) -> PaymentError:
    world = once().on("POST", PATH, answer)
    with pytest.raises(PaymentError) as caught:
        write(world)
    return caught.value


STATUSES = [
    (301, InvalidResponse, InvalidResponse),
    (307, InvalidResponse, InvalidResponse),
    (400, InvalidRequest, InvalidRequest),
    (401, AuthenticationError, AuthenticationError),
    (402, Declined, Declined),
    (403, PermissionDenied, PermissionDenied),
    (405, InvalidRequest, InvalidRequest),
    (408, ProviderUnavailable, ProviderUnavailable),
    (409, Conflict, Conflict),
    (424, ProviderUnavailable, ProviderUnavailable),
    (429, RateLimited, RateLimited),
    (500, ProviderUnavailable, UnavailableOutcomeUnknown),
    (503, ProviderUnavailable, UnavailableOutcomeUnknown),
    (599, ProviderUnavailable, UnavailableOutcomeUnknown),
]


@pytest.mark.parametrize(("status", "on_read", "on_write"), STATUSES)
def test_each_status_has_its_error(status: int, on_read: type[PaymentError], on_write: type[PaymentError]) -> None:
    for error, expected in ((reading(refusal(status)), on_read), (writing(refusal(status)), on_write)):
        assert type(error) is expected
        assert (error.http_status, error.request_id, error.provider) == (status, "req_abc123", "stripe")
    assert reading(refusal(status)).operation == "get_customer"


BODIES = [
    "",
    "<html>Bad gateway</html>",
    '{"error": {"mess',
    "[]",
    "null",
    '"text"',
    '{"error": 7}',
    '{"error": "text"}',
    "{}",
]


@pytest.mark.parametrize("body", [*BODIES, "\udcff"])
@pytest.mark.parametrize(("status", "on_read", "on_write"), [*STATUSES, (404, InvalidResponse, InvalidResponse)])
def test_a_body_that_says_nothing_changes_little(
    status: int, on_read: type[PaymentError], on_write: type[PaymentError], body: str
) -> None:
    answer = httpx.Response(status, content=body.encode(errors="surrogateescape"))
    expected = {405: InvalidResponse}.get(status, on_read), {405: InvalidResponse}.get(status, on_write)
    assert (type(reading(answer)), type(writing(answer))) == expected


@pytest.mark.parametrize(
    "body", ["", "<html>", '{"id": "cus', "[]", "null", "7", "[" * 100_000, '{"id": ' + "9" * 5000 + "}"]
)
def test_a_success_that_cannot_be_read_is_an_invalid_response_or_an_unknown_outcome(body: str) -> None:
    assert type(reading(httpx.Response(200, text=body))) is InvalidResponse
    error = writing(httpx.Response(200, text=body))
    assert type(error) is ResponseOutcomeUnknown
    assert error.outcome_unknown


@pytest.mark.parametrize("changes", [{"id": None}, {"id": 7}, {"id": ""}, {"id": ["cus_1"]}])
def test_a_success_without_identity_is_one_too(changes: dict[str, Any]) -> None:
    assert type(reading(customer(**changes))) is InvalidResponse
    assert type(writing(customer(**changes))) is ResponseOutcomeUnknown


def test_redirects_are_not_followed() -> None:
    world = once().on("GET", PATH, httpx.Response(302, headers={"Location": "https://evil.test/"}))
    with pytest.raises(InvalidResponse):
        read(world)
    assert len(world.server.seen) == 1


@pytest.mark.parametrize(
    ("answer", "expected", "retryable"),
    [
        (refusal(409, "lock_timeout"), Conflict, True),
        (refusal(429, "lock_timeout"), Conflict, True),
        (refusal(409, "idempotency_key_in_use"), Conflict, True),
        (refusal(409), Conflict, True),
        (refusal(409, "something_new"), Conflict, True),
        (refusal(400, "payment_intent_unexpected_state"), Conflict, False),
        (refusal(400, "charge_already_captured"), Conflict, False),
        (refusal(400, type="idempotency_error"), IdempotencyMismatch, False),
        (refusal(409, type="idempotency_error"), IdempotencyMismatch, False),
        (refusal(400, "rate_limit"), RateLimited, True),
        (refusal(400, "authentication_required"), ActionRequired, False),
        (refusal(402, "invoice_payment_intent_requires_action"), ActionRequired, False),
        (refusal(402, "subscription_payment_intent_requires_action"), ActionRequired, False),
        (refusal(400, "api_key_expired"), AuthenticationError, False),
        (refusal(422), InvalidRequest, False),
        (missing(), NotFound, False),
        (refusal(404, message="No such customer: 'cus_1'"), NotFound, False),
        (refusal(404, message="Unrecognized request URL (POST: /v2/x)."), InvalidRequest, False),
        (refusal(404, "other"), InvalidRequest, False),
        (refusal(400, "resource_missing", param="items[0][price]"), InvalidRequest, False),
    ],
)
def test_codes_and_types_say_more_than_the_status(
    answer: httpx.Response, expected: type[PaymentError], retryable: bool
) -> None:
    error = writing(answer)
    assert type(error) is expected
    assert error.retryable is retryable


def test_a_wrong_parameter_is_named() -> None:
    error = writing(refusal(400, "resource_missing", param="items[0][price]", message="No such price: 'price_x'"))
    assert isinstance(error, InvalidRequest)
    assert (error.param, error.code) == ("items[0][price]", "resource_missing")
    assert "No such price: 'price_x'" in str(error)


@pytest.mark.parametrize("name", ["id", "object", "deleted"])
def test_a_404_from_something_before_stripe_is_not_taken_for_a_missing_object(name: str) -> None:
    assert type(reading(httpx.Response(404, json={name: "gone"}))) is InvalidResponse


def test_the_wait_that_stripe_asks_for_is_told() -> None:
    error = writing(refusal(429, headers={"Retry-After": "90"}))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 90


@pytest.mark.parametrize("status", [301, 401, 403, 408, 409, 429])
def test_a_refusal_after_an_attempt_without_an_answer_leaves_the_outcome_unknown(status: int) -> None:
    world = World("blocking", attempts=2).on("POST", PATH, httpx.ReadTimeout("lost"), refusal(status))
    with pytest.raises(OutcomeUnknown) as caught:
        write(world, key="k")
    assert type(caught.value) is OutcomeUnknown
    assert (caught.value.http_status, caught.value.idempotency_key) == (status, "k")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refusal(400), InvalidRequest),
        (refusal(402), Declined),
        (missing(), NotFound),
        (refusal(500), UnavailableOutcomeUnknown),
    ],
)
def test_an_answer_of_the_endpoint_itself_decides_about_an_earlier_attempt(
    answer: httpx.Response, expected: type[PaymentError]
) -> None:
    world = World("blocking", attempts=2).on("POST", PATH, httpx.ReadTimeout("lost"), answer)
    with pytest.raises(expected) as caught:
        write(world)
    assert type(caught.value) is expected


def test_a_failure_that_stripe_stored_is_not_worth_repeating() -> None:
    fresh = writing(refusal(500))
    stored = writing(refusal(500, headers={"Idempotent-Replayed": "true"}))
    assert (fresh.retryable, stored.retryable) == (True, False)
    assert "recover" in str(fresh)
    assert "new key" in str(stored)


def test_no_connection_is_a_network_error_that_changed_nothing() -> None:
    error = writing(httpx.ConnectError("down"))
    assert type(error) is NetworkError
    assert not error.outcome_unknown


def test_a_lost_answer_is_recovered_under_the_same_key(world: World) -> None:
    lost = [httpx.ReadTimeout("lost")] * 4
    world.on(
        "POST", "/v1/customers", *lost, httpx.Response(200, json=customer(), headers={"Idempotent-Replayed": "true"})
    )
    with pytest.raises(NetworkOutcomeUnknown) as caught:
        world.run(world.provider.create_customer("ada@example.com"))
    recovered: Any = world.run(world.provider.recover(caught.value))
    assert (recovered.id, recovered.replayed) == ("cus_1", True)
    assert {request.key for request in world.server.seen} == {caught.value.idempotency_key}
    assert len({tuple(request.form.items()) for request in world.server.seen}) == 1


def test_one_key_for_two_operations_is_refused_before_sending(world: World) -> None:
    world.on("POST", PATH, customer())
    write(world, key="k")
    with pytest.raises(IdempotencyMismatch):
        world.run(world.provider.update_customer("cus_1", name="Grace", idempotency_key="k"))
    assert len(world.server.seen) == 1


HOSTILE = {
    "error": {
        "type": "card_error",
        "code": f"code with {KEY}",
        "decline_code": "ada@example.com",
        "param": "email=ada@example.com",
        "message": f"Invalid API key {KEY} for ada@example.com, card 4242 4242 4242 4242\r\nX-Evil: 1",
        "payment_intent": {"id": "pi_1 ada@example.com", "client_secret": "pi_1_secret_verysecret", "note": "PAYLOAD"},
        "doc_url": "PAYLOAD",
    }
}


@pytest.mark.parametrize("status", [200, 302, 400, 401, 402, 403, 404, 408, 409, 410, 429, 500])
def test_errors_hold_no_secret_no_address_and_no_payload(status: int) -> None:
    answer = httpx.Response(status, json=HOSTILE, headers={"Request-Id": "req_1 ada@example.com", "X-Trace": "PAYLOAD"})
    for error in (reading(answer), writing(answer)):
        for text in everything_in(error):
            assert not any(word in text for word in (KEY, "ada@", "4242", "verysecret", "PAYLOAD", "\n", "\r"))
        assert error.request_id is None


def test_errors_have_no_exception_of_the_sdk_or_httpx_behind_them() -> None:
    for error in (reading(refusal(402)), writing(refusal(402)), writing(refusal(500)), writing(httpx.ReadTimeout("x"))):
        behind = [error.__cause__, error.__context__]
        assert all(one is None or type(one).__module__.startswith("paylattice") for one in behind)


def test_stripes_text_about_keys_is_left_out() -> None:
    assert "Provided" not in str(reading(refusal(401, message="Invalid API Key Provided: sk_test_****abcd")))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(
    ["type", "code", "decline_code", "advice_code", "param", "message", "payment_intent", "doc_url", "charge"]
)


@given(
    status=st.integers(100, 999),
    error=st.dictionaries(fields, json_values | st.sampled_from(list(DECLINE_REASONS)), max_size=9),
    headers=st.dictionaries(
        st.sampled_from(["request-id", "retry-after", "stripe-should-retry", "idempotent-replayed"]),
        st.text(),
        max_size=4,
    ),
    writes=st.booleans(),
    unsettled=st.booleans(),
)
def test_every_answer_has_an_error(
    status: int, error: dict[str, Any], headers: dict[str, str], writes: bool, unsettled: bool
) -> None:
    response = Response(status, headers, json.dumps({"error": error}).encode(), unsettled=unsettled)
    asked = Asked("stripe", "Stripe", writes=writes, key="k")
    failure = failure_from(response, asked, error_response_from({"error": error}, response))
    assert isinstance(failure, PaymentError)
    assert failure.outcome_unknown is isinstance(failure, OutcomeUnknown)
    assert writes or not failure.outcome_unknown
    assert retry_hint(response) in {True, False, None}
    assert isinstance(str(failure) + repr(failure), str)


def test_an_sdk_that_does_not_hand_the_answer_through_is_a_configuration_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    import stripe

    class Answer:
        headers: dict[str, str] = {}  # noqa: RUF012 - stands in for the SDK's

    async def raw_request_async(*_: object, **__: object) -> Answer:
        return Answer()

    monkeypatch.setattr(stripe.StripeClient, "raw_request_async", raw_request_async)
    with pytest.raises(ConfigurationError, match="stripe>=11"):
        read(world)


def test_a_charge_never_passes_on_an_answer_without_money(world: World) -> None:
    world.on("POST", "/v1/payment_intents", intent(currency=None))
    with pytest.raises(ResponseOutcomeUnknown):
        world.run(world.provider.create_payment(Money(1, "USD"), customer_id="cus_1", payment_method_id="pm_1"))
