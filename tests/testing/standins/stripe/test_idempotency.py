"""Idempotency keys, as https://docs.stripe.com/api/idempotent_requests has them."""

import httpx
import pytest

from .support import Shop


@pytest.fixture
def shop() -> Shop:
    return Shop("blocking")


def test_the_same_key_and_parameters_bring_the_stored_answer(shop: Shop) -> None:
    first = shop.raw("POST", "/v1/customers", "k", email="a@b.test", name="A")
    again = shop.raw("POST", "/v1/customers", "k", name="A", email="a@b.test")
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"] != again.headers["Request-Id"]
    assert "Idempotent-Replayed" not in first.headers
    assert shop.server.count("customer") == 1
    assert [request.replayed for request in shop.server.requests] == [False, True]


def test_other_parameters_or_another_endpoint_are_refused(shop: Shop) -> None:
    customer = shop.raw("POST", "/v1/customers", "k", email="a@b.test").json()["id"]
    for path in ("/v1/customers", f"/v1/customers/{customer}"):
        refused = shop.raw("POST", path, "k", email="c@d.test")
        assert (refused.status_code, refused.json()["error"]["type"]) == (400, "idempotency_error")
    assert shop.server.count("customer") == 1


def test_a_refusal_by_the_endpoint_is_stored(shop: Shop) -> None:
    params = {"payment_intent": "pi_1"}
    first = shop.raw("POST", "/v1/refunds", "k", **params)
    again = shop.raw("POST", "/v1/refunds", "k", **params)
    assert (first.status_code, first.json()["error"]["code"]) == (400, "resource_missing")
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")


def test_a_decline_is_stored(shop: Shop) -> None:
    customer = shop.customer()
    (method,) = shop.server.objects("payment_method")
    shop.server.decline_next_payment("lost_card")
    params = {"amount": "100", "currency": "usd", "customer": customer, "payment_method": method["id"]}
    first = shop.raw("POST", "/v1/payment_intents", "k", confirm="true", **params)
    again = shop.raw("POST", "/v1/payment_intents", "k", confirm="true", **params)
    assert (first.status_code, first.json()["error"]["decline_code"]) == (402, "lost_card")
    assert again.headers["Idempotent-Replayed"] == "true"
    new_key = shop.raw("POST", "/v1/payment_intents", "k2", confirm="true", **params)
    assert new_key.json()["status"] == "succeeded"
    assert shop.server.money_taken() == 100


def test_what_never_reached_the_endpoint_is_not_stored(shop: Shop) -> None:
    assert shop.raw("POST", "/v1/customers", "k", nonsense="1").status_code == 400
    shop.server.faults.answer_next(429)
    assert shop.raw("POST", "/v1/customers", "k", email="a@b.test").status_code == 429
    wrong = {"Authorization": "Bearer sk_test_wrong", "Idempotency-Key": "k"}
    with httpx.Client(transport=shop.server.transport()) as client:
        answer = client.post("https://api.stripe.com/v1/customers", headers=wrong, data={"email": "a@b.test"})
    assert answer.status_code == 401
    assert shop.raw("POST", "/v1/customers", "k", email="a@b.test").status_code == 200


def test_a_key_is_known_for_a_day(shop: Shop) -> None:
    shop.raw("POST", "/v1/customers", "k", email="a@b.test")
    shop.server.advance(hours=23)
    shop.raw("POST", "/v1/customers", "k", email="a@b.test")
    assert shop.server.count("customer") == 1
    shop.server.advance(hours=1)
    shop.raw("POST", "/v1/customers", "k", email="a@b.test")
    assert shop.server.count("customer") == 2


def test_reads_and_deletions_have_no_key(shop: Shop) -> None:
    customer = shop.raw("POST", "/v1/customers", "k", email="a@b.test").json()["id"]
    assert shop.raw("GET", f"/v1/customers/{customer}", "k").status_code == 200
    assert shop.raw("DELETE", f"/v1/customers/{customer}", "k").status_code == 200
    assert shop.raw("DELETE", f"/v1/customers/{customer}", "k").status_code == 404


def test_a_key_has_at_most_255_characters(shop: Shop) -> None:
    assert shop.raw("POST", "/v1/customers", "k" * 255, email="a@b.test").status_code == 200
    assert shop.raw("POST", "/v1/customers", "k" * 256, email="a@b.test").status_code == 400
