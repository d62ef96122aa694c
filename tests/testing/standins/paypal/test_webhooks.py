"""Deliveries of PayPal's stand-in: signed as PayPal does it, listed, sent again and verified."""

import base64
import json
import zlib
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from paylattice import EventType
from paylattice.errors import InvalidSignature, StaleSignature
from paylattice.testing import Delivery

from .support import NOW, PayPalShop, money

EVENTS = "/v1/notifications/webhooks-events"
FIVE = ("ID", "TIME", "SIG")


@pytest.fixture
def shop() -> PayPalShop:
    return PayPalShop()


def told_about(shop: PayPalShop, name: str) -> Any:
    """The resource of the newest delivery with this name."""
    found = [json.loads(each.payload) for each in shop.server.deliveries() if each.type == name]
    return found[-1]["resource"]


# --- the signature -----------------------------------------------------------------------------------------------


def test_a_delivery_is_signed_over_a_checksum_of_its_bytes(shop: PayPalShop) -> None:
    shop.captured()
    hook = shop.server.deliveries()[0]
    certificate_path = hook.headers["PAYPAL-CERT-URL"].removeprefix("https://api.sandbox.paypal.com")
    pem = shop.raw("GET", certificate_path, token="nobody").content
    leaf = x509.load_pem_x509_certificate(pem)
    key = leaf.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    identifier, time, signature = (hook.headers[f"PAYPAL-TRANSMISSION-{name}"] for name in FIVE)
    text = f"{identifier}|{time}|{shop.server.webhook_id}|{zlib.crc32(hook.payload)}"
    key.verify(base64.b64decode(signature), text.encode(), padding.PKCS1v15(), hashes.SHA256())
    assert (hook.headers["PAYPAL-AUTH-ALGO"], len(signature)) == ("SHA256withRSA", 344)


def test_the_certificate_is_paypals_in_name_and_the_stand_ins_in_truth(shop: PayPalShop) -> None:
    shop.captured()
    path = shop.server.deliveries()[0].headers["PAYPAL-CERT-URL"].removeprefix("https://api.sandbox.paypal.com")
    leaf = x509.load_pem_x509_certificate(shop.raw("GET", path).content)
    root = x509.load_pem_x509_certificate(shop.server.trust_store.encode())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["messageverificationcerts.sandbox.paypal.com"]
    leaf.verify_directly_issued_by(root)
    assert shop.refused("/v1/notifications/certs/CERT-1-1-1", method="GET")[0] == 404


def test_bodies_escape_their_slashes(shop: PayPalShop) -> None:
    shop.captured()
    assert b"https:\\/\\/api.sandbox.paypal.com" in shop.server.deliveries()[0].payload


def test_all_stand_ins_of_a_process_share_one_key() -> None:
    assert PayPalShop().server.trust_store == PayPalShop().server.trust_store


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_the_provider_accepts_every_delivery(mode: str) -> None:
    shop = PayPalShop(mode)
    shop.subscription(custom_id="org_1")
    shop.captured()
    waiting = shop.server.deliveries()
    assert shop.server.deliveries() == []
    for hook in waiting:
        event = shop.run(shop.provider.parse_webhook(hook.payload, hook.headers))
        assert (event.id, event.provider_type, event.livemode) == (hook.event_id, hook.type, False)
    assert len(waiting) == 6


def test_a_changed_delivery_is_a_forgery(shop: PayPalShop) -> None:
    shop.captured("10.00")
    hook = next(each for each in shop.server.deliveries() if each.type == "PAYMENT.CAPTURE.COMPLETED")
    forged = hook.payload.replace(b"10.00", b"90.00")
    assert forged != hook.payload
    with pytest.raises(InvalidSignature):
        shop.run(shop.provider.parse_webhook(forged, hook.headers))


def test_a_delivery_for_another_webhook_is_refused(shop: PayPalShop) -> None:
    shop.captured()
    hook = shop.server.deliveries()[0]
    other = PayPalShop(webhook_id="ANOTHERWEBHOOK")
    with pytest.raises(InvalidSignature):
        other.run(other.provider.parse_webhook(hook.payload, hook.headers))


