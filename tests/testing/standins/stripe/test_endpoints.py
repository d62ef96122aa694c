"""Endpoints that this library does not use, and what all of them refuse."""

from datetime import timedelta
from typing import Any

import pytest

from paylattice import Money

from .support import NOW, OK, Shop

AT = int(NOW.timestamp())
RECURRING = {"currency": "usd", "unit_amount": "100", "product_data[name]": "X", "recurring[interval]": "month"}
PAGE = {"success_url": OK, "line_items[0][price]": "price_pro", "line_items[0][quantity]": "1"}
INLINE = {
    "line_items[0][price_data][currency]": "usd",
    "line_items[0][price_data][unit_amount]": "100",
    "line_items[0][price_data][product_data][name]": "X",
    "line_items[0][quantity]": "1",
}


@pytest.fixture
def shop() -> Shop:
    """An account with prices, a customer that subscribes, and a payment."""
    shop = Shop("blocking")
    shop.server.add_plan("price_pro", Money(1900, "USD"))
    shop.server.add_plan("book", Money(900, "USD"), interval=None)
    shop.server.add_plan("calls", Money(5, "USD"), metered=True)
    shop.server.add_plan("yearly", Money(19000, "USD"), interval="year")
    shop.server.add_plan("off", Money(100, "USD"))
    shop.raw("POST", "/v1/prices/off", active="false")
    shop.server.add_subscription(shop.customer(), "price_pro")
    return shop


