"""PayPal's refusals, in the words that all providers share."""

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
)
from paylattice.providers.paypal.declines import ISSUES
from paylattice.providers.paypal.errors import ALREADY_DONE, FOR_THE_PAYER, KINDS, error_response_from
from tests.kit import everything_in

from .contract import SPECS, official
from .samples import PAGE, link, order
from .scenarios import BACK, ORDER, PLAN, SUB, SUBS, THANKS, furnished
from .support import World, refusal, unprocessable

CHECKOUT = "/v2/checkout/orders"


@pytest.fixture
def world(mode: str) -> World:
    return furnished(World(mode, attempts=1))


def start(world: World) -> PaymentError:
    with pytest.raises(PaymentError) as caught:
        world.run(world.provider.create_payment_session(Money(1900, "USD"), THANKS, BACK))
    return caught.value


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refusal(400, "INVALID_REQUEST", "MISSING_REQUIRED_PARAMETER"), InvalidRequest),
        (refusal(401, "AUTHENTICATION_FAILURE"), AuthenticationError),
        (httpx.Response(401, json={"error": "invalid_token"}), AuthenticationError),
        (refusal(403, "NOT_AUTHORIZED", "PERMISSION_DENIED"), PermissionDenied),
        (refusal(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID"), NotFound),
        (refusal(404, "INVALID_RESOURCE_ID"), NotFound),
        (refusal(409, "RESOURCE_CONFLICT"), Conflict),
        (refusal(422, "UNPROCESSABLE_ENTITY"), InvalidRequest),
        (unprocessable("DUPLICATE_REQUEST_ID"), IdempotencyMismatch),
        (unprocessable("PAYPAL_REQUEST_ID_PREVIOUSLY_USED"), IdempotencyMismatch),
        (unprocessable("PAYEE_ACCOUNT_RESTRICTED"), PermissionDenied),
        (unprocessable("PAYER_ACTION_REQUIRED"), ActionRequired),
        (unprocessable("A_WORD_OF_2031"), InvalidRequest),
        (refusal(429, "RATE_LIMIT_REACHED", headers={"Retry-After": "30"}), RateLimited),
        (refusal(500, "INTERNAL_SERVER_ERROR"), OutcomeUnknown),
        (refusal(503, "SERVICE_UNAVAILABLE"), OutcomeUnknown),
        (httpx.Response(403, content=b"<html>Access Denied"), PermissionDenied),
        (httpx.Response(404, content=b"<html>"), InvalidResponse),
        (httpx.Response(302, headers={"Location": "https://evil.example"}), InvalidResponse),
        (httpx.Response(418, content=b"[]"), InvalidResponse),
    ],
    ids=lambda value: getattr(value, "__name__", None) or f"{value.status_code} {value.text[:60]}",
)
def test_every_answer_has_its_error(world: World, answer: httpx.Response, error: type[PaymentError]) -> None:
    world.always("POST", CHECKOUT, answer)
    found = start(world)
    assert isinstance(found, error)
    assert found.provider == "paypal"
    assert found.operation == "create_payment_session"


@pytest.mark.parametrize("issue", sorted(ISSUES))
def test_a_payer_s_refusal_is_declined_and_with_a_link_the_payer_s_to_mend(world: World, issue: str) -> None:
    world.on("POST", CHECKOUT, unprocessable(issue), unprocessable(issue, links=[link("payer-action", PAGE)]))
    declined = start(world)
    assert isinstance(declined, Declined)
    assert declined.code == issue
    assert declined.reason is ISSUES[issue] is not DeclineReason.UNKNOWN
    mendable = start(world)
    assert isinstance(mendable, ActionRequired)
    assert mendable.url == PAGE


@pytest.mark.parametrize("issue", sorted(FOR_THE_PAYER))
def test_what_waits_for_the_payer_is_said_so(world: World, issue: str) -> None:
    world.on("POST", CHECKOUT, unprocessable(issue))
    assert isinstance(start(world), ActionRequired)


