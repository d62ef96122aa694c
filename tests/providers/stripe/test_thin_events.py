"""Thin events: what they name is read back, from the account that they are of, before anything is done with it.

https://docs.stripe.com/webhooks/migrate-snapshot-to-thin-events and https://docs.stripe.com/connect/webhooks.
"""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from paylattice import BillingService, EventType, InMemoryRepository, PaymentStatus, WebhookEvent, WebhookOutcome
from paylattice.errors import ConfigurationError, VerificationUnavailable
from paylattice.providers.stripe import StripeProvider
from paylattice.testing import StripeStandIn
from paylattice.transport import AsyncTransport
from tests.kit import NOW

from .samples import START, charge, customer, event, intent, invoice, payment_method, refund, session, subscription
from .samples import thin_event as thin
from .support import World, configuration, delivery, listing, missing, refusal

EVENT = "/v2/core/events/evt_thin_1"
dispute: dict[str, Any] = {
    "id": "dp_1",
    "object": "dispute",
    "amount": 1000,
    "currency": "usd",
    "charge": "ch_1",
    "payment_intent": "pi_1",
    "status": "lost",
    "created": START,
}
PLACES = {
    "customer": "/v1/customers/cus_1",
    "subscription": "/v1/subscriptions/sub_1",
    "invoice": "/v1/invoices/in_1",
    "payment_intent": "/v1/payment_intents/pi_1",
    "refund": "/v1/refunds/re_1",
    "dispute": "/v1/disputes/dp_1",
    "checkout.session": "/v1/checkout/sessions/cs_test_1",
    "payment_method": "/v1/payment_methods/pm_1",
}


def whole(**changes: Any) -> dict[str, Any]:
    return {**thin(), "changes": None, "snapshot_event": "evt_1", **changes}


def arrived(world: World, kind: str, subject: dict[str, Any], **changes: Any) -> WebhookEvent:
    """A thin event about an object, as it was delivered."""
    related = {"id": subject["id"], "type": subject["object"], "url": "https://evil.example/v1/things"}
    return world.run(world.provider.parse_webhook(*delivery(thin(f"v1.{kind}", related_object=related, **changes))))


def completed(world: World, told: WebhookEvent) -> WebhookEvent:
    return world.run(world.provider.verify_with_provider(told))


@pytest.mark.parametrize(
    ("kind", "subject", "field", "word", "key"),
    [
        ("customer.updated", customer(), "customer", EventType.CUSTOMER_UPDATED, "evt_1"),
        ("customer.subscription.active", subscription(), "subscription", EventType.SUBSCRIPTION_ACTIVE, "evt_1"),
        ("invoice.paid", invoice(), "invoice", EventType.INVOICE_PAID, "evt_1"),
        ("payment_intent.succeeded", intent(), "payment", EventType.PAYMENT_SUCCEEDED, "evt_1"),
        ("refund.created", refund(), "refund", EventType.REFUND_SUCCEEDED, "refund.succeeded:re_1"),
        ("charge.dispute.closed", dispute, "dispute", EventType.DISPUTE_LOST, "dispute.lost:dp_1"),
        (
            "checkout.session.completed",
            session(status="complete", payment_status="paid", subscription="sub_1"),
            "checkout_session",
            EventType.CHECKOUT_COMPLETED,
            "checkout.completed:cs_test_1",
        ),
        ("payment_method.attached", payment_method(), "payment_method", EventType.PAYMENT_METHOD_ATTACHED, "evt_1"),
    ],
)
def test_what_a_thin_event_names_is_read_back(
    world: World, kind: str, subject: dict[str, Any], field: str, word: EventType, key: str
) -> None:
    world.on("GET", EVENT, whole()).on("GET", PLACES[subject["object"]], subject)
    told = arrived(world, kind, subject)
    assert getattr(told, field) is None
    found = completed(world, told)
    assert (found.id, found.type, found.dedupe_key) == ("evt_thin_1", word, key)
    assert getattr(found, field).id == subject["id"]
    assert found.customer_id == subject.get("customer", "cus_1" if field == "customer" else None)
    assert (found.created_at, found.provider_type) == (told.created_at, f"v1.{kind}")
    assert told.dedupe_key in {found.dedupe_key, *found.known_as}


