"""Keys at PayPal's stand-in: who knows them, for how long, and what a repetition is answered."""

from collections.abc import Callable
from typing import Any

import pytest

from .support import WHOLE, PayPalShop, money, order_body

Write = Callable[[PayPalShop], tuple[str, Any]]


@pytest.fixture
def shop() -> PayPalShop:
    return PayPalShop()


def a_product(_: PayPalShop) -> tuple[str, Any]:
    return "/v1/catalogs/products", {"name": "Pro", "type": "SERVICE"}


def a_plan(shop: PayPalShop) -> tuple[str, Any]:
    product = shop.post("/v1/catalogs/products", {"name": "Pro", "type": "SERVICE"})["id"]
    cycle = {
        "frequency": {"interval_unit": "MONTH"},
        "tenure_type": "REGULAR",
        "sequence": 1,
        "pricing_scheme": {"fixed_price": money("1")},
    }
    return "/v1/billing/plans", {
        "product_id": product,
        "name": "P",
        "billing_cycles": [cycle],
        "payment_preferences": {},
    }


def a_subscription(shop: PayPalShop) -> tuple[str, Any]:
    return "/v1/billing/subscriptions", {"plan_id": shop.plan()}


def an_order(_: PayPalShop) -> tuple[str, Any]:
    return "/v2/checkout/orders", order_body()


def a_part_of_an_authorization(shop: PayPalShop) -> tuple[str, Any]:
    return f"/v2/payments/authorizations/{shop.authorized()}/capture", {"amount": money("1.00")}


def a_refund(shop: PayPalShop) -> tuple[str, Any]:
    return f"/v2/payments/captures/{shop.captured()}/refund", {"amount": money("1.00")}


def a_refund_of_a_sale(shop: PayPalShop) -> tuple[str, Any]:
    shop.subscription()
    sale = shop.server.objects("sale")[0]["id"]
    return f"/v1/payments/sale/{sale}/refund", {"amount": {"total": "1.00", "currency": "USD"}}


def a_setup_token(_: PayPalShop) -> tuple[str, Any]:
    return "/v3/vault/setup-tokens", {"payment_source": {"paypal": {}}}


DAY = 24
LIVES = [
    (a_product, 3 * DAY),
    (a_plan, 3 * DAY),
    (a_subscription, 3 * DAY),
    (an_order, 6),
    (a_part_of_an_authorization, 45 * DAY),
    (a_refund, 45 * DAY),
    (a_refund_of_a_sale, 30 * DAY),
    (a_setup_token, 3),
]


def named(value: object) -> str | None:
    return getattr(value, "__name__", None)


@pytest.mark.parametrize(("write", "hours"), LIVES, ids=named)
def test_a_key_is_known_for_as_long_as_documented(write: Write, hours: float) -> None:
    shop = PayPalShop()
    path, body = write(shop)
    first = shop.raw("POST", path, body, key="key_1")
    assert first.status_code == 201, first.text
    before = shop.server.snapshot()
    if hours < 700:  # an authorization does not live as long as the key of its capture
        shop.server.advance(hours=hours - 0.1)
        before = shop.server.snapshot()
    again = shop.raw("POST", path, body, key="key_1")
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    assert shop.server.snapshot() == before
    assert shop.server.requests[-1].replayed
    if hours < 700:
        shop.server.advance(hours=0.1)
        later = shop.raw("POST", path, body, key="key_1")
        assert (later.status_code, later.json()["id"] == first.json()["id"]) == (201, False)


def test_the_keys_of_refunds_live_for_45_and_30_days(shop: PayPalShop) -> None:
    shop.plan("P-YEAR", "90.00", interval="year")
    shop.subscription("P-YEAR")
    sale = shop.server.objects("sale")[0]["id"]
    old = (f"/v1/payments/sale/{sale}/refund", {"amount": {"total": "1.00", "currency": "USD"}})
    new = (f"/v2/payments/captures/{shop.captured()}/refund", {"amount": money("1.00")})
    for path, body in (old, new):
        shop.raw("POST", path, body, key="k")
    statuses = []
    for days in (29, 1, 14, 1):
        shop.server.advance(days=days)
        statuses.append([shop.raw("POST", path, body, key="k").status_code for path, body in (old, new)])
    assert statuses == [[200, 200], [201, 200], [200, 200], [200, 201]]


