"""What Square's stand-in answers and refuses, to requests of no library."""

from typing import Any

import pytest

from paylattice import Money

from .support import LOCATION, NOW, OK, Market, usd


@pytest.fixture
def market() -> Market:
    """An account with plans, two locations, a customer with a card, and a payment that is only authorized."""
    market = Market()
    market.server.add_plan("PRO", Money(1900, "USD"))
    market.server.add_plan("TEAM", Money(4900, "USD"))
    market.server.add_plan("STEPS", Money(4900, "USD"), trial_periods=1, periods=2)
    market.server.add_plan("ITEMS", Money(0, "USD"), relative=True)
    market.server.add_location("LCLOSED", active=False)
    market.server.add_payment_method(market.customer())
    market.payment(autocomplete=False)
    market.payment()
    return market


CUSTOMER, CARD, HELD, PAID = "CUSSTANDIN000001", "ccof:STANDIN000001", "PAYSTANDIN000001", "PAYSTANDIN000002"
PAY = {"source_id": CARD, "customer_id": CUSTOMER, "amount_money": usd(100), "idempotency_key": "k"}
QUICK = {"name": "Pro", "price_money": usd(1900), "location_id": LOCATION}
ITEM = {"name": "Book", "quantity": "1", "base_price_money": usd(900)}
ORDER = {"location_id": LOCATION, "line_items": [ITEM]}
SUBSCRIBE = {"location_id": LOCATION, "customer_id": CUSTOMER, "plan_variation_id": "PRO", "card_id": CARD}
LINKS = "/v2/online-checkout/payment-links"
FILTER = {"location_ids": [LOCATION]}

