"""Square's refusals in this library's words."""

import httpx
import pytest

from paylattice.errors import (
    AuthenticationError,
    ConfigurationError,
    Conflict,
    Declined,
    DeclineReason,
    IdempotencyMismatch,
    InvalidRequest,
    InvalidResponse,
    NotFound,
    OutcomeUnknown,
    PaymentError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
    UnavailableOutcomeUnknown,
)
from paylattice.providers.square.declines import DECLINE_REASONS
from tests.kit import everything_in

from .samples import customer
from .scenarios import SCENARIOS
from .support import TOKEN, World, configuration, refusal

CODES = """GENERIC_DECLINE INSUFFICIENT_FUNDS CARD_DECLINED CARD_DECLINED_CALL_ISSUER CVV_FAILURE VERIFY_CVV_FAILURE
ADDRESS_VERIFICATION_FAILURE VERIFY_AVS_FAILURE INVALID_POSTAL_CODE CARD_EXPIRED EXPIRATION_FAILURE BAD_EXPIRATION
INVALID_EXPIRATION PAN_FAILURE INVALID_CARD INVALID_CARD_DATA INVALID_ACCOUNT ACCOUNT_UNUSABLE TRANSACTION_LIMIT
PAYMENT_LIMIT_EXCEEDED VOICE_FAILURE CARD_NOT_SUPPORTED UNSUPPORTED_CARD_BRAND CARDHOLDER_INSUFFICIENT_PERMISSIONS
GIFT_CARD_AVAILABLE_AMOUNT BUYER_REFUSED_PAYMENT ALLOWABLE_PIN_TRIES_EXCEEDED CHIP_INSERTION_REQUIRED INVALID_PIN"""


def created(world: World, answer: object) -> PaymentError:
    world.always("POST", "/v2/customers", answer)
    with pytest.raises(PaymentError) as caught:
        world.run(world.provider.create_customer("ada@example.com"))
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "category", "kind"),
    [
        (401, "UNAUTHORIZED", "AUTHENTICATION_ERROR", AuthenticationError),
        (401, "ACCESS_TOKEN_EXPIRED", "AUTHENTICATION_ERROR", AuthenticationError),
        (401, "ACCESS_TOKEN_REVOKED", "AUTHENTICATION_ERROR", AuthenticationError),
        (403, "INSUFFICIENT_SCOPES", "AUTHENTICATION_ERROR", PermissionDenied),
        (403, "FORBIDDEN", "AUTHENTICATION_ERROR", PermissionDenied),
        (403, "A_CODE_OF_2031", "AUTHENTICATION_ERROR", PermissionDenied),
        (400, "CARD_PROCESSING_NOT_ENABLED", "AUTHENTICATION_ERROR", PermissionDenied),
        (404, "NOT_FOUND", "INVALID_REQUEST_ERROR", NotFound),
        (404, "A_CODE_OF_2031", "INVALID_REQUEST_ERROR", NotFound),
        (400, "CUSTOMER_NOT_FOUND", "INVALID_REQUEST_ERROR", InvalidRequest),
        (400, "MISSING_REQUIRED_PARAMETER", "INVALID_REQUEST_ERROR", InvalidRequest),
        (400, "IDEMPOTENCY_KEY_REUSED", "INVALID_REQUEST_ERROR", IdempotencyMismatch),
        (400, "VERSION_MISMATCH", "INVALID_REQUEST_ERROR", Conflict),
        (409, "CONFLICT", "INVALID_REQUEST_ERROR", Conflict),
        (400, "SOURCE_USED", "INVALID_REQUEST_ERROR", InvalidRequest),
        (400, "CARD_TOKEN_EXPIRED", "INVALID_REQUEST_ERROR", InvalidRequest),
        (400, "CARD_DECLINED", "PAYMENT_METHOD_ERROR", Declined),
        (402, "GENERIC_DECLINE", "PAYMENT_METHOD_ERROR", Declined),
        (404, "GENERIC_DECLINE", "PAYMENT_METHOD_ERROR", Declined),
        (400, "DELAYED_TRANSACTION_EXPIRED", "PAYMENT_METHOD_ERROR", Conflict),
        (400, "REFUND_ALREADY_PENDING", "REFUND_ERROR", Conflict),
        (429, "RATE_LIMITED", "RATE_LIMIT_ERROR", RateLimited),
        (400, "A_CODE_OF_2031", "A_CATEGORY_OF_2031", InvalidRequest),
        (400, None, "PAYMENT_METHOD_ERROR", Declined),
    ],
)
def test_a_refusal_by_code_and_category(
    world: World, status: int, code: str, category: str, kind: type[PaymentError]
) -> None:
    error = created(world, refusal(status, code, category, field="reference_id"))
    assert type(error) is kind
    assert (error.code, error.http_status, error.request_id) == (code, status, "trace1")
    assert error.operation == "create_customer"
    if isinstance(error, InvalidRequest):
        assert error.param == "reference_id"


@pytest.mark.parametrize("code", CODES.split())
def test_every_decline_has_a_reason(code: str) -> None:
    assert DECLINE_REASONS[code] is not DeclineReason.UNKNOWN


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_of_a_write_is_an_unknown_outcome(world: World, status: int) -> None:
    error = created(world, refusal(status, "INTERNAL_SERVER_ERROR", "API_ERROR"))
    assert isinstance(error, UnavailableOutcomeUnknown)
    assert error.retryable
    assert len(world.server.seen) == 4


