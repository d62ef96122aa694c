"""Keys, pages, deliveries and failures of Square's stand-in."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from paylattice import Money
from paylattice.config import Secret
from paylattice.providers.square.webhooks import signed

from .support import LOCATION, Market, usd


@pytest.fixture
def market() -> Market:
    market = Market()
    market.server.add_plan("PRO", Money(1900, "USD"))
    return market


# --- keys --------------------------------------------------------------------------------------------------------

PAY = {"source_id": "cnon:card-nonce-ok", "amount_money": usd(100)}


def test_the_same_key_and_body_answer_what_was_answered_first(market: Market) -> None:
    first = market.raw("POST", "/v2/payments", {**PAY, "idempotency_key": "k"})
    market.server.advance(days=400)
    second = market.raw("POST", "/v2/payments", {"idempotency_key": "k", **PAY})
    assert (first.status_code, first.content, dict(first.headers)) == (200, second.content, dict(second.headers))
    assert market.server.count("payment") == 1
    assert [request.replayed for request in market.server.requests] == [False, True]
    assert [request.idempotency_key for request in market.server.requests] == ["k", "k"]


def test_a_replayed_answer_is_as_old_as_it_is(market: Market) -> None:
    held = market.payment(autocomplete=False, idempotency_key="k")
    market.ok("POST", f"/v2/payments/{held['id']}/cancel")
    again = market.payment(autocomplete=False, idempotency_key="k")
    assert again["status"] == "APPROVED"


def test_another_body_under_the_key_is_refused(market: Market) -> None:
    market.ok("POST", "/v2/payments", {**PAY, "idempotency_key": "k"})
    other = {**PAY, "amount_money": usd(200), "idempotency_key": "k"}
    assert market.refused("POST", "/v2/payments", other) == (400, "IDEMPOTENCY_KEY_REUSED", "idempotency_key")


def test_a_key_is_one_endpoints(market: Market) -> None:
    market.ok("POST", "/v2/customers", {"given_name": "A", "idempotency_key": "k"})
    market.ok("POST", "/v2/payments", {**PAY, "idempotency_key": "k"})


def test_without_a_key_each_request_is_another_one(market: Market) -> None:
    for key in ({}, {"idempotency_key": ""}, {"idempotency_key": None}):
        market.ok("POST", "/v2/customers", {"given_name": "A", **key})
    assert market.server.count("customer") == 3


def test_a_decline_is_an_outcome_and_stays_one(market: Market) -> None:
    body = {**PAY, "idempotency_key": "k"}
    market.server.decline_next_payment()
    assert market.raw("POST", "/v2/payments", body).status_code == 400
    assert market.raw("POST", "/v2/payments", body).status_code == 400
    assert market.server.count("payment") == 1


def test_a_mistake_is_no_outcome(market: Market) -> None:
    body = {**PAY, "location_id": "LNEW", "idempotency_key": "k"}
    assert market.raw("POST", "/v2/payments", body).status_code == 400
    market.server.add_location("LNEW")
    assert market.raw("POST", "/v2/payments", body).status_code == 200


def test_an_endpoint_without_keys_knows_no_such_field(market: Market) -> None:
    subscription = market.subscribed()
    body = {"idempotency_key": "k"}
    for path in ("cancel", "pause", "resume", "swap-plan"):
        answer = market.refused("POST", f"/v2/subscriptions/{subscription}/{path}", body)
        assert answer == (400, "UNKNOWN_BODY_PARAMETER", "idempotency_key")


# --- pages -------------------------------------------------------------------------------------------------------


def pages(market: Market, method: str, path: str, name: str, **asked: Any) -> Iterator[list[str]]:
    cursor: dict[str, str] = {}
    while True:
        sent = {**asked, **cursor}
        answer = market.ok(method, path, **sent) if method == "GET" else market.ok(method, path, sent)
        yield [row.get("id") or row["event_id"] for row in answer.get(name, [])]
        if "cursor" not in answer:
            return
        cursor = {"cursor": answer["cursor"]}


def test_cards_come_in_pages_of_25(market: Market) -> None:
    customer = market.customer()
    ids = [market.server.add_payment_method(customer) for _ in range(60)]
    found = list(pages(market, "GET", "/v2/cards", "cards", customer_id=customer))
    assert [len(page) for page in found] == [25, 25, 10]
    assert [one for page in found for one in page] == ids


@pytest.mark.parametrize("awkward", [False, True])
@pytest.mark.parametrize(
    ("method", "path", "name", "asked"),
    [
        ("POST", "/v2/customers/search", "customers", {"limit": 2}),
        ("GET", "/v2/payments", "payments", {"limit": 2}),
        ("GET", "/v2/online-checkout/payment-links", "payment_links", {"limit": 2}),
        ("GET", "/v2/catalog/list", "objects", {"types": "SUBSCRIPTION_PLAN"}),
        ("POST", "/v2/catalog/search", "objects", {"limit": 2}),
        ("POST", "/v2/subscriptions/search", "subscriptions", {"limit": 2}),
        ("POST", "/v2/invoices/search", "invoices", {"limit": 2, "query": {"filter": {"location_ids": [LOCATION]}}}),
        ("GET", "/v2/invoices", "invoices", {"limit": 2, "location_id": LOCATION}),
        ("POST", "/v2/events", "events", {"limit": 2}),
    ],
)
def test_every_list_is_paged(market: Market, awkward: bool, method: str, path: str, name: str, asked: Any) -> None:
    for _ in range(5):
        market.subscribed()
        market.link()
    whole = [
        one
        for page in pages(market, method, path, name, **{**asked, "limit": 100} if "limit" in asked else asked)
        for one in page
    ]
    assert len(whole) == len(set(whole)) >= 1
    market.server.variants.empty_pages = awkward
    found = list(pages(market, method, path, name, **asked))
    assert [one for page in found for one in page] == whole
    assert (found[0] == [], found[-1] == []) == (awkward, awkward)


def test_an_empty_list_is_left_out(market: Market) -> None:
    assert market.ok("POST", "/v2/subscriptions/search", {}) == {}
    market.server.variants.empty_pages = True
    answer = market.ok("POST", "/v2/subscriptions/search", {})
    assert list(answer) == ["cursor"]
    assert market.ok("POST", "/v2/subscriptions/search", {"cursor": answer["cursor"]}) == {}


def test_a_cursor_goes_with_its_query_and_becomes_too_old(market: Market) -> None:
    market.subscribed()
    market.subscribed()
    path, body = "/v2/customers/search", {"limit": 1}
    cursor = market.ok("POST", path, body)["cursor"]
    assert market.ok("POST", path, {"limit": 2, "cursor": cursor})["customers"]
    other = {"cursor": cursor, "query": {"filter": {"phone_number": {"exact": "1"}}}}
    assert market.refused("POST", path, other) == (400, "INVALID_CURSOR", "cursor")
    assert market.refused("POST", path, {"cursor": "nonsense"})[1] == "INVALID_CURSOR"
    market.server.expire_cursors()
    assert market.refused("POST", path, {**body, "cursor": cursor})[1] == "INVALID_CURSOR"
    market.server.advance(hours=0.01)
    cursor = market.ok("POST", path, body)["cursor"]
    market.server.advance(hours=0.3)
    assert market.refused("POST", path, {**body, "cursor": cursor})[1] == "INVALID_CURSOR"


# --- deliveries --------------------------------------------------------------------------------------------------


def test_a_delivery_is_signed_over_address_and_body(market: Market) -> None:
    market.customer()
    (hook,) = [one for one in market.server.deliveries() if one.type == "customer.created"]
    expected = signed(hook.payload, Secret.of(market.server.signature_key), market.server.webhook_url)
    assert hook.headers["x-square-hmacsha256-signature"] == expected
    old = hmac.new(
        market.server.signature_key.encode(), market.server.webhook_url.encode() + hook.payload, hashlib.sha1
    )
    assert hook.headers["x-square-signature"] == base64.b64encode(old.digest()).decode()
    assert hook.headers["square-environment"] == "Sandbox"
    assert hook.headers["square-initial-delivery-timestamp"] == "2026-10-31T18:30:15Z"
    assert "square-retry-number" not in hook.headers
    assert hook.payload == json.dumps(json.loads(hook.payload), separators=(",", ":"), ensure_ascii=False).encode()
    assert market.server.deliveries() == []


def test_a_delivery_that_was_not_answered_comes_again(market: Market) -> None:
    market.customer()
    first = market.server.deliveries()[-1]
    for number in ("1", "2", "3"):
        market.server.redeliver(first.event_id, reason="http_error")
        [again] = market.server.deliveries()
        assert (again.payload, again.headers["square-retry-number"]) == (first.payload, number)
    assert again.headers["square-retry-reason"] == "http_error"


def test_production_says_so() -> None:
    market = Market(sandbox=False)
    market.customer()
    assert market.server.deliveries()[0].headers["square-environment"] == "Production"
    market.server.add_plan("PRO", Money(100, "USD"))
    assert market.link(amount=100)["url"].startswith("https://square.link/u/")


def test_times_have_no_three_or_nine_decimals(market: Market) -> None:
    market.subscribed()
    market.server.send_test_notification()
    decimals = {body["type"]: len(body["created_at"].partition(".")[2].rstrip("Z")) for body in market.bodies()}
    assert decimals["customer.created"] == decimals["invoice.created"] == 0
    assert decimals["payment.created"] == decimals["order.updated"] == 3
    assert decimals["subscription.created"] == decimals["webhooks.test_notification"] == 9


def test_an_order_tells_of_itself_in_a_way_of_its_own(market: Market) -> None:
    market.payment()
    told = {body["type"]: body for body in market.bodies()}
    order = market.server.objects("order")[0]
    assert told["order.created"]["data"]["type"] == "order_created"
    about = told["order.updated"]["data"]
    assert (about["type"], about["id"]) == ("order_updated", order["id"])
    assert set(about["object"]) == {"order_updated"}
    assert set(about["object"]["order_updated"]) == {
        "order_id",
        "version",
        "location_id",
        "state",
        "created_at",
        "updated_at",
    }


def test_only_invoices_tell_of_their_location(market: Market) -> None:
    market.subscribed()
    assert {body["type"].split(".")[0] for body in market.bodies() if "location_id" in body} == {"invoice"}


def test_an_event_holds_what_was_then(market: Market) -> None:
    customer = market.customer()
    market.ok("PUT", f"/v2/customers/{customer}", {"note": "later"})
    created, updated = market.bodies()
    assert ("note" in created["data"]["object"]["customer"], updated["data"]["object"]["customer"]["note"]) == (
        False,
        "later",
    )


def test_a_subscription_tells_nothing_of_its_actions(market: Market) -> None:
    subscription = market.subscribed()
    market.told()
    market.ok("POST", f"/v2/subscriptions/{subscription}/cancel")
    (body,) = market.bodies()
    about = body["data"]["object"]["subscription"]
    assert ("actions" in about, about["canceled_date"]) == (False, "2026-11-29")


# --- failures ----------------------------------------------------------------------------------------------------


def test_an_answer_is_lost_after_the_effect(market: Market) -> None:
    market.server.faults.lose_next_answer()
    with pytest.raises(httpx.ReadError):
        market.payment()
    assert market.server.count("payment") == 1
    assert market.server.requests[-1].status is None


@pytest.mark.parametrize(
    ("status", "category", "code"),
    [
        (401, "AUTHENTICATION_ERROR", "UNAUTHORIZED"),
        (402, "PAYMENT_METHOD_ERROR", "GENERIC_DECLINE"),
        (409, "INVALID_REQUEST_ERROR", "CONFLICT"),
        (418, "INVALID_REQUEST_ERROR", "BAD_REQUEST"),
        (429, "RATE_LIMIT_ERROR", "RATE_LIMITED"),
        (500, "API_ERROR", "INTERNAL_SERVER_ERROR"),
        (503, "API_ERROR", "SERVICE_UNAVAILABLE"),
        (599, "API_ERROR", "BAD_REQUEST"),
    ],
)
def test_a_failure_that_was_asked_for_looks_like_squares(market: Market, status: int, category: str, code: str) -> None:
    market.server.faults.answer_next(status, headers={"Retry-After": "7"})
    answer = market.raw("GET", "/v2/locations")
    error = answer.json()["errors"][0]
    assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
    assert (error["category"], error["code"]) == (category, code)


def test_only_answers_about_cards_have_an_id_of_their_own(market: Market) -> None:
    assert "x-speleo-traceid" in market.raw("GET", "/v2/cards").headers
    assert "x-speleo-traceid" not in market.raw("GET", "/v2/payments").headers


def test_the_log_holds_what_was_sent(market: Market) -> None:
    market.raw("POST", "/v2/subscriptions/search", {"query": {"filter": {"customer_ids": ["a"]}}, "limit": 3})
    market.raw("POST", "/v2/customers", [])
    seen, broken = market.server.requests
    assert dict(seen.params) == {"query.filter.customer_ids.0": "a", "limit": "3"}
    assert (broken.status, dict(broken.params)) == (400, {})


def test_it_is_served_on_a_port_too(market: Market) -> None:
    with market.server.serve() as url, httpx.Client(base_url=url) as client:
        headers = {"Authorization": f"Bearer {market.server.access_token}"}
        assert client.get("/v2/locations/main", headers=headers).json()["location"]["id"] == LOCATION
        market.server.faults.lose_next_answer()
        with pytest.raises(httpx.HTTPError):
            client.post("/v2/customers", headers=headers, json={"given_name": "A"})
    assert market.server.count("customer") == 1


def test_a_location_sells_in_a_currency_that_square_knows() -> None:
    from paylattice.testing import SquareStandIn

    with pytest.raises(ValueError, match="Square sells in"):
        SquareStandIn(currency="CHF")
    yen = SquareStandIn(currency="JPY", timezone="Asia/Tokyo")
    assert (yen.objects("location")[0]["currency"], yen.objects("location")[0]["country"]) == ("JPY", "JP")