@pytest.mark.parametrize("issue", sorted(ALREADY_DONE))
def test_what_is_done_already_is_a_conflict_if_reading_does_not_resolve_it(world: World, issue: str) -> None:
    world.on("POST", CHECKOUT, unprocessable(issue))
    found = start(world)
    assert isinstance(found, Conflict)
    assert not found.retryable


@pytest.mark.parametrize("word", sorted(KINDS))
def test_issues_and_names_lead_to_the_same_error(word: str) -> None:
    assert error_response_from({"name": "X", "details": [{"issue": word}]}).kind is KINDS[word]
    assert error_response_from({"name": word}).kind is KINDS[word]
    assert error_response_from({"name": word, "details": [{"issue": "A_WORD_OF_2031"}]}).kind is KINDS[word]


def test_the_tables_do_not_contradict_one_another() -> None:
    tables = [set(ISSUES), set(FOR_THE_PAYER), set(ALREADY_DONE), set(KINDS)]
    assert sum(map(len, tables)) == len(set().union(*tables))


def test_the_first_issue_that_says_something_decides(world: World) -> None:
    details = [{"issue": "A_WORD_OF_2031"}, {"issue": "INSTRUMENT_DECLINED", "description": "No."}]
    body = {"name": "UNPROCESSABLE_ENTITY", "details": details}
    world.on("POST", CHECKOUT, httpx.Response(422, json=body))
    found = start(world)
    assert isinstance(found, Declined)
    assert found.code == "INSTRUMENT_DECLINED"


def test_an_error_says_the_parameter_the_code_and_the_debug_id(world: World) -> None:
    world.on(
        "POST",
        CHECKOUT,
        refusal(400, "INVALID_REQUEST", "INVALID_PARAMETER_VALUE", field="/purchase_units/0/amount/value"),
    )
    found = start(world)
    assert isinstance(found, InvalidRequest)
    assert found.param == "purchase_units.0.amount.value"
    assert (found.code, found.http_status, found.request_id) == ("INVALID_PARAMETER_VALUE", 400, "b1d1f06c7246c")


def test_a_rate_limit_says_how_long_and_is_tried_again_first() -> None:
    world = furnished(World(attempts=3))
    world.on("GET", f"{SUBS}/{SUB}", *[refusal(429, "RATE_LIMIT_REACHED", headers={"Retry-After": "7"})] * 2)
    assert world.run(world.provider.get_subscription(SUB)) is not None
    assert world.slept == [7, 7]


def test_a_server_error_to_a_read_is_no_unknown_outcome(world: World) -> None:
    world.on("GET", f"{SUBS}/{SUB}", refusal(500, "INTERNAL_SERVER_ERROR"))
    with pytest.raises(ProviderUnavailable) as caught:
        world.run(world.provider.get_subscription(SUB))
    assert not caught.value.outcome_unknown


def test_personal_data_in_paypal_s_words_stays_out_of_messages(world: World) -> None:
    said = "ada@example.com with card 4111 1111 1111 1111 failed"
    world.on("POST", CHECKOUT, unprocessable("TRANSACTION_REFUSED", description=said, value="ada@example.com"))
    shown = " ".join(everything_in(start(world)))
    assert "ada@example.com" not in shown
    assert "4111" not in shown


def test_a_plan_that_is_not_there_is_none(world: World) -> None:
    world.on("GET", f"/v1/billing/plans/{PLAN}", refusal(404, "RESOURCE_NOT_FOUND"))
    assert world.run(world.provider.get_plan(PLAN)) is None
    world.on("GET", "/v1/billing/plans/nothing", refusal(400, "INVALID_REQUEST"))
    assert world.run(world.provider.get_plan("nothing")) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
WORDS = [
    "name",
    "message",
    "debug_id",
    "details",
    "links",
    "error",
    "error_description",
    "issue",
    "field",
    "rel",
    "href",
]


@given(
    st.dictionaries(
        st.sampled_from(WORDS),
        JSON | st.lists(st.dictionaries(st.sampled_from(WORDS), JSON, max_size=4), max_size=3),
    )
)
def test_any_error_body_is_read(body: dict[str, Any]) -> None:
    found = error_response_from(body)
    assert found is None or found.url is None or found.url.startswith("http")


