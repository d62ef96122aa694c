"""Hosted pages: Checkout and the billing portal."""

from datetime import UTC, datetime

import httpx
import pytest

from paylattice import CheckoutStatus, Money
from paylattice.errors import IdempotencyMismatch, InvalidRequest, InvalidResponse, ResponseOutcomeUnknown

from .samples import END, metered_price, price, session
from .support import World, missing, refusal

SUCCESS, CANCEL = "https://app.test/ok?s={CHECKOUT_SESSION_ID}", "https://app.test/no"


def test_a_subscription_checkout_puts_metadata_on_the_session_and_on_the_subscription(world: World) -> None:
    world.on("GET", "/v1/prices/price_pro", price()).on("POST", "/v1/checkout/sessions", session())
    made = world.run(
        world.provider.create_checkout_session(
            "cus_1",
            "price_pro",
            SUCCESS,
            CANCEL,
            {"org": "1"},
            quantity=3,
            trial_days=14,
            customer_email="ada@example.com",
            idempotency_key="checkout-1",
        )
    )
    sent = world.server.only("POST")
    assert sent.form == {
        "mode": "subscription",
        "customer": "cus_1",
        "line_items[0][price]": "price_pro",
        "line_items[0][quantity]": "3",
        "success_url": SUCCESS,
        "cancel_url": CANCEL,
        "metadata[org]": "1",
        "subscription_data[metadata][org]": "1",
        "subscription_data[trial_period_days]": "14",
    }
    assert sent.key == "checkout-1"
    assert (made.id, made.url, made.customer_id, made.status) == (
        "cs_test_1",
        "https://checkout.stripe.com/c/pay/cs_test_1",
        "cus_1",
        CheckoutStatus.OPEN,
    )
    assert made.expires_at == datetime.fromtimestamp(END, UTC)
    assert made.metadata == {"org": "1"}


def test_a_metered_plan_is_sent_without_a_quantity_and_looked_up_once(world: World) -> None:
    world.on("GET", "/v1/prices/price_calls", metered_price())
    world.on("POST", "/v1/checkout/sessions", session(), session())
    for _ in range(2):
        world.run(world.provider.create_checkout_session("cus_1", "price_calls", SUCCESS, CANCEL, quantity=5))
    posts = [request.form for request in world.server.seen if request.method == "POST"]
    assert [form.get("line_items[0][price]") for form in posts] == ["price_calls", "price_calls"]
    assert not any("quantity" in name for form in posts for name in form)
    assert world.server.calls.count(("GET", "/v1/prices/price_calls")) == 1


@pytest.mark.parametrize(("asked", "sent"), [(None, "7"), (3, "3"), (0, None)])
def test_the_trial_is_the_one_asked_for_or_else_the_plans_own(
    world: World, asked: int | None, sent: str | None
) -> None:
    world.on("GET", "/v1/prices/price_pro", price(recurring={"interval": "month", "trial_period_days": 7}))
    world.on("POST", "/v1/checkout/sessions", session())
    world.run(world.provider.create_checkout_session("cus_1", "price_pro", SUCCESS, CANCEL, trial_days=asked))
    assert world.server.only("POST").form.get("subscription_data[trial_period_days]") == sent


def test_a_plan_that_does_not_exist_is_named(world: World) -> None:
    world.on("GET", "/v1/prices/price_pro", missing())
    with pytest.raises(InvalidRequest) as caught:
        world.run(world.provider.create_checkout_session("cus_1", "price_pro", SUCCESS, CANCEL))
    assert caught.value.param == "plan_id"


def test_a_payment_checkout_carries_a_price_of_its_own(world: World) -> None:
    world.on("POST", "/v1/checkout/sessions", session(customer=None))
    world.run(
        world.provider.create_payment_session(
            Money(1999, "USD"), SUCCESS, CANCEL, description="Two books", metadata={"order": "7"}, capture=False
        )
    )
    assert world.server.only("POST").form == {
        "mode": "payment",
        "line_items[0][price_data][currency]": "usd",
        "line_items[0][price_data][unit_amount]": "1999",
        "line_items[0][price_data][product_data][name]": "Two books",
        "line_items[0][quantity]": "1",
        "success_url": SUCCESS,
        "cancel_url": CANCEL,
        "metadata[order]": "7",
        "payment_intent_data[metadata][order]": "7",
        "payment_intent_data[description]": "Two books",
        "payment_intent_data[capture_method]": "manual",
    }


