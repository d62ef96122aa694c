"""Whatever is sent to PayPal's stand-in, it is answered, and what is refused changes nothing."""

import json
from collections.abc import Mapping
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paylattice.testing.standins.paypal.dispatch import ROUTES
from paylattice.testing.standins.paypal.routes import Route

from .support import BASE, PayPalShop

WORDS = (
    *("", "x", "é", "\x00", "0", "-1", "1", "10.00", "1e9", "1.001", "NaN", "9" * 5000, "USD", "JPY", "XXX", "P-PRO"),
    *("CAPTURE", "AUTHORIZE", "MONTH", "REGULAR", "TRIAL", "VOLUME", "SETUP_TOKEN", "OUTSTANDING_BALANCE", "SERVICE"),
    *("https://app.test", "2026-12-31T00:00:00Z", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "../../x"),
)
NUMBERS = (0, 1, 2, -1, 999, 10**30)
STRANGE: st.SearchStrategy[Any] = st.sampled_from((None, True, 1.5, [], {}, "x", 10**30, {"a": [{"b": None}]}))


def bodies(shape: Any) -> st.SearchStrategy[Any]:
    """Values that mostly fit a table."""
    if isinstance(shape, list):
        return st.lists(bodies(shape[0]), max_size=3)
    if isinstance(shape, Mapping) and shape:
        demanded = {name[:-1]: fitting(inner) for name, inner in shape.items() if name.endswith("!")}
        others = {name: fitting(inner) for name, inner in shape.items() if not name.endswith("!")}
        return st.fixed_dictionaries(demanded, optional=others)
    if shape is int:
        return st.sampled_from(NUMBERS)
    if shape is bool:
        return st.booleans()
    return st.sampled_from(WORDS) if shape is str else STRANGE


def fitting(shape: Any) -> st.SearchStrategy[Any]:
    return bodies(shape) | st.one_of(bodies(shape), bodies(shape), STRANGE)


def prepared() -> PayPalShop:
    shop = PayPalShop()
    subscription = shop.subscription()
    shop.server.fail_payments(subscription)
    shop.server.advance(days=80)
    shop.server.fail_payments(subscription, fail=False)
    shop.subscription()
    shop.captured()
    shop.authorized()
    shop.approved()
    shop.server.add_payment_method("cust_1")
    return shop


def ids(shop: PayPalShop, route: Route) -> list[str]:
    """The ids that may stand in a path, and one that nothing has."""
    kinds = {
        "subscriptions": "subscription",
        "plans": "plan",
        "products": "product",
        "orders": "order",
        "authorizations": "authorization",
        "captures": "capture",
        "sale": "sale",
        "payment-tokens": "token",
    }
    parts = route.path.split("/")
    kind = kinds.get(parts[parts.index("{id}") - 1], "") if "{id}" in parts else ""
    return [*(str(found["id"]) for found in shop.server.objects(kind)), "NONE"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_request_is_answered_and_a_refused_one_changes_nothing(data: st.DataObject) -> None:
    shop = prepared()
    route = data.draw(st.sampled_from(ROUTES), label="route")
    path = route.path.replace("{id}", data.draw(st.sampled_from(ids(shop, route)), label="id"))
    query = {name: data.draw(st.sampled_from(WORDS), label=name) for name in sorted(route.query)}
    given_query = {
        name: query[name] for name in data.draw(st.sets(st.sampled_from(sorted(query))) if query else st.just(set()))
    }
    body = data.draw(bodies(route.takes) if route.takes else st.just({}), label="body")
    headers = {"Authorization": f"Bearer {shop.fresh_token()}", "PayPal-Request-Id": "key_1"}
    before = shop.server.snapshot()
    with httpx.Client(transport=shop.server.transport(), base_url=BASE, headers=headers) as client:
        if route.method == "POST":
            content = json.dumps(body).encode()
            answer = client.post(
                path, content=content, params=given_query, headers={"Content-Type": "application/json"}
            )
        else:
            answer = client.request(route.method, path, params=given_query)
    assert answer.status_code in {200, 201, 202, 204, 400, 404, 409, 422}, answer.text
    if answer.is_error or route.method == "GET":
        assert shop.server.snapshot() == before
    shop.server.advance(days=40)


@given(content=st.binary(max_size=60))
@settings(max_examples=60, deadline=None)
def test_every_body_is_answered(content: bytes) -> None:
    assert set(answered(content)) <= {400}


@pytest.mark.parametrize(
    "content",
    [b"[" * 100_000, b'{"a":' * 50_000, b"NaN", b"\xff\xfe{}", b'{"intent": NaN}'],
    ids=["arrays", "objects", "NaN", "UTF-16", "NaN inside"],
)
def test_strange_bodies_are_answered(content: bytes) -> None:
    assert answered(content) == [400, 400]


def answered(content: bytes) -> list[int]:
    shop = PayPalShop()
    headers = {"Authorization": f"Bearer {shop.fresh_token()}", "Content-Type": "application/json"}
    with httpx.Client(transport=shop.server.transport(), base_url=BASE, headers=headers) as client:
        paths = ("/v2/checkout/orders", "/v1/notifications/verify-webhook-signature")
        return [client.post(path, content=content).status_code for path in paths]