def test_a_repetition_is_answered_with_the_present_state(shop: PayPalShop) -> None:
    first = shop.raw("POST", "/v2/checkout/orders", order_body(), key="k")
    shop.server.complete_checkout(first.json()["id"])
    again = shop.raw("POST", "/v2/checkout/orders", order_body(), key="k")
    assert (first.json()["status"], again.json()["status"]) == ("PAYER_ACTION_REQUIRED", "APPROVED")


def test_a_repetition_may_ask_for_more(shop: PayPalShop) -> None:
    shop.raw("POST", "/v2/checkout/orders", order_body(), key="k")
    again = shop.raw("POST", "/v2/checkout/orders", order_body(), key="k", headers=WHOLE)
    assert again.json()["purchase_units"][0]["amount"] == money("10.00")


def test_a_key_with_another_body_is_refused(shop: PayPalShop) -> None:
    shop.raw("POST", "/v2/checkout/orders", order_body(), key="k")
    assert shop.refused("/v2/checkout/orders", order_body("11.00"), key="k") == (409, "DUPLICATE_REQUEST_ID")
    assert shop.server.count("order") == 1


def test_a_lenient_server_answers_with_the_first_result() -> None:
    shop = PayPalShop(strict_keys=False)
    first = shop.raw("POST", "/v2/checkout/orders", order_body(), key="k").json()["id"]
    again = shop.raw("POST", "/v2/checkout/orders", order_body("11.00"), key="k", headers=WHOLE).json()
    assert (again["id"], again["purchase_units"][0]["amount"]["value"]) == (first, "10.00")


def test_a_key_belongs_to_its_endpoint(shop: PayPalShop) -> None:
    order = shop.post("/v2/checkout/orders", order_body(), key="k")["id"]
    shop.server.complete_checkout(order)
    assert shop.post(f"/v2/checkout/orders/{order}/capture", key="k")["status"] == "COMPLETED"


def test_a_refusal_is_not_kept(shop: PayPalShop) -> None:
    order = shop.order()
    path = f"/v2/checkout/orders/{order}/capture"
    assert shop.refused(path, key="k") == (422, "ORDER_NOT_APPROVED")
    shop.server.complete_checkout(order)
    assert shop.post(path, key="k")["status"] == "COMPLETED"


@pytest.mark.parametrize(("write", "longest"), [(a_product, 38), (an_order, 108), (a_refund_of_a_sale, 78)], ids=named)
def test_a_key_has_a_length(write: Write, longest: int) -> None:
    shop = PayPalShop()
    path, body = write(shop)
    assert shop.refused(path, body, key="k" * (longest + 1)) == (400, "INVALID_STRING_LENGTH")
    assert shop.raw("POST", path, body, key="k" * longest).status_code == 201


def test_two_at_once_may_fail_though_it_is_done(shop: PayPalShop) -> None:
    path = f"/v2/payments/captures/{shop.captured()}/refund"
    shop.server.answer_in_progress(path=path)
    body = {"amount": money("1.00")}
    assert shop.refused(path, body, key="k") == (409, "PREVIOUS_REQUEST_IN_PROGRESS")
    assert shop.raw("POST", path, body, key="k").status_code == 200
    assert shop.server.count("refund") == 1


def test_a_lost_answer_took_effect_once(shop: PayPalShop) -> None:
    import httpx

    path = f"/v2/checkout/orders/{shop.approved()}/capture"
    shop.server.faults.lose_next_answer(path=path)
    with pytest.raises(httpx.ReadError):
        shop.raw("POST", path, {}, key="k")
    assert shop.server.count("capture") == 1
    assert shop.raw("POST", path, {}, key="k").status_code == 200
    assert shop.server.count("capture") == 1