REFUSED: list[tuple[str, str, dict[str, str], str]] = [
    ("POST", "/v1/products", {}, "name"),
    ("POST", "/v1/prices", {**RECURRING, "unit_amount": "-1"}, "unit_amount"),
    ("POST", "/v1/prices", {"currency": "usd", "unit_amount": "1"}, "product"),
    ("POST", "/v1/prices", {**RECURRING, "recurring[usage_type]": "metered"}, "recurring[meter]"),
    ("POST", "/v1/prices", {**RECURRING, "recurring[meter]": "mtr_none"}, "recurring[meter]"),
    (
        "POST",
        "/v1/prices",
        {"currency": "usd", "unit_amount": "1", "product_data[name]": "X", "recurring[interval_count]": "1"},
        "recurring[interval]",
    ),
    (
        "POST",
        "/v1/billing/meters",
        {"display_name": "x", "event_name": "calls", "default_aggregation[formula]": "sum"},
        "event_name",
    ),
    ("POST", "/v1/billing/meter_events", {"event_name": "none", "payload[value]": "1"}, "event_name"),
    ("POST", "/v1/billing/meter_events", {"event_name": "calls", "payload[value]": "1"}, "payload[stripe_customer_id]"),
    (
        "POST",
        "/v1/billing/meter_events",
        {"event_name": "calls", "payload[stripe_customer_id]": "c", "payload[value]": "x"},
        "payload[value]",
    ),
    (
        "POST",
        "/v1/billing/meter_events",
        {"event_name": "calls", "payload[a]": "1", "timestamp": str(AT - 36 * 86_400)},
        "timestamp",
    ),
    (
        "POST",
        "/v1/billing/meter_events",
        {"event_name": "calls", "payload[a]": "1", "timestamp": str(AT + 301)},
        "timestamp",
    ),
    ("POST", "/v1/checkout/sessions", {**PAGE, "mode": "payment"}, "mode"),
    ("POST", "/v1/checkout/sessions", {**PAGE, "mode": "subscription", "customer": "cus_none"}, "customer"),
    (
        "POST",
        "/v1/checkout/sessions",
        {**PAGE, "mode": "subscription", "customer": "cus_standin000001", "customer_email": "a@b.test"},
        "customer",
    ),
    (
        "POST",
        "/v1/checkout/sessions",
        {**PAGE, "mode": "subscription", "payment_intent_data[description]": "x"},
        "payment_intent_data",
    ),
    ("POST", "/v1/checkout/sessions", {**PAGE, "mode": "subscription", "expires_at": str(AT + 60)}, "expires_at"),
    (
        "POST",
        "/v1/checkout/sessions",
        {**PAGE, "mode": "subscription", "subscription_data[trial_period_days]": "0"},
        "subscription_data[trial_period_days]",
    ),
    (
        "POST",
        "/v1/checkout/sessions",
        {"mode": "subscription", "success_url": OK, "line_items[0][price]": "price_pro"},
        "line_items[0][quantity]",
    ),
    (
        "POST",
        "/v1/checkout/sessions",
        {**PAGE, "mode": "subscription", "line_items[0][price]": "calls"},
        "line_items[0][quantity]",
    ),
    (
        "POST",
        "/v1/checkout/sessions",
        {**PAGE, "mode": "subscription", "line_items[0][price]": "off"},
        "line_items[0][price]",
    ),
    (
        "POST",
        "/v1/checkout/sessions",
        {**PAGE, "mode": "subscription", "line_items[0][price]": "none"},
        "line_items[0][price]",
    ),
    (
        "POST",
        "/v1/checkout/sessions",
        {**PAGE, "mode": "subscription", "line_items[0][price]": "book"},
        "items[0][price]",
    ),
    ("POST", "/v1/checkout/sessions", {**INLINE, "success_url": OK, "mode": "subscription"}, "line_items[0]"),
    (
        "POST",
        "/v1/checkout/sessions",
        {"mode": "payment", "success_url": OK, "line_items[0][quantity]": "1"},
        "line_items[0]",
    ),
    (
        "POST",
        "/v1/checkout/sessions",
        {"mode": "payment", "success_url": OK, "line_items[0][price_data][currency]": "usd"},
        "line_items[0][price_data][unit_amount]",
    ),
    ("POST", "/v1/subscriptions", {"customer": "cus_none", "items[0][price]": "price_pro"}, "customer"),
    ("POST", "/v1/subscriptions", {"customer": "cus_standin000001", "items[0][quantity]": "1"}, "items[0][price]"),
    (
        "POST",
        "/v1/subscriptions",
        {"customer": "cus_standin000001", "items[0][price]": "price_pro", "items[1][price]": "yearly"},
        "items",
    ),
    (
        "POST",
        "/v1/subscriptions",
        {"customer": "cus_standin000001", "items[0][price]": "price_pro", "default_payment_method": "pm_none"},
        "default_payment_method",
    ),
    ("POST", "/v1/subscriptions/sub_standin000001", {"items[0][id]": "si_none"}, "items[0][id]"),
    (
        "POST",
        "/v1/subscriptions/sub_standin000001",
        {"items[0][id]": "si_standin000001", "items[0][quantity]": "-1"},
        "items[0][quantity]",
    ),
    (
        "POST",
        "/v1/subscriptions/sub_standin000001",
        {"items[0][id]": "si_standin000001", "items[0][price]": "calls", "items[0][quantity]": "1"},
        "items[0][quantity]",
    ),
    ("POST", "/v1/payment_intents", {"amount": "1", "currency": "usd", "off_session": "true"}, "off_session"),
    ("POST", "/v1/customers", {"metadata": "x"}, "metadata"),
    (
        "POST",
        "/v1/payment_intents",
        {"amount": "1", "currency": "usd", "payment_method": "pm_standin000001"},
        "payment_method",
    ),
    ("POST", "/v1/payment_intents", {"amount": "1", "currency": "usd", "payment_method": "pm_none"}, "payment_method"),
    ("POST", "/v1/refunds", {"charge": "ch_none"}, "charge"),
    ("POST", "/v1/refunds", {"charge": "ch_standin000001", "amount": "0"}, "amount"),
    ("POST", "/v1/customers/cus_standin000001", {"invoice_settings[default_payment_method]": "pm_none"}, "invoice_set"),
    ("POST", "/v1/payment_methods/pm_standin000001/attach", {"customer": "cus_none"}, "customer"),
]


@pytest.mark.parametrize(("method", "path", "params", "param"), REFUSED)
def test_it_is_refused_with_the_parameter_and_has_no_effect(
    shop: Shop, method: str, path: str, params: dict[str, str], param: str
) -> None:
    kinds = ("customer", "price", "subscription", "payment_intent", "refund", "checkout.session", "billing.meter")
    before = [shop.server.objects(kind) for kind in kinds]
    answer = shop.raw(method, path, **params)
    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["param"].startswith(param), error
    assert [shop.server.objects(kind) for kind in kinds] == before


