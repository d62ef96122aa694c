"""The stand-in against Square's published description: its tables know every field, its answers hold no other one."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from paylattice import Money
from paylattice.testing.standins.messages import Answer, Call
from paylattice.testing.standins.square.dispatch import ROUTES
from paylattice.testing.standins.square.routes import Route

from .support import LOCATION, Market, usd

SPECS = Path(os.environ.get("PAYLATTICE_SPECS") or Path(__file__).parents[5] / "shared" / "specs") / "square"
pytestmark = [
    pytest.mark.contract,
    pytest.mark.skipif(
        not (SPECS / "api.json").is_file(), reason="set PAYLATTICE_SPECS to the folder of the descriptions"
    ),
]

_PLACE = re.compile(r"\{[^}]+\}")


@cache
def schemas() -> dict[str, Any]:
    found: dict[str, Any] = _file("api.json")["components"]["schemas"]
    for name, more in _file("api.overlay.json")["components"]["schemas"].items():
        found.setdefault(name, {}).setdefault("properties", {}).update(more.get("properties", {}))
        if "enum" in more:
            found[name]["enum"] = more["enum"]
    return found


@cache
def _file(name: str) -> Any:
    return json.loads((SPECS / name).read_text())


@cache
def operations() -> dict[tuple[str, str], Any]:
    return {
        (method.upper(), _PLACE.sub("{}", path)): operation
        for path, methods in _file("api.json")["paths"].items()
        for method, operation in methods.items()
    }


def operation_of(route: Route) -> Any:
    return operations()[route.method, _PLACE.sub("{}", route.path)]


def named(reference: Mapping[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def routes(fits: Callable[[Route], bool] = lambda _: True) -> Any:
    chosen = [route for route in ROUTES if fits(route)]
    return pytest.mark.parametrize("route", chosen, ids=lambda route: f"{route.method} {route.path}")


# --- requests ----------------------------------------------------------------------------------------------------


def body_schema(route: Route) -> Any:
    content = operation_of(route).get("requestBody", {}).get("content", {})
    return content["application/json"]["schema"] if content else None


def gaps(fields: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    """Where the fields are not those of the schema, however deep the table goes."""
    if isinstance(fields, list):
        yield from gaps(fields[0], schema.get("items", {}), f"{where}[]")
        return
    if not isinstance(fields, Mapping):
        return
    known = schemas()[named(schema)] if "$ref" in schema else schema
    properties = known.get("properties", {})
    table = {name.rstrip("!"): inner for name, inner in fields.items()}
    yield from (f"{where}.{name} is not in the table" for name in properties.keys() - table.keys())
    yield from (f"{where}.{name} is not in the description" for name in table.keys() - properties.keys())
    for name in properties.keys() & table.keys():
        yield from gaps(table[name], properties[name], f"{where}.{name}")


@routes(lambda route: route.method in {"POST", "PUT"})
def test_a_table_knows_every_field_of_the_description_and_no_other(route: Route) -> None:
    schema = body_schema(route)
    if schema is None:
        assert not route.takes
        return
    fields = {**route.takes, **({"idempotency_key": str} if route.key else {})}
    assert list(gaps(fields, schema, named(schema))) == []


@routes()
def test_a_table_knows_every_parameter_of_the_query_and_no_other(route: Route) -> None:
    described = {one["name"] for one in operation_of(route).get("parameters", []) if one["in"] == "query"}
    assert {*route.query.split(), *route.query_elsewhere.split()} == described


@routes(lambda route: route.method in {"POST", "PUT"})
def test_what_the_description_requires_is_required(route: Route) -> None:
    schema = body_schema(route)
    needed = set(schemas()[named(schema)].get("required", [])) if schema else set()
    table = {name.rstrip("!") for name in route.takes if name.endswith("!")}
    assert needed - {"idempotency_key"} <= table
    assert ("idempotency_key" in needed and "idempotency_key!" not in route.takes) == bool(
        route.key and route.key.required
    )


@routes(lambda route: route.key is not None)
def test_a_key_is_as_long_as_the_description_says(route: Route) -> None:
    about = schemas()[named(body_schema(route))]["properties"]["idempotency_key"]
    assert route.key is not None
    assert about.get("maxLength", 45) == route.key.longest


def test_no_endpoint_is_made_up() -> None:
    assert [route.path for route in ROUTES if (route.method, _PLACE.sub("{}", route.path)) not in operations()] == []


# --- answers -----------------------------------------------------------------------------------------------------


def _strict(value: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema: no unknown fields. What is required is not looked at: Square itself leaves some out."""
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, inner in value.items():
        if key == "properties":
            made[key] = {name: _strict(one) for name, one in inner.items()}
        elif key == "items":
            made[key] = _strict(inner)
        elif key == "$ref":
            return {"$ref": inner.replace("#/components/schemas/", "#/$defs/")}
        elif key in {"type", "enum", "maxLength", "minLength", "maximum", "minimum", "pattern"}:
            made[key] = inner
    if "properties" in made:
        made["additionalProperties"] = False
    return made