def test_a_conflict_that_passes_is_tried_again_and_a_version_is_not(world: World) -> None:
    error = created(world, refusal(409, "CONFLICT"))
    assert (type(error), error.retryable, len(world.server.seen)) == (Conflict, True, 4)
    error = created(world, refusal(409, "VERSION_MISMATCH"))
    assert (type(error), error.retryable, len(world.server.seen)) == (Conflict, False, 5)


def test_a_limit_is_waited_for_and_told(world: World) -> None:
    error = created(world, refusal(429, "RATE_LIMITED", "RATE_LIMIT_ERROR", headers={"Retry-After": "2"}))
    assert isinstance(error, RateLimited)
    assert error.retry_after == 2
    assert world.slept == [2, 2, 2]


@pytest.mark.parametrize(
    ("category", "code", "kind"),
    [
        ("INVALID_REQUEST_ERROR", "BAD_REQUEST", InvalidRequest),
        ("AUTHENTICATION_ERROR", "UNAUTHORIZED", AuthenticationError),
        ("PAYMENT_METHOD_ERROR", "CARD_DECLINED", Declined),
        ("INVALID_REQUEST_ERROR", "IDEMPOTENCY_KEY_REUSED", IdempotencyMismatch),
        ("API_ERROR", "INTERNAL_SERVER_ERROR", OutcomeUnknown),
        ("RATE_LIMIT_ERROR", "RATE_LIMITED", RateLimited),
    ],
)
def test_errors_inside_a_200_are_a_refusal(world: World, category: str, code: str, kind: type[PaymentError]) -> None:
    body = {"errors": [{"category": category, "code": code, "detail": "No."}], "customer": customer()}
    error = created(world, body)
    assert isinstance(error, kind)
    assert (error.code, error.http_status) == (code, 200)
    assert len(world.server.seen) == 1


def test_a_read_that_is_refused_inside_a_200_is_refused(world: World) -> None:
    body = {"errors": [{"category": "API_ERROR", "code": "INTERNAL_SERVER_ERROR"}]}
    world.on("GET", "/v2/customers/CUST1", body)
    with pytest.raises(ProviderUnavailable) as caught:
        world.run(world.provider.get_customer("CUST1"))
    assert not caught.value.outcome_unknown
    not_there = {"errors": [{"category": "INVALID_REQUEST_ERROR", "code": "NOT_FOUND"}]}
    world.on("GET", "/v2/customers/CUST1", not_there)
    assert world.run(world.provider.get_customer("CUST1")) is None


@pytest.mark.parametrize("errors", [[], None, "no", [None, 7, "x"], [{}], [{"id": 1}], {"code": "X"}])
def test_what_is_no_error_does_not_hide_the_answer(world: World, errors: object) -> None:
    world.on("POST", "/v2/customers", {"errors": errors, "customer": customer()})
    assert world.run(world.provider.create_customer("ada@example.com")).id == "CUST1"


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"errors": 7}', b'{"errors": [{"code": 7}]}'])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422, 429])
def test_refusals_without_words_are_told_by_their_status(world: World, status: int, body: bytes) -> None:
    error = created(world, httpx.Response(status, content=body))
    expected = {401: AuthenticationError, 403: PermissionDenied, 409: Conflict, 429: RateLimited, 404: InvalidResponse}
    empty = status in {400, 422}
    assert isinstance(error, expected.get(status, (InvalidRequest, InvalidResponse) if empty else PaymentError))


def test_a_wrong_token_or_environment_is_told(world: World) -> None:
    error = created(world, refusal(401, "UNAUTHORIZED", "AUTHENTICATION_ERROR"))
    assert "SQUARE_ACCESS_TOKEN" in str(error)
    assert "SQUARE_ENVIRONMENT" in str(error)


@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("status", [400, 404, 500])
def test_no_error_holds_what_is_secret_or_personal(name: str, status: int) -> None:
    world = World(attempts=1)

    def echo(request: httpx.Request) -> httpx.Response:
        said = f"ada@example.com new@example.com {dict(request.headers)} {request.content.decode()}"
        error = {"category": said, "code": said, "detail": said, "field": said}
        return httpx.Response(status, json={"errors": [error], "payment": {"id": said}})

    world.server.__class__ = type("Echo", (type(world.server),), {"__call__": lambda _self, request: echo(request)})
    try:
        world.run(SCENARIOS[name].call(world))
    except PaymentError as error:
        shown = " ".join(everything_in(error))
        assert TOKEN not in shown
        assert "@example.com" not in shown


def test_a_token_may_be_handed_out_anew_for_each_request() -> None:
    tokens = iter(["EAAA-first-token", "EAAA-second-token"])
    world = World(config=configuration(access_token=lambda: next(tokens)))
    world.always("GET", "/v2/customers/CUST1", {"customer": customer()})
    for _ in range(2):
        world.run(world.provider.get_customer("CUST1"))
    sent = [seen.headers["authorization"] for seen in world.server.seen]
    assert sent == ["Bearer EAAA-first-token", "Bearer EAAA-second-token"]


@pytest.mark.parametrize("token", [lambda: "", lambda: None, lambda: 1 / 0, lambda: "two words"])
def test_a_token_that_is_not_handed_out_sends_nothing(token: object) -> None:
    world = World(config=configuration(access_token=token))
    with pytest.raises(ConfigurationError, match="nothing was sent"):
        world.run(world.provider.create_customer("ada@example.com"))
    assert world.server.seen == []