def ok(shop: Shop, method: str, path: str, **params: str) -> Any:
    answer = shop.raw(method, path, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_products_and_prices(shop: Shop) -> None:
    product = ok(shop, "POST", "/v1/products", id="prod_mine", name="Mine", **{"metadata[a]": "1"})
    assert ok(shop, "POST", "/v1/products/prod_mine", name="Ours", active="false")["name"] == "Ours"
    assert ok(shop, "GET", "/v1/products/prod_mine")["metadata"] == product["metadata"]
    assert [one["id"] for one in ok(shop, "GET", "/v1/products", active="false")["data"]] == ["prod_mine"]
    assert (
        shop.raw("POST", "/v1/products", id="prod_mine", name="M").json()["error"]["code"] == "resource_already_exists"
    )
    with pytest.raises(ValueError, match="exists already"):
        shop.server.add_plan("price_pro", Money(1, "USD"))
    with pytest.raises(ValueError, match="No such customer"):
        shop.server.add_payment_method("cus_none")
    price = ok(shop, "POST", "/v1/prices", lookup_key="pro_eur", **{**RECURRING, "currency": "EUR"})
    assert (price["currency"], price["type"], price["unit_amount_decimal"]) == ("eur", "recurring", "100")
    assert ok(shop, "GET", "/v1/prices", **{"lookup_keys[]": "pro_eur"})["data"][0]["id"] == price["id"]
    changed = ok(shop, "POST", f"/v1/prices/{price['id']}", nickname="N", **{"metadata[a]": "1"})
    assert (changed["nickname"], changed["metadata"]) == ("N", {"a": "1"})


def test_test_payment_methods_and_defaults(shop: Shop) -> None:
    method = ok(shop, "POST", "/v1/payment_methods/pm_card_mastercard/attach", customer="cus_standin000001")
    assert (method["card"]["brand"], method["customer"]) == ("mastercard", "cus_standin000001")
    default = {"invoice_settings[default_payment_method]": method["id"]}
    changed = ok(shop, "POST", "/v1/customers/cus_standin000001", **default)
    assert changed["invoice_settings"]["default_payment_method"] == method["id"]
    ok(shop, "POST", f"/v1/payment_methods/{method['id']}/detach")
    assert ok(shop, "GET", "/v1/customers/cus_standin000001")["invoice_settings"]["default_payment_method"] is None
    assert (
        shop.raw("POST", f"/v1/payment_methods/{method['id']}/attach", customer="cus_standin000001").status_code == 400
    )
    other = ok(shop, "POST", "/v1/customers", email="b@b.test", payment_method="pm_card_visa")
    cards = ok(shop, "GET", f"/v1/customers/{other['id']}/payment_methods", type="card")["data"]
    assert [card["customer"] for card in cards] == [other["id"]]
    assert ok(shop, "GET", f"/v1/customers/{other['id']}/payment_methods", type="sepa_debit")["data"] == []


def test_an_intent_step_by_step(shop: Shop) -> None:
    intent = ok(shop, "POST", "/v1/payment_intents", amount="500", currency="USD", customer="cus_standin000001")
    path = f"/v1/payment_intents/{intent['id']}"
    assert intent["status"] == "requires_payment_method"
    assert shop.raw("POST", f"{path}/confirm").json()["error"]["code"] == "payment_intent_unexpected_state"
    assert shop.raw("POST", f"{path}/capture").status_code == 400
    shop.server.require_authentication()
    waiting = ok(shop, "POST", f"{path}/confirm", payment_method="pm_standin000001")
    assert (waiting["status"], waiting["next_action"]["type"]) == ("requires_action", "use_stripe_sdk")
    shop.server.require_authentication()
    declined = shop.raw("POST", f"{path}/confirm", error_on_requires_action="true")
    assert (declined.status_code, declined.json()["error"]["code"]) == (402, "authentication_required")
    done = ok(shop, "POST", f"{path}/confirm", payment_method="pm_standin000001")
    assert done["status"] == "succeeded"
    assert shop.raw("POST", f"{path}/confirm").status_code == 400
    listed = ok(shop, "GET", "/v1/payment_intents", customer="cus_standin000001")["data"]
    assert listed[0]["id"] == intent["id"]
    charges = ok(shop, "GET", "/v1/charges", payment_intent=intent["id"])["data"]
    assert [charge["status"] for charge in charges] == ["succeeded", "failed"]
    assert ok(shop, "GET", f"/v1/charges/{charges[0]['id']}")["captured"] is True


def test_an_uncaptured_payment_is_not_refunded(shop: Shop) -> None:
    held = {"amount": "500", "currency": "usd", "customer": "cus_standin000001", "payment_method": "pm_standin000001"}
    intent = ok(shop, "POST", "/v1/payment_intents", capture_method="manual", confirm="true", **held)
    path = f"/v1/payment_intents/{intent['id']}"
    assert shop.raw("POST", "/v1/refunds", payment_intent=intent["id"]).status_code == 400
    assert shop.raw("POST", f"{path}/capture", amount_to_capture="0").status_code == 400
    assert shop.raw("POST", f"{path}/capture", amount_to_capture="501").json()["error"]["code"] == "amount_too_large"
    assert ok(shop, "POST", f"{path}/cancel", cancellation_reason="abandoned")["cancellation_reason"] == "abandoned"


def test_refunds_of_a_charge(shop: Shop) -> None:
    refund = ok(shop, "POST", "/v1/refunds", charge="ch_standin000001", amount="900")
    assert ok(shop, "GET", f"/v1/refunds/{refund['id']}") == refund
    assert ok(shop, "GET", "/v1/refunds", charge="ch_standin000001")["data"] == [refund]
    assert shop.raw("POST", "/v1/refunds").status_code == 400


def test_invoices_by_hand(shop: Shop) -> None:
    draft = ok(shop, "POST", "/v1/invoices", customer="cus_standin000001", description="D")
    path = f"/v1/invoices/{draft['id']}"
    assert (draft["status"], draft["parent"], draft["number"]) == ("draft", None, None)
    assert shop.raw("POST", f"{path}/pay").status_code == 400
    assert ok(shop, "POST", f"{path}/finalize")["status"] == "paid"
    assert shop.raw("POST", f"{path}/void").status_code == 400
    assert len(ok(shop, "GET", "/v1/invoices", subscription="sub_standin000001")["data"]) == 1
    shop.server.decline_next_payment(times=2)
    shop.server.renew("sub_standin000001")
    (invoice,) = ok(shop, "GET", "/v1/invoices", status="open")["data"]
    assert ok(shop, "POST", f"/v1/invoices/{invoice['id']}/pay", paid_out_of_band="true")["status"] == "paid"
    assert shop.server.money_taken() == 1900


def test_paying_an_invoice_may_need_the_payer_or_a_card(shop: Shop) -> None:
    shop.server.decline_next_payment()
    shop.server.renew("sub_standin000001")
    (invoice,) = ok(shop, "GET", "/v1/invoices", status="open")["data"]
    shop.server.require_authentication()
    refused = shop.raw("POST", f"/v1/invoices/{invoice['id']}/pay")
    assert refused.json()["error"]["code"] == "invoice_payment_intent_requires_action"
    (method,) = shop.server.objects("payment_method")
    ok(shop, "POST", f"/v1/payment_methods/{method['id']}/detach")
    assert shop.raw("POST", f"/v1/invoices/{invoice['id']}/pay").json()["error"]["param"] == "payment_method"
    assert ok(shop, "POST", f"/v1/invoices/{invoice['id']}/pay", payment_method="pm_card_visa")["status"] == "paid"


def test_meters(shop: Shop) -> None:
    sent = {"display_name": "Gauge", "event_name": "gauge", "default_aggregation[formula]": "last"}
    keys = {"customer_mapping[type]": "by_id", "customer_mapping[event_payload_key]": "who"}
    meter = ok(shop, "POST", "/v1/billing/meters", **sent, **keys)
    for value in ("5", "3"):
        report = {"event_name": "gauge", "payload[who]": "cus_standin000001", "payload[value]": value}
        ok(shop, "POST", "/v1/billing/meter_events", timestamp=str(AT + 10 - int(value)), **report)
    period = {"customer": "cus_standin000001", "start_time": str(AT), "end_time": str(AT + 60)}
    (summary,) = ok(shop, "GET", f"/v1/billing/meters/{meter['id']}/event_summaries", **period)["data"]
    assert summary["aggregated_value"] == 3.0
    assert ok(shop, "POST", f"/v1/billing/meters/{meter['id']}/deactivate")["status"] == "inactive"
    assert ok(shop, "GET", f"/v1/billing/meters/{meter['id']}")["status_transitions"]["deactivated_at"] == AT
    repeated = {"event_name": "calls", "payload[stripe_customer_id]": "c", "payload[value]": "1", "identifier": "i"}
    ok(shop, "POST", "/v1/billing/meter_events", **repeated)
    again = shop.raw("POST", "/v1/billing/meter_events", **repeated)
    assert again.json()["error"]["code"] == "duplicate_meter_event"


@pytest.mark.parametrize(("formula", "amount"), [("count", 2), ("last", 7), ("sum", 12)])
def test_a_meter_counts_adds_or_remembers(formula: str, amount: int) -> None:
    shop = Shop("blocking")
    sent = {"display_name": "M", "event_name": "m", "default_aggregation[formula]": formula}
    meter = ok(shop, "POST", "/v1/billing/meters", **sent)
    recurring = {"recurring[usage_type]": "metered", "recurring[meter]": meter["id"]}
    price = ok(shop, "POST", "/v1/prices", **{**RECURRING, "unit_amount": "1", **recurring})
    customer = shop.customer()
    subscription = shop.server.add_subscription(customer, price["id"])
    for value in ("5", "7"):
        shop.server.advance(hours=1)
        report = {"event_name": "m", "payload[stripe_customer_id]": customer, "payload[value]": value}
        ok(shop, "POST", "/v1/billing/meter_events", **report)
    shop.server.renew(subscription)
    assert shop.server.money_taken() == amount


def test_pages(shop: Shop) -> None:
    session = ok(shop, "POST", "/v1/checkout/sessions", **PAGE, mode="subscription", customer_email="new@b.test")
    shown = ok(shop, "GET", f"/v1/checkout/sessions/{session['id']}", **{"expand[]": "line_items"})
    assert shown["line_items"]["data"][0]["price"]["id"] == "price_pro"
    done = shop.server.complete_checkout(session["id"])
    assert ok(shop, "GET", f"/v1/customers/{done['customer']}")["email"] == "new@b.test"
    assert [one["id"] for one in ok(shop, "GET", "/v1/checkout/sessions", status="complete")["data"]] == [session["id"]]
    recurring = {"line_items[0][price_data][recurring][interval]": "month"}
    inline = ok(shop, "POST", "/v1/checkout/sessions", success_url=OK, mode="subscription", **INLINE, **recurring)
    assert shop.server.complete_checkout(inline["id"])["status"] == "complete"
    for delayed, message in ((True, "one-off"), (False, "complete, not open")):
        other = (
            ok(shop, "POST", "/v1/checkout/sessions", **PAGE, mode="subscription")["id"] if delayed else inline["id"]
        )
        with pytest.raises(ValueError, match=message):
            shop.server.complete_checkout(other, delayed=delayed)
    with pytest.raises(ValueError, match="no money"):
        shop.server.settle_checkout(inline["id"])


def test_a_delayed_payment_fails(shop: Shop) -> None:
    session = ok(shop, "POST", "/v1/checkout/sessions", success_url=OK, mode="payment", **INLINE)
    shop.server.complete_checkout(session["id"], delayed=True)
    shop.server.settle_checkout(session["id"], succeeded=False)
    assert "checkout.session.async_payment_failed" in shop.told()
    assert shop.server.money_taken() == 1900


def test_a_declined_page_for_a_payment_keeps_its_intent(shop: Shop) -> None:
    session = ok(shop, "POST", "/v1/checkout/sessions", success_url=OK, mode="payment", **INLINE)
    shop.server.decline_next_payment()
    assert shop.server.complete_checkout(session["id"])["status"] == "open"
    assert shop.server.complete_checkout(session["id"])["payment_status"] == "paid"
    assert shop.server.count("payment_intent") == 2


def test_subscriptions_are_filtered(shop: Shop) -> None:
    ended = shop.server.add_subscription("cus_standin000001", "price_pro")
    ok(shop, "DELETE", f"/v1/subscriptions/{ended}")

    def ids(**params: str) -> list[str]:
        return [one["id"] for one in ok(shop, "GET", "/v1/subscriptions", **params)["data"]]

    assert ids() == ids(status="active") == ids(price="price_pro") == ["sub_standin000001"]
    assert ids(status="ended") == ids(status="canceled") == [ended]
    assert len(ids(status="all", customer="cus_standin000001")) == 2
    assert ids(price="calls") == ids(customer="cus_none") == []


def test_pausing_and_resuming_by_hand(shop: Shop) -> None:
    path = "/v1/subscriptions/sub_standin000001"
    assert shop.raw("POST", f"{path}/resume").status_code == 400
    ok(shop, "POST", f"{path}/pause", **{"bill_for[unused_time_from][type]": "none"})
    assert shop.server.count("invoiceitem") == 0
    assert shop.raw("POST", f"{path}/pause").status_code == 400
    assert shop.raw("POST", f"{path}/resume", **{"billing_cycle_anchor[type]": "unchanged"}).status_code == 400
    classic = shop.server.add_subscription("cus_standin000001", "price_pro", billing_mode="classic")
    assert shop.raw("POST", f"/v1/subscriptions/{classic}/pause").status_code == 400
    trial = {"customer": "cus_standin000001", "items[0][price]": "price_pro"}
    until = str(int((NOW + timedelta(days=9)).timestamp()))
    trialing = ok(shop, "POST", "/v1/subscriptions", trial_end=until, **trial)["id"]
    ok(shop, "POST", f"/v1/subscriptions/{trialing}/pause")
    assert ok(shop, "POST", f"/v1/subscriptions/{trialing}/resume")["status"] == "trialing"


@pytest.mark.parametrize(
    ("behavior", "status"), [("keep_as_draft", "draft"), ("mark_uncollectible", "uncollectible"), ("void", "void")]
)
def test_what_becomes_of_invoices_while_collection_is_paused(shop: Shop, behavior: str, status: str) -> None:
    ok(shop, "POST", "/v1/subscriptions/sub_standin000001", **{"pause_collection[behavior]": behavior})
    assert shop.server.renew("sub_standin000001")["status"] == "active"
    assert shop.server.objects("invoice")[-1]["status"] == status


def test_another_default_payment_method(shop: Shop) -> None:
    path = "/v1/subscriptions/sub_standin000001"
    method = shop.server.add_payment_method("cus_standin000001", declines="lost_card", default=False)
    assert ok(shop, "POST", path, default_payment_method=method)["default_payment_method"] == method
    assert shop.server.renew("sub_standin000001")["status"] == "past_due"
    assert ok(shop, "POST", path, default_payment_method="")["default_payment_method"] is None


def test_events_are_filtered(shop: Shop) -> None:
    (created,) = ok(shop, "GET", "/v1/events", type="customer.created")["data"]
    assert ok(shop, "GET", f"/v1/events/{created['id']}") == created
    kinds = {one["type"] for one in ok(shop, "GET", "/v1/events", type="price.*", limit="100")["data"]}
    assert kinds == {"price.created", "price.updated"}
    named = {"types[0]": "customer.created", "types[1]": "charge.succeeded"}
    assert len(ok(shop, "GET", "/v1/events", **named)["data"]) == 2
    assert shop.raw("GET", "/v1/events", type="a", **{"types[]": "b"}).status_code == 400