def test_a_delivery_can_be_signed_at_another_time(shop: PayPalShop) -> None:
    shop.captured()
    hook = shop.server.deliveries(at=NOW - timedelta(days=9))[0]
    assert hook.headers["PAYPAL-TRANSMISSION-TIME"] == "2026-10-22T12:00:00Z"
    with pytest.raises(StaleSignature):
        shop.run(shop.provider.parse_webhook(hook.payload, hook.headers))


# --- PayPal's own verification -----------------------------------------------------------------------------------


def postback(shop: PayPalShop, hook: Delivery, event: bytes, **changes: str) -> str:
    """The answer to a request that holds the event as it is given."""
    about = {
        "auth_algo": hook.headers["PAYPAL-AUTH-ALGO"],
        "cert_url": hook.headers["PAYPAL-CERT-URL"],
        "transmission_id": hook.headers["PAYPAL-TRANSMISSION-ID"],
        "transmission_sig": hook.headers["PAYPAL-TRANSMISSION-SIG"],
        "transmission_time": hook.headers["PAYPAL-TRANSMISSION-TIME"],
        "webhook_id": shop.server.webhook_id,
        **changes,
    }
    first, last = (json.dumps({name: about[name]})[1:-1].encode() for name in ("auth_algo", "webhook_id"))
    rest = json.dumps({name: value for name, value in about.items() if name not in {"auth_algo", "webhook_id"}})[1:-1]
    content = b"{ " + first + b',\n"webhook_event" : ' + event + b"," + rest.encode() + b" , " + last + b"}"
    headers = {"Authorization": f"Bearer {shop.fresh_token()}", "Content-Type": "application/json"}
    path = "/v1/notifications/verify-webhook-signature"
    answer = shop._client.post(path, content=content, headers=headers)
    assert answer.status_code == 200
    return str(answer.json()["verification_status"])


@pytest.fixture
def hook(shop: PayPalShop) -> Delivery:
    shop.captured()
    return shop.server.deliveries()[0]


def test_what_was_delivered_verifies_wherever_it_stands(shop: PayPalShop, hook: Delivery) -> None:
    assert postback(shop, hook, hook.payload) == "SUCCESS"


def test_a_body_that_was_read_and_written_again_does_not_verify(shop: PayPalShop, hook: Delivery) -> None:
    assert postback(shop, hook, json.dumps(json.loads(hook.payload)).encode()) == "FAILURE"