@pytest.mark.parametrize(
    "answer",
    [
        b"<html>",
        b"",
        b"[]",
        b"null",
        b'"x"',
        b'{"id": null}',
        b'{"id": ["5O190127TN364715T"]}',
        b'{"id": "../../v1/oauth2/token", "status": "APPROVED"}',
        b'{"id": "a b", "purchase_units": [{"amount": {"value": "19.00", "currency_code": "USD"}}]}',
        b'{"id": "X", "purchase_units": {"amount": 1}}',
        b'{"id": "X", "purchase_units": [{"amount": {"value": "x", "currency_code": "USD"}}]}',
        b'{"id": "\\u0000"}',
        b"[" * 100_000,
        b'{"id": NaN}',
        b"\xff\xfe",
    ],
)
def test_a_hostile_answer_to_a_read_is_an_invalid_response_and_to_a_write_an_unknown_outcome(
    world: World, answer: bytes
) -> None:
    hostile = httpx.Response(200, content=answer)
    for path, call in {
        f"{CHECKOUT}/{ORDER}": lambda: world.provider.get_payment(ORDER),
        f"{SUBS}/{SUB}": lambda: world.provider.get_subscription(SUB),
        f"/v1/billing/plans/{PLAN}": lambda: world.provider.get_plan(PLAN),
    }.items():
        world.on("GET", path, hostile)
        with pytest.raises(InvalidResponse):
            world.run(call())
    for path, call in {
        CHECKOUT: lambda: world.provider.create_payment_session(Money(1900, "USD"), THANKS, BACK),
        SUBS: lambda: world.provider.create_checkout_session("cus_1", PLAN, THANKS, BACK),
        f"{SUBS}/{SUB}/revise": lambda: world.provider.change_subscription(SUB, quantity=5),
    }.items():
        world.on("POST", path, hostile)
        if (
            path.endswith("/revise") and answer.startswith(b"{") and b"NaN" not in answer
        ):  # asking twice is no harm, and this says nothing
            assert world.run(call()).approval_url is None  # type: ignore[attr-defined]
            continue
        with pytest.raises((OutcomeUnknown, InvalidResponse)) as caught:
            world.run(call())
        assert isinstance(caught.value, OutcomeUnknown)


def test_a_hostile_order_between_two_requests_leads_nowhere(world: World) -> None:
    world.on("GET", f"{CHECKOUT}/{ORDER}", {**order("APPROVED"), "id": "../../../v1/x"})
    with pytest.raises(PaymentError):
        world.run(world.provider.capture_payment(ORDER))
    assert world.server.writes == []


def issues() -> set[str]:
    found: set[str] = set()
    for name in ("billing_subscriptions_v1", "checkout_orders_v2", "payments_payment_v2", "vault_payment_tokens_v3"):
        waiting: list[Any] = [json.loads((SPECS / f"{name}.json").read_text())]
        while waiting:
            value = waiting.pop()
            if isinstance(value, dict):
                issue = value.get("properties", {}).get("issue") if isinstance(value.get("properties"), dict) else None
                found |= set(issue.get("enum", ())) if isinstance(issue, dict) else set()
                waiting += value.values()
            elif isinstance(value, list):
                waiting += value
    return found


@official
@pytest.mark.contract
def test_every_issue_in_the_descriptions_that_says_declined_already_or_not_allowed_is_known_for_what_it_is() -> None:
    found = issues()
    assert len(found) > 250
    for issue in found:
        kind = error_response_from({"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue}]}).kind
        if "DECLINED" in issue or "REFUSED" in issue:
            assert kind is Declined, issue
        if "ALREADY" in issue or issue.startswith("PREVIOUSLY_"):
            assert kind is Conflict, issue
        if issue.startswith(("NOT_ENABLED_FOR_CARD", "PAYEE_NOT_ENABLED", "PERMISSION_")) and "DONATION" not in issue:
            assert kind is PermissionDenied, issue