REFUSED: list[tuple[str, str, dict[str, Any] | None, int, str, str | None]] = [
    ("GET", "/v2/locations/LNONE", None, 404, "NOT_FOUND", None),
    ("GET", "/v2/nonsense", None, 404, "NOT_FOUND", None),
    ("DELETE", "/v2/cards/x", None, 405, "METHOD_NOT_ALLOWED", None),
    # customers
    ("POST", "/v2/customers", {"note": "n"}, 400, "MISSING_REQUIRED_PARAMETER", None),
    ("POST", "/v2/customers", {"given_name": "x" * 301}, 400, "VALUE_TOO_LONG", "given_name"),
    ("POST", "/v2/customers", {"email_address": "nobody"}, 400, "INVALID_EMAIL_ADDRESS", "email_address"),
    ("POST", "/v2/customers", {"phone_number": "123"}, 400, "INVALID_PHONE_NUMBER", "phone_number"),
    ("POST", "/v2/customers", {"given_name": 7}, 400, "EXPECTED_STRING", "given_name"),
    ("POST", "/v2/customers", {"name": "Ada"}, 400, "UNKNOWN_BODY_PARAMETER", "name"),
    (
        "POST",
        "/v2/customers",
        {"given_name": "A", "address": {"city": "x"}},
        400,
        "UNKNOWN_BODY_PARAMETER",
        "address.city",
    ),
    ("POST", "/v2/customers", {"given_name": "A", "address": "x"}, 400, "EXPECTED_OBJECT", "address"),
    ("GET", "/v2/customers/none", None, 404, "NOT_FOUND", None),
    ("PUT", f"/v2/customers/{CUSTOMER}", {"note": "n", "version": 7}, 409, "CONFLICT", "version"),
    ("PUT", f"/v2/customers/{CUSTOMER}", {"version": "1"}, 400, "EXPECTED_INTEGER", "version"),
    ("DELETE", f"/v2/customers/{CUSTOMER}?version=7", None, 409, "CONFLICT", "version"),
    ("DELETE", f"/v2/customers/{CUSTOMER}?force=1", None, 400, "UNKNOWN_QUERY_PARAMETER", "force"),
    ("POST", "/v2/customers/search", {"limit": 101}, 400, "VALUE_TOO_HIGH", "limit"),
    ("POST", "/v2/customers/search", {"limit": 0}, 400, "VALUE_TOO_LOW", "limit"),
    # cards
    ("POST", "/v2/cards", {"source_id": "x", "card": {}}, 400, "MISSING_REQUIRED_PARAMETER", "idempotency_key"),
    (
        "POST",
        "/v2/cards",
        {"source_id": "x", "card": {}, "idempotency_key": "k"},
        400,
        "MISSING_REQUIRED_PARAMETER",
        "card.customer_id",
    ),
    ("GET", "/v2/cards/none", None, 404, "NOT_FOUND", None),
    ("POST", "/v2/cards/none/disable", None, 404, "NOT_FOUND", None),
    # payments
    ("POST", "/v2/payments", {**PAY, "idempotency_key": ""}, 400, "MISSING_REQUIRED_PARAMETER", "idempotency_key"),
    ("POST", "/v2/payments", {**PAY, "idempotency_key": "ü" * 23}, 400, "VALUE_TOO_LONG", "idempotency_key"),
    ("POST", "/v2/payments", {**PAY, "idempotency_key": 7}, 400, "EXPECTED_STRING", "idempotency_key"),
    (
        "POST",
        "/v2/payments",
        {**PAY, "amount_money": {"amount": 1.5, "currency": "USD"}},
        400,
        "EXPECTED_INTEGER",
        "amount_money.amount",
    ),
    (
        "POST",
        "/v2/payments",
        {**PAY, "amount_money": {"amount": 1, "currency": "EUR"}},
        400,
        "INVALID_VALUE",
        "amount_money.currency",
    ),
    ("POST", "/v2/payments", {**PAY, "amount_money": usd(0)}, 400, "VALUE_TOO_LOW", "amount_money.amount"),
    ("POST", "/v2/payments", {**PAY, "amount_money": None}, 400, "MISSING_REQUIRED_PARAMETER", "amount_money"),
    ("POST", "/v2/payments", {**PAY, "customer_id": None}, 400, "MISSING_REQUIRED_PARAMETER", "customer_id"),
    ("POST", "/v2/payments", {**PAY, "customer_id": "none"}, 400, "CUSTOMER_NOT_FOUND", "customer_id"),
    ("POST", "/v2/payments", {**PAY, "source_id": "nonsense"}, 404, "NOT_FOUND", "source_id"),
    ("POST", "/v2/payments", {**PAY, "location_id": "LCLOSED"}, 400, "INVALID_LOCATION", "location_id"),
    ("POST", "/v2/payments", {**PAY, "location_id": "LNONE"}, 400, "INVALID_VALUE", "location_id"),
    ("POST", "/v2/payments", {**PAY, "note": "x" * 501}, 400, "VALUE_TOO_LONG", "note"),
    ("POST", "/v2/payments", {**PAY, "delay_duration": "P8D"}, 400, "INVALID_VALUE", "delay_duration"),
    ("POST", "/v2/payments", {**PAY, "app_fee_money": usd(1)}, 400, "NOT_IMPLEMENTED", "app_fee_money"),
    ("GET", "/v2/payments?last_4=1111", None, 400, "NOT_IMPLEMENTED", "last_4"),
    (
        "PUT",
        f"/v2/payments/{HELD}",
        {"idempotency_key": "k", "payment": {"amount_money": usd(9999)}},
        400,
        "BAD_REQUEST",
        "payment.amount_money",
    ),
    ("PUT", f"/v2/payments/{HELD}", {"idempotency_key": "k"}, 400, "NO_FIELDS_SET", "payment"),
    (
        "PUT",
        f"/v2/payments/{PAID}",
        {"idempotency_key": "k", "payment": {"amount_money": usd(1)}},
        400,
        "DELAYED_TRANSACTION_CAPTURED",
        None,
    ),
    ("POST", f"/v2/payments/{HELD}/complete", {"version_token": "old"}, 409, "VERSION_MISMATCH", "version_token"),
    ("POST", f"/v2/payments/{PAID}/complete", {}, 400, "DELAYED_TRANSACTION_CAPTURED", None),
    ("POST", f"/v2/payments/{PAID}/cancel", None, 400, "DELAYED_TRANSACTION_CAPTURED", None),
    # refunds
    (
        "POST",
        "/v2/refunds",
        {"payment_id": HELD, "amount_money": usd(1), "idempotency_key": "k"},
        400,
        "REFUND_ERROR_PAYMENT_NEEDS_COMPLETION",
        None,
    ),
    (
        "POST",
        "/v2/refunds",
        {"payment_id": PAID, "amount_money": usd(1901), "idempotency_key": "k"},
        400,
        "REFUND_AMOUNT_INVALID",
        "amount_money.amount",
    ),
    (
        "POST",
        "/v2/refunds",
        {"amount_money": usd(1), "idempotency_key": "k"},
        400,
        "MISSING_REQUIRED_PARAMETER",
        "payment_id",
    ),
    (
        "POST",
        "/v2/refunds",
        {"payment_id": PAID, "idempotency_key": "k"},
        400,
        "MISSING_REQUIRED_PARAMETER",
        "amount_money",
    ),
    ("GET", "/v2/refunds/none", None, 404, "NOT_FOUND", None),
    # links
    ("POST", LINKS, {}, 400, "MISSING_REQUIRED_PARAMETER", "quick_pay"),
    ("POST", LINKS, {"quick_pay": QUICK, "order": ORDER}, 400, "CONFLICTING_PARAMETERS", "order"),
    (
        "POST",
        LINKS,
        {"quick_pay": {**QUICK, "price_money": None}},
        400,
        "MISSING_REQUIRED_PARAMETER",
        "quick_pay.price_money",
    ),
    ("POST", LINKS, {"order": {"location_id": LOCATION}}, 400, "MISSING_REQUIRED_PARAMETER", "order.line_items"),
    ("POST", LINKS, {"order": {**ORDER, "id": "x"}}, 400, "NOT_IMPLEMENTED", "order.id"),
    ("POST", LINKS, {"order": {**ORDER, "customer_id": "none"}}, 400, "CUSTOMER_NOT_FOUND", "order.customer_id"),
    (
        "POST",
        LINKS,
        {"order": {**ORDER, "metadata": {str(n): "x" for n in range(11)}}},
        400,
        "TOO_MANY_MAP_ENTRIES",
        "order.metadata",
    ),
    (
        "POST",
        LINKS,
        {"order": {**ORDER, "metadata": {"a b": "x"}}},
        400,
        "MAP_KEY_LENGTH_TOO_LONG",
        "order.metadata.a b",
    ),
    ("POST", LINKS, {"order": {**ORDER, "metadata": {"a": "x" * 256}}}, 400, "VALUE_TOO_LONG", "order.metadata.a"),
    ("POST", LINKS, {"quick_pay": QUICK, "idempotency_key": "x" * 193}, 400, "VALUE_TOO_LONG", "idempotency_key"),
    ("GET", f"{LINKS}/none", None, 404, "NOT_FOUND", None),
    # orders
    ("POST", "/v2/orders", {}, 400, "MISSING_REQUIRED_PARAMETER", "order"),
    (
        "POST",
        "/v2/orders",
        {"order": {**ORDER, "line_items": [{**ITEM, "quantity": "0"}]}},
        400,
        "INVALID_VALUE",
        "order.line_items[0].quantity",
    ),
    ("POST", "/v2/orders", {"order": {**ORDER, "line_items": {}}}, 400, "EXPECTED_ARRAY", "order.line_items"),
    ("POST", "/v2/orders", {"order": {**ORDER, "state": "COMPLETED"}}, 400, "INVALID_ENUM_VALUE", "order.state"),
    ("POST", "/v2/orders", {"order": {**ORDER, "taxes": []}}, 400, "NOT_IMPLEMENTED", "order.taxes"),
    # subscriptions
    ("POST", "/v2/subscriptions", {**SUBSCRIBE, "customer_id": "none"}, 400, "CUSTOMER_NOT_FOUND", "customer_id"),
    (
        "POST",
        "/v2/subscriptions",
        {**SUBSCRIBE, "plan_variation_id": "none"},
        400,
        "INVALID_VALUE",
        "plan_variation_id",
    ),
    (
        "POST",
        "/v2/subscriptions",
        {**SUBSCRIBE, "plan_variation_id": None},
        400,
        "MISSING_REQUIRED_PARAMETER",
        "plan_variation_id",
    ),
    ("POST", "/v2/subscriptions", {**SUBSCRIBE, "card_id": "none"}, 400, "INVALID_CARD", "card_id"),
    ("POST", "/v2/subscriptions", {**SUBSCRIBE, "plan_variation_id": "ITEMS"}, 400, "BAD_REQUEST", "phases"),
    ("POST", "/v2/subscriptions", {**SUBSCRIBE, "start_date": "2026-10-30"}, 400, "INVALID_DATE", "start_date"),
    ("POST", "/v2/subscriptions", {**SUBSCRIBE, "start_date": "tomorrow"}, 400, "INVALID_DATE", "start_date"),
    ("POST", "/v2/subscriptions", {**SUBSCRIBE, "timezone": "Nowhere/Land"}, 400, "INVALID_VALUE", "timezone"),
    ("POST", "/v2/subscriptions", {**SUBSCRIBE, "tax_percentage": "-1"}, 400, "INVALID_VALUE", "tax_percentage"),
    ("POST", "/v2/subscriptions", {**SUBSCRIBE, "quantity": 2}, 400, "UNKNOWN_BODY_PARAMETER", "quantity"),
    ("POST", "/v2/subscriptions", {**SUBSCRIBE, "metadata": {}}, 400, "UNKNOWN_BODY_PARAMETER", "metadata"),
    ("GET", "/v2/subscriptions/none", None, 404, "NOT_FOUND", None),
    ("POST", "/v2/subscriptions/none/cancel", None, 404, "NOT_FOUND", None),
    # invoices
    (
        "POST",
        "/v2/invoices/search",
        {"query": {"filter": {"location_ids": []}}},
        400,
        "ARRAY_EMPTY",
        "query.filter.location_ids",
    ),
    (
        "POST",
        "/v2/invoices/search",
        {"query": {"filter": {"location_ids": [LOCATION, "L2"]}}},
        400,
        "ARRAY_LENGTH_TOO_LONG",
        "query.filter.location_ids",
    ),
    (
        "POST",
        "/v2/invoices/search",
        {"query": {"filter": {**FILTER, "customer_ids": ["a", "b"]}}},
        400,
        "ARRAY_LENGTH_TOO_LONG",
        "query.filter.customer_ids",
    ),
    (
        "POST",
        "/v2/invoices/search",
        {"query": {"filter": {**FILTER, "status": "PAID"}}},
        400,
        "UNKNOWN_BODY_PARAMETER",
        "query.filter.status",
    ),
    ("POST", "/v2/invoices/search", {}, 400, "MISSING_REQUIRED_PARAMETER", "query"),
    ("GET", "/v2/invoices", None, 400, "MISSING_REQUIRED_PARAMETER", "location_id"),
    ("GET", "/v2/invoices/none", None, 404, "NOT_FOUND", None),
    # events
    ("POST", "/v2/events", {"limit": 101}, 400, "VALUE_TOO_HIGH", "limit"),
    (
        "POST",
        "/v2/events",
        {"query": {"filter": {"created_at": {"start_at": "yesterday"}}}},
        400,
        "INVALID_TIME",
        "query.filter.created_at.start_at",
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code", "field"), REFUSED)
def test_what_square_would_refuse_is_refused_and_has_no_effect(
    market: Market, method: str, path: str, body: Any, status: int, code: str, field: str | None
) -> None:
    before = market.server.snapshot()
    assert market.refused(method, path, body) == (status, code, field)
    assert market.server.snapshot() == before


def test_a_token_is_needed_and_must_be_the_right_one(market: Market) -> None:
    for token in ("wrong", " "):
        answer = market.raw("GET", "/v2/locations", token=token)
        assert answer.status_code == 401
        error = answer.json()["errors"][0]
        assert (error["category"], error["code"]) == ("AUTHENTICATION_ERROR", "UNAUTHORIZED")


def test_the_version_must_be_one_that_exists(market: Market) -> None:
    assert market.raw("GET", "/v2/locations", version=None).status_code == 200
    assert market.raw("GET", "/v2/locations", version="2025-10-16").headers["square-version"] == "2025-10-16"
    assert market.refused("GET", "/v2/locations", version="newest")[1] == "INVALID_SQUARE_VERSION_FORMAT"
    assert market.refused("GET", "/v2/locations", version="2026-01-01")[1] == "API_VERSION_INCOMPATIBLE"


def test_a_body_must_be_a_json_object(market: Market) -> None:
    for body in ([], "x", 7):
        assert market.refused("POST", "/v2/customers", body)[1] == "EXPECTED_JSON_BODY"


def test_an_empty_form_is_taken_where_nothing_is_expected(market: Market) -> None:
    import httpx

    headers = {
        "Authorization": f"Bearer {market.server.access_token}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    with httpx.Client(transport=market.server.transport(), base_url="https://square.test") as client:
        assert client.post(f"/v2/payments/{HELD}/complete", headers=headers).status_code == 200
        assert client.post("/v2/customers", headers=headers, content=b"given_name=A").status_code == 400


def test_only_the_accounts_own_token_lists_events() -> None:
    market = Market(oauth_token="granted")
    assert market.raw("POST", "/v2/customers", {"given_name": "A"}, token="granted").status_code == 200
    answer = market.raw("POST", "/v2/events", {}, token="granted")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "INSUFFICIENT_SCOPES")
    assert market.raw("POST", "/v2/events", {}).status_code == 200


def test_ids_may_come_with_their_colon_encoded(market: Market) -> None:
    assert market.ok("GET", f"/v2/cards/{CARD.replace(':', '%3A')}") == market.ok("GET", f"/v2/cards/{CARD}")


# --- customers and cards -----------------------------------------------------------------------------------------


def test_two_customers_may_have_one_address(market: Market) -> None:
    first, second = (market.ok("POST", "/v2/customers", {"email_address": "a@b.test"})["customer"] for _ in range(2))
    assert first["id"] != second["id"]
    assert (first["version"], first["creation_source"]) == (0, "THIRD_PARTY")
    assert first["created_at"] == "2026-10-31T18:30:15.123Z"
    assert first["updated_at"] == "2026-10-31T18:30:15Z"


def test_an_update_changes_what_is_given_and_clears_what_is_null(market: Market) -> None:
    path = f"/v2/customers/{CUSTOMER}"
    changed = market.ok("PUT", path, {"family_name": None, "note": "n", "version": 0})["customer"]
    assert ("family_name" in changed, changed["note"], changed["given_name"], changed["version"]) == (
        False,
        "n",
        "Ada",
        1,
    )
    everything = dict.fromkeys(("given_name", "email_address"))
    assert market.refused("PUT", path, everything)[1] == "MISSING_REQUIRED_PARAMETER"


def test_a_search_compares_without_regard_to_case_and_may_come_too_early(market: Market) -> None:
    made = market.ok("POST", "/v2/customers", {"given_name": "B", "reference_id": "org-1"})["customer"]["id"]

    def found(**sought: str) -> list[str]:
        query = {"filter": {"reference_id": sought}}
        return [row["id"] for row in market.ok("POST", "/v2/customers/search", {"query": query}).get("customers", [])]

    assert found(exact="ORG-1") == [made]
    assert found(exact="org") == []
    assert found(fuzzy="org") == [made]
    from datetime import timedelta

    market.server.variants.search_lag = timedelta(minutes=1)
    assert found(exact="org-1") == []
    market.server.advance(hours=1)
    assert found(exact="org-1") == [made]


def test_merged_profiles_lead_to_a_new_one_for_who_reads_and_to_none_for_who_writes(market: Market) -> None:
    other = market.customer(phone="+12125550100")
    subscription = market.server.add_subscription(CUSTOMER, "PRO", card=CARD)
    market.server.deliveries()
    new = market.server.merge(CUSTOMER, other)
    assert new not in {CUSTOMER, other}
    for old in (CUSTOMER, other):
        assert market.ok("GET", f"/v2/customers/{old}")["customer"]["id"] == new
        assert market.refused("PUT", f"/v2/customers/{old}", {"note": "n"})[0] == 404
        assert market.refused("DELETE", f"/v2/customers/{old}")[0] == 404
    assert market.subscription(subscription)["customer_id"] == new
    assert market.ok("GET", "/v2/cards", customer_id=new)["cards"][0]["id"] == CARD
    assert market.invoice(subscription)["primary_recipient"]["customer_id"] == new
    assert [row["id"] for row in market.server.objects("customer")] == [new]
    told = market.bodies()
    assert [body["type"] for body in told] == ["customer.created", "customer.deleted", "customer.deleted"]
    context = {"merge": {"from_customer_ids": [CUSTOMER, other], "to_customer_id": new}}
    assert [body["data"]["object"]["event_context"] for body in told[1:]] == [context] * 2
    with pytest.raises(ValueError, match="two profiles"):
        market.server.merge(CUSTOMER, other)


def test_a_deleted_customer_takes_its_subscriptions_along(market: Market) -> None:
    subscription = market.server.add_subscription(CUSTOMER, "PRO", card=CARD)
    assert market.ok("DELETE", f"/v2/customers/{CUSTOMER}") == {}
    assert market.refused("GET", f"/v2/customers/{CUSTOMER}")[0] == 404
    assert market.subscription(subscription)["status"] == "DEACTIVATED"
    events = market.ok("GET", f"/v2/subscriptions/{subscription}/events")["subscription_events"]
    assert [(e["subscription_event_type"], e.get("info", {}).get("code")) for e in events] == [
        ("START_SUBSCRIPTION", None),
        ("DEACTIVATE_SUBSCRIPTION", "CUSTOMER_DELETED"),
    ]


def test_a_token_makes_one_card_and_squares_own_any_number(market: Market) -> None:
    card = {"customer_id": CUSTOMER, "billing_address": {"postal_code": "94103"}}

    def keep(source: str) -> int:
        body = {"idempotency_key": market.key(), "source_id": source, "card": card}
        return market.raw("POST", "/v2/cards", body).status_code

    assert [keep("cnon:card-nonce-ok") for _ in range(2)] == [200, 200]
    assert [keep("cnon:from-the-browser") for _ in range(2)] == [200, 400]
    assert keep("cnon:card-nonce-already-used") == 400
    assert keep("cnon:card-nonce-declined") == 400
    assert keep(PAID) == 200


def test_in_the_sandbox_a_cards_postal_code_is_that_of_the_documentation(market: Market) -> None:
    body = {"idempotency_key": "k", "source_id": "cnon:card-nonce-ok", "card": {"customer_id": CUSTOMER}}
    assert market.refused("POST", "/v2/cards", body)[1] == "INVALID_POSTAL_CODE"


def test_a_disabled_card_is_not_listed_and_not_charged(market: Market) -> None:
    first = market.ok("POST", f"/v2/cards/{CARD}/disable")["card"]
    again = market.ok("POST", f"/v2/cards/{CARD}/disable")["card"]
    assert (first["enabled"], first["version"]) == (False, 2)
    assert again == first
    assert market.ok("GET", "/v2/cards", customer_id=CUSTOMER) == {}
    assert len(market.ok("GET", "/v2/cards", customer_id=CUSTOMER, include_disabled="true")["cards"]) == 1
    assert market.refused("POST", "/v2/payments", PAY)[1] == "INVALID_CARD"


def test_a_card_is_charged_for_its_owner_only(market: Market) -> None:
    other = market.customer()
    assert market.refused("POST", "/v2/payments", {**PAY, "customer_id": other})[0] == 404


# --- payments and refunds ----------------------------------------------------------------------------------------


def test_an_authorized_payment_is_lowered_and_taken(market: Market) -> None:
    path = f"/v2/payments/{HELD}"
    held = market.ok("GET", path)["payment"]
    assert (held["status"], held["card_details"]["status"]) == ("APPROVED", "AUTHORIZED")
    assert held["delayed_until"] == "2026-11-07T18:30:15.123Z"
    edit = {"amount_money": usd(1500), "version_token": held["version_token"]}
    lowered = market.ok("PUT", path, {"idempotency_key": "k", "payment": edit})["payment"]
    assert lowered["total_money"] == lowered["approved_money"] == usd(1500)
    assert lowered["version_token"] != held["version_token"]
    assert (
        market.ok("POST", f"{path}/complete", {"version_token": lowered["version_token"]})["payment"]["status"]
        == "COMPLETED"
    )
    assert market.server.money_taken() == 1500 + 1900
    order = market.ok("GET", f"/v2/orders/{held['order_id']}")["order"]
    assert [(t["payment_id"], t["amount_money"]) for t in order["tenders"]] == [(HELD, usd(1500))]


def test_an_authorization_ends_after_a_week_or_as_long_as_it_was_asked_for(market: Market) -> None:
    short = market.payment(autocomplete=False, delay_duration="PT36H", delay_action="COMPLETE")["id"]
    market.server.advance(days=2)
    assert market.ok("GET", f"/v2/payments/{short}")["payment"]["status"] == "COMPLETED"
    assert market.ok("GET", f"/v2/payments/{HELD}")["payment"]["status"] == "APPROVED"
    market.server.advance(days=5)
    assert market.ok("GET", f"/v2/payments/{HELD}")["payment"]["status"] == "CANCELED"
    assert market.refused("POST", f"/v2/payments/{HELD}/complete", {})[1] == "DELAYED_TRANSACTION_EXPIRED"


def test_a_payment_of_which_nobody_knows_is_canceled_by_its_key(market: Market) -> None:
    held = market.payment(autocomplete=False, idempotency_key="lost")["id"]
    assert market.ok("POST", "/v2/payments/cancel", {"idempotency_key": "never"}) == {}
    assert market.ok("POST", "/v2/payments/cancel", {"idempotency_key": "lost"}) == {}
    assert market.ok("GET", f"/v2/payments/{held}")["payment"]["status"] == "CANCELED"


@pytest.mark.parametrize(
    ("token", "code"),
    [("cnon:card-nonce-declined", "GENERIC_DECLINE"), ("cnon:card-nonce-rejected-cvv", "CVV_FAILURE")],
)
def test_a_declined_payment_exists_and_has_failed(market: Market, token: str, code: str) -> None:
    answer = market.raw("POST", "/v2/payments", {"source_id": token, "amount_money": usd(100), "idempotency_key": "k"})
    assert answer.status_code == 400
    error = answer.json()["errors"][0]
    assert (error["category"], error["code"]) == ("PAYMENT_METHOD_ERROR", code)
    failed = market.ok("GET", f"/v2/payments/{answer.json()['payment']['id']}")["payment"]
    assert (failed["status"], failed["card_details"]["errors"][0]["code"]) == ("FAILED", code)


def test_the_bank_declines_whom_it_was_told_to(market: Market) -> None:
    other = market.customer()
    card = market.server.add_payment_method(other)
    always = market.server.add_payment_method(other, declines="CARD_EXPIRED")
    market.server.decline_next_payment("INSUFFICIENT_FUNDS", customer_id=other)
    theirs = {**PAY, "customer_id": other}
    assert market.raw("POST", "/v2/payments", {**PAY, "idempotency_key": "1"}).status_code == 200
    assert (
        market.refused("POST", "/v2/payments", {**theirs, "source_id": card, "idempotency_key": "2"})[1]
        == "INSUFFICIENT_FUNDS"
    )
    assert market.raw("POST", "/v2/payments", {**theirs, "source_id": card, "idempotency_key": "3"}).status_code == 200
    assert (
        market.refused("POST", "/v2/payments", {**theirs, "source_id": always, "idempotency_key": "4"})[1]
        == "CARD_EXPIRED"
    )


def test_an_order_is_paid_once_and_with_what_is_due(market: Market) -> None:
    order = market.ok("POST", "/v2/orders", {"order": ORDER})["order"]
    assert (order["state"], order["total_money"], order["version"]) == ("OPEN", usd(900), 1)
    wrong = {**PAY, "order_id": order["id"]}
    assert market.refused("POST", "/v2/payments", wrong)[1] == "PAYMENT_AMOUNT_MISMATCH"
    market.ok("POST", "/v2/payments", {**wrong, "amount_money": usd(900)})
    paid = market.ok("GET", f"/v2/orders/{order['id']}")["order"]
    assert (paid["state"], paid["net_amount_due_money"]) == ("COMPLETED", usd(0))
    again = {**wrong, "amount_money": usd(900), "idempotency_key": "other"}
    assert market.refused("POST", "/v2/payments", again)[1] == "PAYMENT_AMOUNT_MISMATCH"


def test_payments_are_listed_for_the_main_location_newest_first(market: Market) -> None:
    market.server.add_location("LOTHER")
    market.payment(location_id="LOTHER")
    assert [row["id"] for row in market.ok("GET", "/v2/payments", limit=1000)["payments"]] == [PAID, HELD]
    assert len(market.ok("GET", "/v2/payments", location_id="LOTHER")["payments"]) == 1
    assert market.ok("GET", "/v2/payments", begin_time="2026-11-01T00:00:00Z") == {}


def test_a_refund_is_pending_until_the_bank_has_decided(market: Market) -> None:
    body = {"payment_id": PAID, "amount_money": usd(400), "idempotency_key": "r", "reason": "late"}
    refund = market.ok("POST", "/v2/refunds", body)["refund"]
    assert (refund["status"], refund["id"].startswith(f"{PAID}_")) == ("PENDING", True)
    payment = market.ok("GET", f"/v2/payments/{PAID}")["payment"]
    assert (payment["status"], payment["refunded_money"], payment["refund_ids"]) == (
        "COMPLETED",
        usd(400),
        [refund["id"]],
    )
    market.server.advance(days=1)
    assert market.ok("GET", f"/v2/refunds/{refund['id']}")["refund"]["status"] == "COMPLETED"
    assert market.server.money_taken() == 1500
    failing = market.ok("POST", "/v2/refunds", {**body, "idempotency_key": "s", "amount_money": usd(1500)})["refund"]
    market.settle_refunds(succeeded=False)
    assert market.ok("GET", f"/v2/refunds/{failing['id']}")["refund"]["status"] == "FAILED"
    assert market.ok("GET", f"/v2/payments/{PAID}")["payment"]["refunded_money"] == usd(400)


def test_a_pending_refund_may_not_count_yet_and_still_stands_in_the_way(market: Market) -> None:
    market.server.variants.pending_refunds_count = False
    body = {"payment_id": PAID, "amount_money": usd(1000), "idempotency_key": "r"}
    market.ok("POST", "/v2/refunds", body)
    assert "refunded_money" not in market.ok("GET", f"/v2/payments/{PAID}")["payment"]
    assert market.refused("POST", "/v2/refunds", {**body, "idempotency_key": "s"})[1] == "REFUND_ALREADY_PENDING"


def test_a_payment_is_refunded_twenty_times_at_most_and_within_a_year(market: Market) -> None:
    def refund(number: int) -> int:
        body = {"payment_id": PAID, "amount_money": usd(1), "idempotency_key": f"r{number}"}
        return market.raw("POST", "/v2/refunds", body).status_code

    assert {refund(number) for number in range(20)} == {200}
    assert refund(20) == 400
    old = market.payment()["id"]
    market.server.advance(days=366)
    body = {"payment_id": old, "amount_money": usd(1), "idempotency_key": "late"}
    assert market.refused("POST", "/v2/refunds", body)[1] == "PAYMENT_NOT_REFUNDABLE"


# --- the catalogue -----------------------------------------------------------------------------------------------


def variation_of(market: Market, plan_id: str = "PRO") -> Any:
    return market.ok("GET", f"/v2/catalog/object/{plan_id}", include_related_objects="true")


def test_a_variation_names_its_plan_and_a_plan_holds_its_variations(market: Market) -> None:
    found = variation_of(market)
    assert found["object"]["type"] == "SUBSCRIPTION_PLAN_VARIATION"
    (plan,) = found["related_objects"]
    inner = plan["subscription_plan_data"]["subscription_plan_variations"]
    assert inner == [found["object"]]
    listed = market.ok("GET", "/v2/catalog/list", types="SUBSCRIPTION_PLAN")["objects"]
    assert {row["type"] for row in listed} == {"SUBSCRIPTION_PLAN"}
    assert plan in listed


def test_the_phases_of_a_variation_never_change(market: Market) -> None:
    held = variation_of(market)["object"]
    hidden = {**held, "present_at_all_locations": False}

    def upsert(sent: Any) -> Any:
        return market.raw("POST", "/v2/catalog/object", {"idempotency_key": market.key(), "object": sent})

    assert upsert({**hidden, "version": 1}).json()["errors"][0]["code"] == "VERSION_MISMATCH"
    data = held["subscription_plan_variation_data"]
    other = {**data, "phases": [{**data["phases"][0], "cadence": "WEEKLY"}]}
    assert upsert({**hidden, "subscription_plan_variation_data": other}).status_code == 400
    kept = upsert(hidden).json()["catalog_object"]
    assert (kept["present_at_all_locations"], kept["version"] > held["version"]) == (False, True)
    assert market.refused("DELETE", f"/v2/catalog/object/{held['id']}")[0] == 405


@pytest.mark.parametrize(
    ("phases", "code"),
    [
        ([], "MISSING_REQUIRED_PARAMETER"),
        ([{"cadence": "HOURLY"}], "INVALID_ENUM_VALUE"),
        ([{"cadence": "MONTHLY"}], "MISSING_REQUIRED_PARAMETER"),
        (
            [{"cadence": "MONTHLY", "pricing": {"type": "STATIC", "price_money": {"amount": 1, "currency": "EUR"}}}],
            "INVALID_VALUE",
        ),
        ([{"cadence": "WEEKLY", "pricing": {"type": "RELATIVE"}}] * 2, "INVALID_VALUE"),
    ],
)
def test_a_plan_of_which_a_variation_cannot_be_made_is_not_made(market: Market, phases: Any, code: str) -> None:
    before = market.server.snapshot()
    data = {"name": "X", "phases": phases}
    inner = {"type": "SUBSCRIPTION_PLAN_VARIATION", "id": "#v", "subscription_plan_variation_data": data}
    plan = {"name": "X", "subscription_plan_variations": [inner]}
    sent = {"type": "SUBSCRIPTION_PLAN", "id": "#p", "subscription_plan_data": plan}
    assert market.refused("POST", "/v2/catalog/object", {"idempotency_key": "k", "object": sent})[1] == code
    assert market.server.snapshot() == before


# --- links -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("plan_id", "code"),
    [("none", "INVALID_VALUE"), ("CATSTANDIN000001", "INVALID_VALUE"), ("ITEMS", "BAD_REQUEST")],
    ids=["nothing", "a plan, not a variation", "relative prices"],
)
def test_a_link_takes_only_what_can_be_subscribed_to(market: Market, plan_id: str, code: str) -> None:
    body = {"quick_pay": QUICK, "checkout_options": {"subscription_plan_id": plan_id}}
    assert market.refused("POST", LINKS, body)[1:] == (code, "checkout_options.subscription_plan_id")


def test_a_link_that_subscribes_needs_a_price(market: Market) -> None:
    body = {"order": ORDER, "checkout_options": {"subscription_plan_id": "PRO"}}
    assert market.refused("POST", LINKS, body)[1:] == ("MISSING_REQUIRED_PARAMETER", "quick_pay")


def test_a_link_is_read_listed_and_deleted_with_its_order(market: Market) -> None:
    link = market.link(None, description="about", checkout_options={"redirect_url": OK})
    assert link["url"].startswith("https://sandbox.square.link/u/")
    assert market.ok("GET", f"{LINKS}/{link['id']}")["payment_link"] == link
    assert market.ok("GET", LINKS)["payment_links"] == [link]
    assert market.ok("DELETE", f"{LINKS}/{link['id']}") == {"id": link["id"], "cancelled_order_id": link["order_id"]}
    assert market.ok("GET", f"/v2/orders/{link['order_id']}")["order"]["state"] == "CANCELED"
    assert market.refused("DELETE", f"{LINKS}/{link['id']}")[0] == 404
    assert market.ok("GET", LINKS) == {}


# --- events ------------------------------------------------------------------------------------------------------


def test_events_are_kept_for_28_days(market: Market) -> None:
    held = len(market.server.objects("event"))
    assert len(market.ok("POST", "/v2/events", {"limit": 100})["events"]) == held
    market.server.advance(days=29)
    assert {row["type"] for row in market.ok("POST", "/v2/events", {}).get("events", [])} <= {
        "payment.updated",
        "order.updated",
    }


def test_events_are_filtered_and_sorted(market: Market) -> None:
    market.server.advance(hours=1)
    market.payment()
    wanted = {"event_types": ["payment.created"], "created_at": {"start_at": "2026-10-31T19:00:00Z"}}
    answer = market.ok("POST", "/v2/events", {"query": {"filter": wanted}})
    assert [event["data"]["id"] for event in answer["events"]] == ["PAYSTANDIN000003"]
    assert answer["metadata"][0]["event_id"] == answer["events"][0]["event_id"]
    times = [
        event["created_at"]
        for event in market.ok("POST", "/v2/events", {"query": {"sort": {"order": "ASC"}}})["events"]
    ]
    assert times[0][:19] == NOW.isoformat()[:19]
    assert [time[:19] for time in times] == sorted(time[:19] for time in times)