def test_a_plain_payment_checkout_sends_little(world: World) -> None:
    world.on("POST", "/v1/checkout/sessions", session())
    world.run(world.provider.create_payment_session(Money(500, "JPY"), SUCCESS, CANCEL, customer_id="cus_1"))
    form = world.server.only("POST").form
    assert form["line_items[0][price_data][unit_amount]"] == "500"
    assert form["customer"] == "cus_1"
    assert not any(name.startswith(("payment_intent_data", "metadata", "payment_method_types")) for name in form)


@pytest.mark.parametrize(
    ("status", "payment_status", "expected"),
    [
        ("open", "unpaid", CheckoutStatus.OPEN),
        ("complete", "paid", CheckoutStatus.COMPLETE),
        ("complete", "no_payment_required", CheckoutStatus.COMPLETE),
        ("complete", "unpaid", CheckoutStatus.PENDING),
        ("complete", "paid_in_shells", CheckoutStatus.UNKNOWN),
        ("complete", None, CheckoutStatus.UNKNOWN),
        ("expired", "unpaid", CheckoutStatus.EXPIRED),
        ("expired", "paid", CheckoutStatus.EXPIRED),
        ("sleeping", "paid", CheckoutStatus.UNKNOWN),
        (None, None, CheckoutStatus.UNKNOWN),
    ],
)
def test_a_session_is_complete_only_when_it_is_paid(
    world: World, status: str | None, payment_status: str | None, expected: CheckoutStatus
) -> None:
    body = session(
        status=status, payment_status=payment_status, url=None, subscription={"id": "sub_1"}, payment_intent="pi_1"
    )
    world.on("GET", "/v1/checkout/sessions/cs_test_1", body)
    found = world.run(world.provider.get_checkout_session("cs_test_1"))
    assert found is not None
    assert (found.status, found.raw_status) == (expected, status)
    assert (found.url, found.subscription_id, found.payment_id) == (None, "sub_1", "pi_1")


def test_a_missing_session_is_none(world: World) -> None:
    world.on("GET", "/v1/checkout/sessions/cs_test_1", missing())
    assert world.run(world.provider.get_checkout_session("cs_test_1")) is None


def test_the_billing_portal_answers_its_url(world: World) -> None:
    world.on("POST", "/v1/billing_portal/sessions", {"id": "bps_1", "url": "https://billing.stripe.com/p/session/1"})
    url = world.run(world.provider.create_billing_portal_session("cus_1", "https://app.test", idempotency_key="portal"))
    assert url == "https://billing.stripe.com/p/session/1"
    sent = world.server.only("POST")
    assert sent.form == {"customer": "cus_1", "return_url": "https://app.test"}
    assert sent.key == "portal"


@pytest.mark.parametrize("url", [None, "", 7, "javascript:alert(1)", "//elsewhere.test/", "https://"], ids=repr)
def test_a_billing_portal_answer_without_a_web_address_is_refused(world: World, url: object) -> None:
    world.on("POST", "/v1/billing_portal/sessions", {"id": "bps_1", "url": url})
    with pytest.raises(ResponseOutcomeUnknown) as caught:
        world.run(world.provider.create_billing_portal_session("cus_1", "https://app.test", idempotency_key="portal"))
    assert caught.value.operation == "create_billing_portal_session"
    assert caught.value.idempotency_key == "portal"


def test_a_billing_portal_session_whose_answer_got_lost_is_recovered(world: World) -> None:
    world.on("POST", "/v1/billing_portal/sessions", {"id": "bps_1"})
    with pytest.raises(ResponseOutcomeUnknown) as caught:
        world.run(world.provider.create_billing_portal_session("cus_1", "https://app.test"))
    world.on("POST", "/v1/billing_portal/sessions", {"id": "bps_1", "url": "https://billing.stripe.com/p/session/1"})
    assert world.run(world.provider.recover(caught.value)) == "https://billing.stripe.com/p/session/1"
    assert len({sent.key for sent in world.server.seen}) == 1