@pytest.mark.parametrize(
    "change",
    [
        {"webhook_id": "ANOTHERWEBHOOK"},
        {"auth_algo": "SHA1withRSA"},
        {"cert_url": "https://evil.test/v1/notifications/certs/CERT-1"},
        {"transmission_id": "another"},
        {"transmission_sig": "!!"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_was_changed_does_not_verify(shop: PayPalShop, hook: Delivery, change: dict[str, str]) -> None:
    assert postback(shop, hook, hook.payload, **change) == "FAILURE"


@pytest.mark.parametrize("mode", ["async", "blocking"])
def test_the_provider_can_ask_the_stand_in(mode: str) -> None:
    shop = PayPalShop(mode)
    shop.captured()
    hook = shop.server.deliveries()[0]
    provider = shop.another(verify="postback")
    assert shop.run(provider.parse_webhook(hook.payload, hook.headers)).id == hook.event_id
    with pytest.raises(InvalidSignature):
        shop.run(provider.parse_webhook(hook.payload.replace(b"10.00", b"90.00"), hook.headers))


# --- what is told ------------------------------------------------------------------------------------------------


def test_a_refunded_capture_tells_of_the_refund(shop: PayPalShop) -> None:
    capture = shop.captured()
    refund = shop.post(f"/v2/payments/captures/{capture}/refund", {"amount": money("4.00")})
    resource = told_about(shop, "PAYMENT.CAPTURE.REFUNDED")
    assert (resource["id"], resource["amount"]) == (refund["id"], money("4.00"))
    (up,) = [link["href"] for link in resource["links"] if link["rel"] == "up"]
    assert up == f"https://api.sandbox.paypal.com/v2/payments/captures/{capture}"


def test_a_failed_payment_tells_of_the_subscription(shop: PayPalShop) -> None:
    identifier = shop.subscription()
    shop.server.fail_payments(identifier)
    shop.server.renew(identifier)
    resource = told_about(shop, "BILLING.SUBSCRIPTION.PAYMENT.FAILED")
    assert resource["id"] == identifier
    assert resource["billing_info"]["last_failed_payment"]["next_payment_retry_time"]


def test_a_refunded_sale_tells_of_the_refund(shop: PayPalShop) -> None:
    shop.subscription()
    sale = shop.server.objects("sale")[0]["id"]
    shop.post(f"/v1/payments/sale/{sale}/refund", {})
    resource = told_about(shop, "PAYMENT.SALE.REFUNDED")
    assert (resource["sale_id"], resource["amount"]) == (sale, {"total": "19.0", "currency": "USD"})


def test_one_sale_may_be_told_of_twice(shop: PayPalShop) -> None:
    shop.subscription()
    shop.server.tell_sale_again(str(shop.server.objects("sale")[0]["id"]))
    hooks = [hook for hook in shop.server.deliveries() if hook.type == "PAYMENT.SALE.COMPLETED"]
    events = [shop.run(shop.provider.parse_webhook(hook.payload, hook.headers)) for hook in hooks]
    assert len({hook.event_id for hook in hooks}) == 2
    assert len({hook.headers["PAYPAL-TRANSMISSION-ID"] for hook in hooks}) == 2
    assert len({event.dedupe_key for event in events}) == 1
    assert {event.type for event in events} == {EventType.INVOICE_PAID}


def test_versions_and_types_differ_by_resource(shop: PayPalShop) -> None:
    shop.subscription()
    shop.captured()
    seen = {hook.type: json.loads(hook.payload) for hook in shop.server.deliveries()}
    assert seen["BILLING.SUBSCRIPTION.ACTIVATED"]["resource_version"] == "2.0"
    assert "resource_version" not in seen["PAYMENT.SALE.COMPLETED"]
    assert seen["CHECKOUT.ORDER.APPROVED"]["resource_type"] == "checkout-order"
    assert {data["event_version"] for data in seen.values()} == {"1.0"}


# --- the list ----------------------------------------------------------------------------------------------------


def test_events_are_listed_newest_first_with_their_transmissions(shop: PayPalShop) -> None:
    shop.captured()
    hooks = shop.server.deliveries()
    listed = shop.get(EVENTS)["events"]
    assert [event["id"] for event in reversed(listed)] == [hook.event_id for hook in hooks]
    assert listed[-1]["transmissions"][0]["transmission_id"] == hooks[0].headers["PAYPAL-TRANSMISSION-ID"]
    assert shop.get(f"{EVENTS}/{hooks[0].event_id}")["status"] == "SUCCESS"


def test_events_are_filtered_and_kept_for_30_days(shop: PayPalShop) -> None:
    capture = shop.captured()
    assert [event["event_type"] for event in shop.get(EVENTS, transaction_id=capture)["events"]] == [
        "PAYMENT.CAPTURE.COMPLETED"
    ]
    assert shop.get(EVENTS, event_type="CHECKOUT.ORDER.APPROVED")["count"] == 1
    shop.server.advance(days=1)
    assert shop.get(EVENTS, start_time="2026-11-01T00:00:00Z")["events"] == []
    assert shop.refused(f"{EVENTS}?start_time=2026-09-01T00:00:00Z", method="GET") == (400, "VALIDATION_ERROR")
    assert shop.refused(f"{EVENTS}?start_time=x", method="GET") == (400, "VALIDATION_ERROR")
    shop.server.advance(days=30)
    assert shop.get(EVENTS)["events"] == []


def test_an_event_is_sent_again_with_another_transmission(shop: PayPalShop) -> None:
    shop.captured()
    first = shop.server.deliveries()[0]
    assert shop.raw("POST", f"{EVENTS}/{first.event_id}/resend", {}).status_code == 202
    (again,) = shop.server.deliveries()
    assert (again.event_id, again.payload) == (first.event_id, first.payload)
    assert again.headers["PAYPAL-TRANSMISSION-ID"] != first.headers["PAYPAL-TRANSMISSION-ID"]
    assert shop.raw("POST", f"{EVENTS}/{first.event_id}/resend", {"webhook_ids": ["OTHER"]}).status_code == 202
    assert shop.server.deliveries() == []