@cache
def definitions() -> dict[str, Any]:
    made = {name: _strict(schema) for name, schema in schemas().items()}
    del made["ErrorCode"]["enum"]  # endpoints name codes that are not in the list
    return made


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": definitions()})


def complaints(name: str, value: Any) -> list[str]:
    return [f"{name}/{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in _validator(name).iter_errors(value)]


class Recorded(Market):
    """Keeps every answer, by its endpoint."""

    def __init__(self, **stand_in: Any) -> None:
        super().__init__(**stand_in)
        self.answers: list[tuple[Route | None, Call, Answer]] = []
        handle = self.server.handle

        def recording(call: Call) -> Answer:
            answer = handle(call)
            fitting = (r for r in ROUTES if r.method == call.method and r.pattern.fullmatch(call.path))
            self.answers.append((next(fitting, None), call, answer))
            return answer

        self.server.handle = recording  # type: ignore[method-assign]  # it is what the transport calls


def everything() -> Recorded:
    """Every endpoint once, and every kind of answer."""
    market = Recorded()
    market.ok("GET", "/v2/locations")
    market.ok("GET", "/v2/locations/main")
    plan_id = catalog(market)
    customer, card = customers(market)
    payments(market, customer, card)
    links(market, plan_id)
    subscriptions(market, customer, card, plan_id)
    invoices(market, customer)
    ends(market, customer, card)
    return market


def catalog(market: Recorded) -> str:
    ok = market.ok
    phase = {"cadence": "MONTHLY", "ordinal": 0, "pricing": {"type": "STATIC", "price_money": usd(1900)}}
    data = {"name": "Monthly", "phases": [phase]}
    variation = {"type": "SUBSCRIPTION_PLAN_VARIATION", "id": "#m", "subscription_plan_variation_data": data}
    plan = {"name": "Pro", "all_items": True, "subscription_plan_variations": [variation]}
    sent = {"type": "SUBSCRIPTION_PLAN", "id": "#pro", "subscription_plan_data": plan}
    made = ok("POST", "/v2/catalog/object", {"idempotency_key": "k", "object": sent})
    plan_id = {one["client_object_id"]: one["object_id"] for one in made["id_mappings"]}["#m"]
    market.server.add_plan("TEAM", Money(4900, "USD"), trial_periods=2, periods=12)
    market.server.add_plan("ITEMS", Money(0, "USD"), relative=True)
    market.server.add_plan("BOOK", Money(0, "USD"), item=market.server.add_item("book", Money(900, "USD"), None))
    ok("POST", "/v2/catalog/batch-retrieve", {"object_ids": ["book", "BOOK", "gone"]})
    ok("GET", f"/v2/catalog/object/{plan_id}", include_related_objects="true")
    ok("GET", "/v2/catalog/list", types="SUBSCRIPTION_PLAN,SUBSCRIPTION_PLAN_VARIATION")
    ok("POST", "/v2/catalog/search", {"object_types": [variation["type"]], "include_related_objects": True})
    return str(plan_id)


def customers(market: Recorded) -> tuple[str, str]:
    ok = market.ok
    market.server.add_location("LOTHER", active=False)
    about = {
        "given_name": "Ada",
        "family_name": "Lovelace",
        "email_address": "ada@example.com",
        "phone_number": "+12125550100",
        "reference_id": "org-1",
        "address": {"locality": "New York", "country": "US"},
        "birthday": "1815-12-10",
    }
    customer = ok("POST", "/v2/customers", {"idempotency_key": "c", **about})["customer"]
    path = f"/v2/customers/{customer['id']}"
    ok("GET", path)
    ok("PUT", path, {"note": "n", "nickname": None, "version": customer["version"]})
    ok("POST", "/v2/customers/search", {"query": {"filter": {"reference_id": {"exact": "ORG-1"}}}, "count": True})
    card = {"customer_id": customer["id"], "billing_address": {"postal_code": "94103"}, "cardholder_name": "Ada"}
    body = {"idempotency_key": "card", "source_id": "cnon:card-nonce-ok", "card": card}
    card_id = ok("POST", "/v2/cards", body)["card"]["id"]
    ok("GET", "/v2/cards", customer_id=customer["id"])
    ok("GET", f"/v2/cards/{card_id}")
    return str(customer["id"]), str(card_id)


def payments(market: Recorded, customer: str, card: str) -> None:
    ok = market.ok
    held = market.payment(1900, autocomplete=False, tip_money=usd(100), customer_id=customer, source_id=card)
    path = f"/v2/payments/{held['id']}"
    edit = {"amount_money": usd(1500), "version_token": held["version_token"]}
    ok("PUT", path, {"idempotency_key": "edit", "payment": edit})
    ok("POST", f"{path}/complete", {})
    refund = {"idempotency_key": "r", "payment_id": held["id"], "amount_money": usd(400), "reason": "late"}
    refund_id = ok("POST", "/v2/refunds", refund)["refund"]["id"]
    market.settle_refunds()
    ok("GET", f"/v2/refunds/{refund_id}")
    ok("GET", path)
    dispute = market.server.open_dispute(str(held["id"]))
    ok("GET", "/v2/disputes", states=str(dispute["state"]), location_id=LOCATION)
    ok("GET", f"/v2/disputes/{dispute['id']}")
    ok("POST", f"/v2/disputes/{dispute['id']}/accept")
    given_up = market.payment(autocomplete=False)
    ok("POST", f"/v2/payments/{given_up['id']}/cancel")
    ok("POST", "/v2/payments/cancel", {"idempotency_key": "nothing"})
    ok("GET", "/v2/payments")


def order(market: Recorded, state: str) -> str:
    item = {"name": "Service", "quantity": "2.5", "base_price_money": usd(1000)}
    about = {"location_id": LOCATION, "line_items": [item], "state": state, "metadata": {"team": "a"}}
    made = market.ok("POST", "/v2/orders", {"order": about, "idempotency_key": market.key()})["order"]
    return str(made["id"])


def links(market: Recorded, plan_id: str) -> None:
    ok = market.ok
    link = market.link(plan_id, description="x", pre_populated_data={"buyer_email": "bo@example.com"})
    market.server.complete_checkout(link["id"], as_new_customer=True)
    ok("GET", f"/v2/orders/{link['order_id']}")
    ok("GET", f"/v2/online-checkout/payment-links/{link['id']}")
    ok("GET", "/v2/online-checkout/payment-links")
    market.server.complete_checkout(market.link(None)["id"])
    ok("DELETE", f"/v2/online-checkout/payment-links/{market.link(None)['id']}")


def subscriptions(market: Recorded, customer: str, card: str, plan_id: str) -> None:
    ok, server = market.ok, market.server
    items = order(market, "DRAFT")
    ok("POST", "/v2/orders/batch-retrieve", {"order_ids": [items, "none"]})
    wanted = {"location_id": LOCATION, "customer_id": customer, "plan_variation_id": plan_id, "card_id": card}
    taxed = {**wanted, "idempotency_key": "s", "tax_percentage": "7.5"}
    path = f"/v2/subscriptions/{ok('POST', '/v2/subscriptions', taxed)['subscription']['id']}"
    phases = [{"ordinal": 0, "order_template_id": items}]
    ok("POST", "/v2/subscriptions", {**wanted, "plan_variation_id": "ITEMS", "phases": phases})
    ok("POST", "/v2/subscriptions", {**wanted, "plan_variation_id": "TEAM", "start_date": "2026-12-01"})
    ok("GET", path, include="actions")
    ok("POST", f"{path}/swap-plan", {"new_plan_variation_id": "TEAM"})
    ok("POST", f"{path}/pause", {"pause_reason": "holiday"})
    canceled = ok("POST", f"{path}/cancel")
    ok("DELETE", f"{path}/actions/{canceled['actions'][0]['id']}")
    ok("PUT", path, {"subscription": {"canceled_date": None, "price_override_money": usd(500)}})
    query = {"filter": {"customer_ids": [customer]}}
    ok("POST", "/v2/subscriptions/search", {"include": ["actions"], "query": query})
    server.decline_next_payment(customer_id=customer)
    server.advance(months=1)
    ok("POST", f"{path}/resume", {"resume_effective_date": "2026-12-15", "resume_change_timing": "IMMEDIATE"})
    server.advance(months=2)
    ok("GET", f"{path}/events")


def invoices(market: Recorded, customer: str) -> None:
    ok = market.ok
    wanted = {"location_ids": [LOCATION], "customer_ids": [customer]}
    query = {"filter": wanted, "sort": {"field": "INVOICE_SORT_DATE"}}
    found = ok("POST", "/v2/invoices/search", {"query": query})["invoices"]
    (unpaid,) = [row["id"] for row in found if row["status"] == "UNPAID"]
    market.server.pay_invoice(unpaid, amount=100)
    ok("GET", f"/v2/invoices/{unpaid}")
    ok("GET", "/v2/invoices", location_id=LOCATION)

    def draft() -> str:
        invoice = {
            "location_id": LOCATION,
            "order_id": order(market, "OPEN"),
            "primary_recipient": {"customer_id": customer},
            "payment_requests": [{"request_type": "BALANCE", "due_date": "2027-02-01"}],
            "accepted_payment_methods": {"card": True},
            "delivery_method": "SHARE_MANUALLY",
        }
        made = ok("POST", "/v2/invoices", {"idempotency_key": market.key(), "invoice": invoice})
        return f"/v2/invoices/{made['invoice']['id']}"

    ok("DELETE", draft(), version=0)
    written = draft()
    sent = ok("POST", f"{written}/publish", {"version": 0, "idempotency_key": "p"})["invoice"]
    ok("POST", f"{written}/cancel", {"version": sent["version"]})


def ends(market: Recorded, customer: str, card: str) -> None:
    ok = market.ok
    ok("POST", f"/v2/cards/{card}/disable")
    other = market.customer(phone="+12125550199")
    new = market.server.merge(customer, other)
    ok("GET", f"/v2/customers/{other}")
    ok("DELETE", f"/v2/customers/{new}")
    market.server.send_test_notification()
    ok("POST", "/v2/events", {"query": {"filter": {"event_types": ["payment.updated"]}}})


@pytest.fixture(scope="module")
def recorded() -> Recorded:
    return everything()


def test_every_answer_is_one_of_the_description(recorded: Recorded) -> None:
    found: list[str] = []
    for route, _, answer in recorded.answers:
        assert route is not None
        content = operation_of(route)["responses"]["200"]["content"]["application/json"]["schema"]
        found += complaints(named(content), json.loads(answer.body))
    assert found == []


def test_every_endpoint_has_answered(recorded: Recorded) -> None:
    seen = {(route.method, route.path) for route, _, _ in recorded.answers if route is not None}
    assert [route for route in ROUTES if (route.method, route.path) not in seen] == []


def test_every_object_is_one_of_the_description(recorded: Recorded) -> None:
    kinds = {
        "customer": "Customer",
        "card": "Card",
        "payment": "Payment",
        "refund": "PaymentRefund",
        "order": "Order",
        "payment_link": "PaymentLink",
        "subscription": "Subscription",
        "invoice": "Invoice",
        "dispute": "Dispute",
        "catalog": "CatalogObject",
        "location": "Location",
        "event": "Event",
    }
    assert set(recorded.server.snapshot()) <= set(kinds)
    found = [
        complaint
        for kind, name in kinds.items()
        for row in recorded.server.objects(kind)
        for complaint in complaints(name, row)
    ]
    assert found == []


def test_every_webhook_is_one_of_the_description() -> None:
    events = {
        about["x-webhook"]["event"]: name
        for name, about in schemas().items()
        if about.get("x-webhook", {}).get("event")
    }
    found: list[str] = []
    seen: set[str] = set()
    for body in everything().bodies():
        if body["type"] == "webhooks.test_notification":
            continue
        seen.add(body["type"])
        assert ("location_id" in body) == body["type"].startswith(("invoice.", "dispute."))
        body.pop("location_id", None)  # the description's examples have both, its schemas do not
        if "dispute" in body["data"].get("object", {}):  # so in the description's examples; "object" in its schemas
            body["data"]["object"] = {"object": body["data"]["object"]["dispute"]}
        assert body["data"].pop("deleted", False) == body["type"].endswith(".deleted")
        found += complaints(events[body["type"]], body)
    assert found == []
    assert len(seen) > 20


def test_a_refusal_is_one_of_the_description(recorded: Recorded) -> None:
    market = Market()
    for method, path, body in (
        ("GET", "/v2/customers/none", None),
        ("POST", "/v2/customers", {}),
        ("POST", "/v2/refunds", {"nonsense": 1}),
        (
            "POST",
            "/v2/payments",
            {"source_id": "cnon:card-nonce-declined", "idempotency_key": "k", "amount_money": usd(1)},
        ),
    ):
        answer = market.raw(method, path, body)
        assert answer.status_code >= 400
        assert complaints("CreatePaymentResponse", answer.json()) == []