def test_one_key_for_two_billing_portal_sessions_is_refused(world: World) -> None:
    world.on("POST", "/v1/billing_portal/sessions", {"id": "bps_1", "url": "https://billing.stripe.com/p/session/1"})
    world.run(world.provider.create_billing_portal_session("cus_1", "https://app.test", idempotency_key="portal"))
    with pytest.raises(IdempotencyMismatch):
        world.run(world.provider.create_billing_portal_session("cus_2", "https://app.test", idempotency_key="portal"))


@pytest.mark.parametrize("identifier", ["../../other?x=1", "a/b", "", "..", "a b"])
def test_an_id_that_leads_elsewhere_is_no_answer(world: World, identifier: str) -> None:
    world.on("POST", "/v1/customers", {"id": identifier, "object": "customer", "email": "ada@example.com"})
    with pytest.raises(ResponseOutcomeUnknown):
        world.run(world.provider.create_customer("ada@example.com"))
    world.on("POST", "/v1/checkout/sessions", session(id=identifier))
    with pytest.raises(ResponseOutcomeUnknown):
        world.run(world.provider.create_payment_session(Money(500, "USD"), SUCCESS, CANCEL))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//elsewhere.test/"])
def test_a_page_that_is_no_web_address_is_no_answer(world: World, url: str) -> None:
    world.on("POST", "/v1/checkout/sessions", session(url=url))
    with pytest.raises(ResponseOutcomeUnknown):
        world.run(world.provider.create_payment_session(Money(500, "USD"), SUCCESS, CANCEL))
    world.on("GET", "/v1/checkout/sessions/cs_test_1", session(url=url))
    with pytest.raises(InvalidResponse):
        world.run(world.provider.get_checkout_session("cs_test_1"))


@pytest.mark.parametrize(
    ("customer_id", "return_url"), [("", "https://app.test"), ("..", "https://app.test"), ("cus_1", "javascript:1")]
)
def test_billing_portal_arguments_are_checked_before_sending(world: World, customer_id: str, return_url: str) -> None:
    with pytest.raises(InvalidRequest):
        world.run(world.provider.create_billing_portal_session(customer_id, return_url))
    assert world.server.seen == []


def test_a_text_with_half_a_character_is_refused_and_nothing_is_sent(world: World) -> None:
    with pytest.raises(InvalidRequest, match="http\\(s\\) URL"):
        world.run(world.provider.create_billing_portal_session("cus_1", "https://app.test/\ud800"))
    assert world.server.seen == []


def test_a_checkout_answer_about_another_customer_is_not_passed_on(world: World) -> None:
    world.on("POST", "/v1/checkout/sessions", session(customer="cus_2"))
    with pytest.raises(ResponseOutcomeUnknown):
        world.run(world.provider.create_payment_session(Money(500, "USD"), SUCCESS, CANCEL, customer_id="cus_1"))


def test_a_checkout_answer_without_an_id_is_an_unknown_outcome(world: World) -> None:
    world.on("POST", "/v1/checkout/sessions", httpx.Response(200, json={"url": 7}, headers={"Request-Id": "req_9"}))
    with pytest.raises(ResponseOutcomeUnknown) as caught:
        world.run(world.provider.create_payment_session(Money(500, "USD"), SUCCESS, CANCEL))
    assert caught.value.request_id == "req_9"
    assert caught.value.outcome_unknown


def test_a_failed_price_look_up_is_not_remembered(world: World) -> None:
    world.on("GET", "/v1/prices/price_pro", refusal(403), price()).on("POST", "/v1/checkout/sessions", session())
    with pytest.raises(Exception, match="permission"):
        world.run(world.provider.create_checkout_session("cus_1", "price_pro", SUCCESS, CANCEL))
    assert world.run(world.provider.create_checkout_session("cus_1", "price_pro", SUCCESS, CANCEL)).id == "cs_test_1"