def test_a_detached_payment_method_is_its_former_customers(world: World) -> None:
    gone = payment_method(customer=None)
    world.on("GET", EVENT, whole(changes={"before": {"customer": "cus_1"}, "after": {"customer": None}}))
    world.on("GET", PLACES["payment_method"], gone)
    assert completed(world, arrived(world, "payment_method.detached", gone)).customer_id == "cus_1"


def test_a_notification_that_has_it_all_needs_no_second_read(world: World) -> None:
    world.on("GET", PLACES["customer"], customer())
    told = arrived(world, "customer.updated", customer(), snapshot_event="evt_1", changes=None)
    assert completed(world, told).dedupe_key == "evt_1"
    assert world.server.calls == [("GET", PLACES["customer"])]


def test_a_snapshot_is_taken_as_it_is(world: World) -> None:
    told = world.run(world.provider.parse_webhook(*delivery(event("customer.updated"))))
    assert completed(world, told) == told
    assert world.server.calls == []


def test_what_is_gone_leaves_the_event_as_it_came(world: World) -> None:
    world.on("GET", EVENT, whole()).on("GET", PLACES["invoice"], missing())
    told = arrived(world, "invoice.deleted", invoice())
    assert completed(world, told) == told


@pytest.mark.parametrize("answer", [missing(), refusal(403), refusal(400)])
def test_a_key_that_may_not_read_events_does_without(world: World, answer: httpx.Response) -> None:
    world.on("GET", EVENT, answer).on("GET", PLACES["refund"], refund())
    assert completed(world, arrived(world, "refund.updated", refund())).type is EventType.REFUND_SUCCEEDED


@pytest.mark.parametrize("answer", [refusal(500), refusal(403), httpx.ConnectError("down")])
def test_what_cannot_be_read_now_is_delivered_again(answer: object) -> None:
    world = World("blocking", attempts=1)
    world.on("GET", EVENT, whole()).on("GET", PLACES["refund"], answer)
    with pytest.raises(VerificationUnavailable, match="deliver again"):
        completed(world, arrived(world, "refund.updated", refund()))


# Connect


@pytest.mark.parametrize("context", ["acct_9", "acct_platform/acct_9"])
def test_what_a_thin_event_names_is_read_at_its_own_account(world: World, context: str) -> None:
    world.on("GET", EVENT, whole()).on("GET", PLACES["invoice"], invoice())
    told = arrived(world, "invoice.paid", invoice(), context=context)
    assert told.account_id == completed(world, told).account_id == "acct_9"
    whole_event, read = world.server.seen
    assert whole_event.headers["stripe-context"] == "acct_9"
    assert read.headers["stripe-account"] == "acct_9"


def test_a_snapshot_keeps_its_account(world: World) -> None:
    told = world.run(world.provider.parse_webhook(*delivery(event("customer.updated", account="acct_9"))))
    assert told.account_id == "acct_9"


def test_a_provider_for_a_connected_account_asks_for_nothing_else() -> None:
    world = World("blocking", config=configuration(account="acct_9"))
    world.on("GET", PLACES["customer"], customer()).on("POST", "/v1/customers", customer())
    world.on("GET", "/v1/events", listing(event("customer.updated")))
    world.run(world.provider.get_customer("cus_1"))
    world.run(world.provider.create_customer("ada@example.com"))
    (listed,) = world.run(world.provider.list_events(datetime.fromtimestamp(START, UTC)))
    assert listed.account_id == "acct_9"
    assert [request.headers["stripe-account"] for request in world.server.seen] == ["acct_9"] * 3


def test_a_provider_of_its_own_account_names_none(world: World) -> None:
    world.on("GET", PLACES["customer"], customer())
    world.run(world.provider.get_customer("cus_1"))
    assert "stripe-account" not in world.server.seen[0].headers


@pytest.mark.parametrize("account", ["sk_test_1", "acct", "acct_é"])
def test_an_account_that_is_none_is_refused(account: str) -> None:
    with pytest.raises(ConfigurationError, match="acct_"):
        configuration(account=account)


