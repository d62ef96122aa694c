"""The stand-in's answers, and its tables of what requests may hold, against PayPal's published API descriptions.

Set ``PAYLATTICE_SPECS`` to the folder that holds ``paypal/``.
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from paylattice import Money
from paylattice.testing.standins.messages import Answer, Call
from paylattice.testing.standins.paypal import PayPalStandIn
from paylattice.testing.standins.paypal.dispatch import ROUTES
from paylattice.testing.standins.paypal.routes import Route

from . import contract
from .support import URLS, PayPalShop, links_of, money, order_body

pytestmark = [pytest.mark.contract, contract.official]

NARROWER = {"/v1/reporting/transactions"}
"""The stand-in refuses what the library does not ask for."""
NEWER = {"usage_pattern", "merchant_customer_id", "transmissions", "status", "custom"}
"""Documented since the descriptions were published: of vaults, and of events; and what a sale has from its subscription."""
GENUINE = (
    ": 'parent_payment' is a required property",
    "payment_hold_reasons/0: 'PAYMENT_HOLD' is not of type 'object'",
)
"""What the description of v1 has against a sale that PayPal itself delivered from a live account."""


class Watched(PayPalStandIn):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.exchanges: list[tuple[Call, Answer]] = []

    def handle(self, call: Call) -> Answer:
        answer = super().handle(call)
        self.exchanges.append((call, answer))
        return answer


def described(route: Route) -> tuple[str, dict[str, Any]]:
    found = contract.operation(route.method, route.path.replace("{id}", "X1"))
    assert found is not None, f"PayPal describes no {route.method} {route.path}"
    return found


ROUTE_NAMES = [f"{route.method} {route.path}" for route in ROUTES]


# --- tables ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", ROUTES, ids=ROUTE_NAMES)
def test_every_endpoint_and_its_query_are_described(route: Route) -> None:
    name, found = described(route)
    wanted = contract.query_names(name, found)
    if route.path.endswith("/webhooks-events"):
        wanted |= {"page"}  # the next link is opaque; this is what it holds here
    if route.path in NARROWER:
        assert route.query < wanted
        return
    assert route.query == wanted


@pytest.mark.parametrize("route", ROUTES, ids=ROUTE_NAMES)
def test_every_field_of_a_body_is_known_and_no_other(route: Route) -> None:
    name, found = described(route)
    schema = contract.request_schema(name, found)
    if schema is None:
        assert route.takes == {}
        return
    assert differences(name, schema, route.takes) == []


NOT_SENT = {"id", "version", "create_time", "update_time", "payer_id", "last_digits", "card_type"}
"""Fields that PayPal alone writes."""


def differences(name: str, schema: Any, takes: Mapping[str, Any], where: str = "") -> list[str]:
    """Where a table and a description disagree, as deep as the table goes."""
    fields, required = contract.fields_of(name, schema)
    known = {field.rstrip("!"): inner for field, inner in takes.items()}
    demanded = {field.rstrip("!") for field in takes if field.endswith("!")}
    sent = {field for field in fields if not is_read_only(name, fields[field]) or field in known}
    found = [f"{where}/{field} is missing" for field in sorted(sent - set(known))]
    found += [f"{where}/{field} is unknown" for field in sorted(set(known) - set(fields) - NEWER)]
    found += [f"{where}/{field} is demanded by one only" for field in sorted(demanded ^ (required & sent))]
    for field in sorted(set(known) & set(fields)):
        inner, described_as = known[field], contract.resolved(name, fields[field])
        if isinstance(inner, list):
            inner, described_as = inner[0], contract.resolved(name, described_as.get("items", {}))
        if isinstance(inner, Mapping) and inner:
            found += differences(name, described_as, inner, f"{where}/{field}")
        kinds = {str: "string", bool: "boolean", int: "integer"}
        if isinstance(inner, type) and described_as.get("type", kinds[inner]) != kinds[inner]:
            found.append(f"{where}/{field} is a {described_as['type']}")
    return found


def is_read_only(name: str, field: Any) -> bool:
    return bool(field.get("readOnly") or contract.resolved(name, field).get("readOnly"))


def test_the_comparison_finds_differences() -> None:
    name, found = described(next(route for route in ROUTES if route.path == "/v1/billing/plans"))
    schema = contract.request_schema(name, found)
    complaints = differences(name, schema, {"product_id": str, "naem!": str, "billing_cycles!": [{"frequency": {}}]})
    assert {"/name is missing", "/naem is unknown", "/product_id is demanded by one only"} <= set(complaints)
    assert "/billing_cycles/sequence is missing" in complaints


# --- answers -----------------------------------------------------------------------------------------------------


def catalog(shop: PayPalShop) -> None:
    product = shop.post("/v1/catalogs/products", {"name": "Pro", "type": "SERVICE"}, key="p1")
    cycle = {
        "frequency": {"interval_unit": "MONTH"},
        "tenure_type": "REGULAR",
        "sequence": 2,
        "total_cycles": 0,
        "pricing_scheme": {"fixed_price": money("19")},
    }
    trial = {"frequency": {"interval_unit": "DAY", "interval_count": 7}, "tenure_type": "TRIAL", "sequence": 1}
    body = {
        "product_id": product["id"],
        "name": "Monthly",
        "billing_cycles": [trial, cycle],
        "payment_preferences": {"setup_fee": money("5.5"), "payment_failure_threshold": 3},
        "taxes": {"percentage": "10", "inclusive": False},
        "quantity_supported": True,
    }
    for whole in (True, False):
        made = shop.post("/v1/billing/plans", body, whole=whole)
        shop.get(f"/v1/billing/plans/{made['id']}")
    shop.get("/v1/billing/plans", total_required="true", page_size="1")
    shop.get("/v1/catalogs/products", total_required="true")
    shop.get(f"/v1/catalogs/products/{product['id']}")
    shop.post(f"/v1/billing/plans/{made['id']}/deactivate")
    shop.post(f"/v1/billing/plans/{made['id']}/activate")


def subscriptions(shop: PayPalShop) -> None:
    shop.server.add_plan("P-PRO", Money(1900, "USD"), trial_days=7, setup_fee=Money(500, "USD"), product="PRODUCT")
    shop.server.add_plan("P-TEAM", Money(4900, "USD"), product="PRODUCT")
    override = {"billing_cycles": [{"sequence": 2, "pricing_scheme": {"fixed_price": money("9.00")}}]}
    identifier = shop.waiting_subscription(
        custom_id="org_1", quantity="2", subscriber={"email_address": "ada@example.com"}, plan=override
    )
    path = f"/v1/billing/subscriptions/{identifier}"
    shop.get(path)
    shop.server.complete_checkout(identifier)
    shop.get(path, fields="plan,last_failed_payment")
    shop.server.advance(days=8)
    shop.server.fail_payments(identifier)
    shop.server.advance(days=32)
    shop.get(path, fields="plan,last_failed_payment")
    shop.server.advance(days=12)
    shop.server.fail_payments(identifier, fail=False)
    owed = shop.get(path)["billing_info"]["outstanding_balance"]
    shop.post(f"{path}/capture", {"note": "Pay", "capture_type": "OUTSTANDING_BALANCE", "amount": owed}, key="c1")
    shop.post(f"{path}/revise", {"plan_id": "P-TEAM", "quantity": "3", "application_context": URLS})
    shop.server.approve_change(identifier)
    shop.post(f"{path}/suspend", {"reason": "Holiday"})
    shop.get(path)
    shop.post(f"{path}/activate", {"reason": "Back"})
    shop.get(f"{path}/transactions", start_time="2026-10-01T00:00:00Z", end_time="2027-10-01T00:00:00Z")
    shop.get("/v1/billing/subscriptions", page_size="1", statuses="ACTIVE,CANCELLED")
    shop.post(f"{path}/cancel", {"reason": "Enough"})
    shop.get(path, fields="plan")


def sales(shop: PayPalShop) -> None:
    shop.server.add_plan("P-PRO", Money(1900, "USD"))
    identifier = shop.waiting_subscription(custom_id="org_1")
    shop.server.hold_next_sale()
    shop.server.complete_checkout(identifier)
    shop.server.advance(days=32)
    for sale, body in zip(
        shop.server.objects("sale"), ({}, {"amount": {"total": "4.00", "currency": "USD"}}), strict=True
    ):
        shop.get(f"/v1/payments/sale/{sale['id']}")
        refund = shop.post(f"/v1/payments/sale/{sale['id']}/refund", body)
        shop.get(f"/v1/payments/refund/{refund['id']}")


def orders(shop: PayPalShop) -> None:
    capture = shop.captured("10.00", custom_id="org_1", invoice_id="inv_1", description="A book")
    shop.get(f"/v2/payments/captures/{capture}")
    refund = shop.post(f"/v2/payments/captures/{capture}/refund", {"amount": money("4.00"), "note_to_payer": "Sorry"})
    shop.get(f"/v2/payments/refunds/{refund['id']}")
    shop.post(f"/v2/payments/captures/{capture}/refund", whole=False)
    order = shop.server.objects("order")[0]
    shop.get(f"/v2/checkout/orders/{order['id']}")
    authorization = shop.authorized("1000", "JPY")
    shop.get(f"/v2/payments/authorizations/{authorization}")
    shop.post(f"/v2/payments/authorizations/{authorization}/capture", {"amount": money("400", "JPY")})
    shop.post(f"/v2/payments/authorizations/{authorization}/capture", {"final_capture": True}, whole=False)
    shop.post(f"/v2/payments/authorizations/{shop.authorized()}/void")
    renewed = shop.authorized()
    shop.server.advance(days=4)
    shop.post(f"/v2/payments/authorizations/{renewed}/reauthorize", {"amount": money("11.00")})
    shop.post(f"/v2/payments/authorizations/{shop.authorized()}/void", whole=False)
    shop.post(f"/v2/payments/authorizations/{shop.authorized()}/void", whole=False)
    shop.server.decline_next_payment("PENDING")
    pending = shop.captured()
    shop.get(f"/v2/payments/captures/{pending}")
    shop.server.decline_next_payment("DECLINED")
    shop.captured()
    token = shop.server.add_payment_method("cust_1")
    body = {**order_body(), "payment_source": {"card": {"vault_id": token}}}
    shop.post("/v2/checkout/orders", body, key="card")
    shop.post("/v2/checkout/orders", order_body(), key="minimal", whole=False)
    shop.post("/v2/checkout/orders", {**order_body(), "payment_source": {}}, key="legacy")


def vault(shop: PayPalShop) -> None:
    saves = {"attributes": {"vault": {"store_in_vault": "ON_SUCCESS", "usage_type": "MERCHANT"}}}
    body = {**order_body(), "payment_source": {"paypal": {**saves, "experience_context": URLS}}}
    order = shop.post("/v2/checkout/orders", body, key="saving")
    shop.server.complete_checkout(order["id"])
    paid = shop.post(f"/v2/checkout/orders/{order['id']}/capture")
    customer = paid["payment_source"]["paypal"]["attributes"]["vault"]["customer"]["id"]
    setup = shop.post("/v3/vault/setup-tokens", {"payment_source": {"paypal": {"usage_type": "MERCHANT"}}}, key="s1")
    shop.get(f"/v3/vault/setup-tokens/{setup['id']}")
    shop.server.complete_checkout(setup["id"])
    token = shop.post(
        "/v3/vault/payment-tokens",
        {"payment_source": {"token": {"id": setup["id"], "type": "SETUP_TOKEN"}}},
        key="t1",
    )
    shop.get(f"/v3/vault/payment-tokens/{token['id']}")
    shop.server.add_payment_method(customer)
    shop.get("/v3/vault/payment-tokens", customer_id=customer, total_required="true")
    assert shop.raw("DELETE", f"/v3/vault/payment-tokens/{token['id']}").status_code == 204


def the_rest(shop: PayPalShop) -> None:
    shop.server.add_invoice("ada@example.com", "12.50", status="PAID")
    shop.get(f"/v2/invoicing/invoices/{shop.server.add_invoice('ada@example.com', '10.00', 'EUR')}")
    shop.server.pay_invoice(shop.server.add_invoice("grace@example.com", "10.00"))
    unpaid = f"/v2/invoicing/invoices/{shop.server.add_invoice('grace@example.com', '10.00')}"
    for status in (204, 422):
        assert shop.raw("POST", f"{unpaid}/cancel", {"send_to_recipient": True}).status_code == status
    found = shop.post(
        "/v2/invoicing/search-invoices?total_required=true&page_size=1", {"recipient_email": "ada@example.com"}
    )
    assert found["total_items"] == 2
    shop.captured()
    day = {"start_date": shop.server.now.isoformat(), "end_date": (shop.server.now + timedelta(days=1)).isoformat()}
    shop.server.advance(hours=4)  # the search is late
    shop.get("/v1/reporting/transactions", **day)
    listed = shop.get("/v1/notifications/webhooks-events", page_size="2")
    shop.get(f"/v1/notifications/webhooks-events/{listed['events'][0]['id']}")
    shop.post(f"/v1/notifications/webhooks-events/{listed['events'][0]['id']}/resend", {})
    hook = shop.server.deliveries()[0]
    signed = {
        "auth_algo": hook.headers["PAYPAL-AUTH-ALGO"],
        "cert_url": hook.headers["PAYPAL-CERT-URL"],
        "transmission_id": hook.headers["PAYPAL-TRANSMISSION-ID"],
        "transmission_sig": hook.headers["PAYPAL-TRANSMISSION-SIG"],
        "transmission_time": hook.headers["PAYPAL-TRANSMISSION-TIME"],
        "webhook_id": shop.server.webhook_id,
        "webhook_event": json.loads(hook.payload),
    }
    shop.post("/v1/notifications/verify-webhook-signature", signed)
    shop.get(f"/v1/notifications/webhooks/{shop.server.webhook_id}")


def refusals(shop: PayPalShop) -> None:
    shop.refused("/v2/checkout/orders", {"intent": "CAPTURE"}, key="r1")
    shop.refused("/v2/checkout/orders", order_body("1.001"), key="r2")
    shop.refused("/v2/checkout/orders/NONE", method="GET")
    shop.refused(f"/v2/checkout/orders/{shop.order()}/capture", key="r3")
    shop.refused("/v1/billing/subscriptions", {"plan_id": "P-NONE"})
    shop.refused("/v1/billing/subscriptions", {})
    shop.refused(f"/v1/billing/subscriptions/{shop.waiting_subscription()}/cancel", {"reason": "x"})
    shop.refused("/v1/billing/subscriptions/I-NONE", method="GET")
    shop.refused("/v1/billing/plans/P-NONE", method="GET")
    capture = shop.captured()
    shop.refused(f"/v2/payments/captures/{capture}/refund", {"amount": money("11.00")})
    shop.refused("/v1/payments/sale/NONE", method="GET")
    assert shop.raw("GET", "/v2/checkout/orders/X", token="none").status_code == 401


_SALE = ("payments_payment_v1", {"$ref": "#/components/schemas/sale"})
SCENARIOS = [catalog, subscriptions, sales, orders, vault, the_rest, refusals]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_every_answer_is_as_described(scenario: Callable[[PayPalShop], None]) -> None:
    complaints = [text for call, answer in played(scenario) for text in judged(call, answer)]
    assert complaints == []


def played(scenario: Callable[[PayPalShop], None]) -> list[tuple[Call, Answer]]:
    shop = PayPalShop(stand_in=Watched)
    scenario(shop)
    server = shop.server
    assert isinstance(server, Watched)
    return [(call, answer) for call, answer in server.exchanges if call.path != "/v1/oauth2/token"]


def judged(call: Call, answer: Answer) -> list[str]:
    found = contract.operation(call.method, call.path)
    if found is None:
        return [f"nobody describes {call.method} {call.path}"]
    name, described_as = found
    before = f"{call.method} {call.path} {answer.status}"
    if str(answer.status) not in described_as["responses"] and "default" not in described_as["responses"]:
        return [f"{before} is not described"]
    schema = contract.response_schema(name, described_as, answer.status)
    if schema is None:
        return [f"{before}: a body where there is none"] if answer.body else []
    body = json.loads(answer.body)
    complaints = [each for each in contract.violations(name, schema, body) if each not in GENUINE]
    if answer.status < 400:
        complaints += [
            f"{field} is unknown"
            for field in contract.unknown_fields(name, schema, body)
            if field.rpartition(".")[2] not in NEWER
        ]
    return [f"{before}: {text}" for text in complaints]


def test_a_genuine_sale_is_no_other_than_the_stand_in_s() -> None:
    genuine = json.loads((contract.SPECS.parent / "vectors/paypal/live_held_sale_2025.body.json").read_text())
    assert sorted(contract.violations(*_SALE, genuine["resource"])) == sorted(GENUINE)


def test_the_scenarios_reach_every_described_endpoint() -> None:
    reached = {
        f"{route.method} {route.path}"
        for scenario in SCENARIOS
        for call, answer in played(scenario)
        if answer.status < 300
        for route in ROUTES
        if route.method == call.method and route.pattern.fullmatch(call.path)
    }
    assert set(ROUTE_NAMES) - reached == set()


V1 = {"sale": ("payments_payment_v1", "sale"), "refund": ("payments_payment_v1", "detailed_refund")}
RESOURCES = {
    "subscription": ("billing_subscriptions_v1", "subscription"),
    "plan": ("billing_subscriptions_v1", "plan"),
    "capture": ("payments_payment_v2", "capture-2"),
    "refund": ("payments_payment_v2", "refund"),
    "authorization": ("payments_payment_v2", "authorization-2"),
    "checkout-order": ("checkout_orders_v2", "order"),
    "payment_token": ("vault_payment_tokens_v3", "payment_token_response"),
}
"""What the resources of events are."""


@pytest.mark.parametrize(
    "scenario", [catalog, subscriptions, sales, orders, vault], ids=lambda scenario: scenario.__name__
)
def test_every_event_carries_what_it_is_about(scenario: Callable[[PayPalShop], None]) -> None:
    shop = PayPalShop()
    scenario(shop)
    envelope = {"$ref": "#/components/schemas/event"}
    complaints: list[str] = []
    for hook in shop.server.deliveries():
        event = json.loads(hook.payload)
        complaints += contract.violations("notifications_webhooks_v1", envelope, event)
        of_v1 = event["event_type"].startswith("PAYMENT.SALE")
        name, schema = (V1 if of_v1 else RESOURCES)[event["resource_type"]]
        about = {"$ref": f"#/components/schemas/{schema}"}
        found = [each for each in contract.violations(name, about, event["resource"]) if each not in GENUINE]
        found += contract.unknown_fields(name, about, event["resource"])
        complaints += [f"{hook.type}: {text}" for text in found if text.rpartition(".")[2] not in NEWER]
    assert complaints == []


def test_a_link_to_the_payer_is_found_by_its_relation() -> None:
    shop = PayPalShop()
    order = shop.post("/v2/checkout/orders", order_body(), key="k")
    assert links_of(order)["payer-action"].startswith("https://www.sandbox.paypal.com/checkoutnow?token=")