@pytest.mark.parametrize(
    ("ours", "theirs", "outcome"),
    [
        (None, None, WebhookOutcome.PROCESSED),
        (None, "acct_9", WebhookOutcome.IGNORED),
        ("acct_9", "acct_9", WebhookOutcome.PROCESSED),
        ("acct_9", None, WebhookOutcome.PROCESSED),
        ("acct_8", "acct_9", WebhookOutcome.IGNORED),
    ],
)
def test_billing_never_takes_another_accounts_object_of_the_same_id(
    ours: str | None, theirs: str | None, outcome: WebhookOutcome
) -> None:
    async def main() -> None:
        stand_in = StripeStandIn(clock=lambda: float(NOW))
        config = configuration(secret_key=stand_in.secret_key, account=ours)
        transport = AsyncTransport(transport=stand_in.transport())
        billing = BillingService(
            StripeProvider(config, transport=transport, clock=lambda: float(NOW)), InMemoryRepository()
        )
        seen: list[str | None] = []

        async def note(told: WebhookEvent, context: Any) -> None:
            seen.append(context.customer and context.customer.org_id)

        billing.on("payment.succeeded")(note)
        same = (await billing.ensure_customer("org", email="ada@example.com")).external_customer_id
        stand_in.forget_requests()
        told = event("payment_intent.succeeded", intent(customer=same), **({"account": theirs} if theirs else {}))
        body, headers = delivery(told)
        assert (await billing.respond("stripe", body, headers)).outcome is outcome
        assert seen == (["org"] if outcome is WebhookOutcome.PROCESSED else [])
        if outcome is WebhookOutcome.IGNORED:
            assert stand_in.requests == ()

    asyncio.run(main())


def test_a_lost_dispute_leaves_its_payment_charged_back(world: World) -> None:
    paid = intent(latest_charge=charge(disputed=True))
    world.on("GET", EVENT, whole()).on("GET", PLACES["dispute"], dispute).on("GET", PLACES["payment_intent"], paid)
    found = completed(world, arrived(world, "charge.dispute.closed", dispute))
    led = world.run(world.provider.follow_links(found))
    assert led.payment is not None
    assert (led.payment.status, led.customer_id) == (PaymentStatus.CHARGED_BACK, "cus_1")


# as in Stripe's own sample of a dispute: https://github.com/stripe/openapi


@pytest.mark.parametrize("kind", ["charge.dispute.created", "refund.created"])
def test_money_of_a_charge_of_the_old_kind_has_its_owner(world: World, kind: str) -> None:
    subject = {**(dispute if "dispute" in kind else refund()), "payment_intent": None, "charge": "ch_1"}
    world.on("GET", "/v1/charges/ch_1", charge(customer="cus_1", invoice=None))
    told = world.run(world.provider.parse_webhook(*delivery(event(kind, subject))))
    assert told.customer_id is None
    led = world.run(world.provider.follow_links(told))
    assert (led.customer_id, led.payment) == ("cus_1", None)


def test_a_partial_payment_and_a_warning_lead_to_their_owner(world: World) -> None:
    part = {"id": "inpay_1", "object": "invoice_payment", "invoice": "in_1", "status": "paid", "amount_paid": 900}
    warning = {"id": "issfr_1", "object": "radar.early_fraud_warning", "charge": "ch_1", "payment_intent": "pi_1"}
    world.on("GET", EVENT, whole(), whole()).on("GET", "/v1/invoice_payments/inpay_1", part)
    world.on("GET", "/v1/radar/early_fraud_warnings/issfr_1", warning)
    world.on("GET", PLACES["invoice"], invoice()).on("GET", PLACES["payment_intent"], intent())
    paid = world.run(world.provider.follow_links(completed(world, arrived(world, "invoice_payment.paid", part))))
    assert (paid.type, paid.customer_id, paid.subscription_id) == (
        EventType.INVOICE_PAYMENT_RECORDED,
        "cus_1",
        "sub_1",
    )
    told = completed(world, arrived(world, "radar.early_fraud_warning.created", warning))
    led = world.run(world.provider.follow_links(told))
    assert (led.type, led.customer_id) == (EventType.FRAUD_WARNING, "cus_1")
