"""v1's objects say what v2's say: captures, authorizations, refunds, sales and invoices.

The shapes are those of PayPal's description of v1 (payments_payment_v1) and of its public deliveries; ``test_samples.py`` reads
whatever that description allows.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import EventType, InvoiceStatus, Money, PaymentStatus, RefundStatus
from paylattice.errors import VerificationUnavailable
from paylattice.providers.paypal import orders, wire
from paylattice.providers.paypal.events import event_from
from paylattice.providers.paypal.order_parts import authorization_of
from paylattice.providers.paypal.sale_invoices import invoice_from_sale

from . import samples
from .support import World, missing

USD19 = Money(1900, "USD")
WHEN = datetime(2026, 9, 22, tzinfo=UTC)
V1 = "/v1/payments"
P, E = PaymentStatus, EventType


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("completed", P.SUCCEEDED),
        ("pending", P.PENDING),
        ("partially_refunded", P.PARTIALLY_REFUNDED),
        ("refunded", P.REFUNDED),
        ("denied", P.FAILED),
        ("reversed", P.CHARGED_BACK),
        ("a_word_of_2031", P.UNKNOWN),
    ],
)
def test_a_capture_is_read_by_its_state(word: str, status: PaymentStatus) -> None:
    found = orders.payment_from_capture(samples.v1_capture(state=word))
    assert (found.status, found.raw_status, found.amount) == (status, word, USD19)
    assert found.amount_captured == (USD19 if "refunded" in word or word == "completed" else USD19 * 0)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("authorized", P.AUTHORIZED),
        ("pending", P.PENDING),
        ("captured", P.SUCCEEDED),
        ("partially_captured", P.SUCCEEDED),
        ("expired", P.CANCELED),
        ("voided", P.CANCELED),
        ("denied", P.FAILED),
    ],
)
def test_an_authorization_is_read_by_its_state(word: str, status: PaymentStatus) -> None:
    found = orders.payment_from_authorization(samples.v1_authorization(state=word))
    assert (found.status, found.amount) == (status, USD19)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("completed", RefundStatus.SUCCEEDED),
        ("pending", RefundStatus.PENDING),
        ("failed", RefundStatus.FAILED),
        ("cancelled", RefundStatus.CANCELED),
    ],
)
def test_a_refund_is_of_its_capture(word: str, status: RefundStatus) -> None:
    data = samples.sale_refund(sale_id="", capture_id="8F148933LY9388354", state=word)
    found = orders.refund_from(data)
    assert (found.status, found.amount, found.payment_id) == (status, USD19, "8F148933LY9388354")


def test_a_capture_names_its_authorization() -> None:
    assert authorization_of(samples.v1_capture()) == "3WG12057BW522780J"


def test_an_invoice_has_its_amounts_its_number_its_times_and_its_payments() -> None:
    found = wire.searched_invoice_from(samples.v1_invoice())
    assert (found.amount, found.amount_paid, found.number, found.status) == (USD19, USD19, "0042", InvoiceStatus.PAID)
    assert found.created_at == datetime(2026, 9, 7, 17, 5, 49, tzinfo=UTC)
    assert found.due_date == datetime(2026, 9, 17, 7, tzinfo=UTC)
    assert found.paid_at == datetime(2026, 9, 8, 17, 5, 49, tzinfo=UTC)
    assert found.payment_ids == ("8F148933LY9388354",)
    assert found.hosted_url is not None
    part = samples.v1_invoice(status="PARTIALLY_PAID", paid_amount={"other": {"currency": "USD", "value": "7.00"}})
    assert wire.searched_invoice_from(part).amount_paid == Money(700, "USD")
    unpaid = wire.searched_invoice_from(samples.v1_invoice(status="SENT", paid_amount=None, payments=None))
    assert (unpaid.amount_paid, unpaid.paid_at) == (None, None)


@pytest.mark.parametrize("written", ["2026-09-07 10:05:49 XYZ", "2026-09-07 99:99:99 PDT", "2026-13-07 PDT", "soon", 7])
def test_a_time_that_cannot_be_placed_is_none(written: object) -> None:
    assert wire.searched_invoice_from(samples.v1_invoice(payments=[{"date": written}])).paid_at is None


@pytest.mark.parametrize("field", ["custom", "custom_id", "invoice_number", "billing_agreement_id"])
def test_an_empty_text_is_no_text(field: str) -> None:
    found = orders.payment_from_sale(samples.sale(**{"custom": "", field: ""}))
    assert found.customer_id is None
    assert (found.subscription_id is None) == (field == "billing_agreement_id")
    assert orders.payment_from_capture(samples.capture(custom_id="")).customer_id is None
    assert orders.payment_from_order(samples.order(unit={"custom_id": ""})).customer_id is None
    assert wire.subscription_from(samples.subscription(custom_id=""), WHEN).customer_id is None
    told = event_from(samples.event(resource=samples.sale(custom="")), WHEN, otherwise=WHEN)
    assert told.customer_id is None


@pytest.mark.parametrize(
    ("name", "resource", "path", "has"),
    [
        ("PAYMENT.SALE.REVERSED", samples.sale_refund(), f"{V1}/sale/80021663DE681814L", samples.sale()),
        ("PAYMENT.SALE.REVERSED", samples.sale(state="reversed"), f"{V1}/sale/80021663DE681814L", samples.sale()),
        (
            "PAYMENT.CAPTURE.REVERSED",
            samples.refund(),
            "/v2/payments/captures/3C679366HH908993F",
            samples.capture(supplementary_data=None),
        ),
    ],
)
def test_what_is_taken_back_names_its_payment_in_either_generation(
    name: str, resource: Any, path: str, has: Any
) -> None:
    world = World("blocking")
    for place in (f"{V1}/sale", "/v2/checkout/orders", "/v2/payments/captures"):
        world.always("GET", f"{place}/{path.rpartition('/')[2]}", missing())
    world.always("GET", path, has)
    told = event_from(samples.event(name, resource), WHEN, otherwise=WHEN)
    found = world.run(world.provider.follow_links(told))
    assert (found.type, found.customer_id) == (E.DISPUTE_FUNDS_WITHDRAWN, "cus_1")
    assert found.payment is not None
    assert found.payment.amount == USD19


# --- held money --------------------------------------------------------------------------------------------------------


def test_what_was_held_and_given_back_is_owed_by_nobody() -> None:
    sale = samples.sale(state="refunded", payment_hold_status="HELD")
    told = event_from(samples.event("PAYMENT.SALE.COMPLETED", sale), WHEN, otherwise=WHEN)
    assert told.payment is not None
    assert told.invoice is not None
    assert (told.payment.status, told.invoice.status) == (PaymentStatus.REFUNDED, InvoiceStatus.PAID)


def test_held_money_has_paid_nothing_until_it_is_released() -> None:
    held = samples.sale(payment_hold_status="HELD", payment_hold_reasons=["PAYMENT_HOLD"])
    invoice = invoice_from_sale(held)
    assert invoice is not None
    assert (invoice.status, invoice.amount_paid, invoice.paid_at) == (InvoiceStatus.OPEN, USD19 * 0, None)
    assert orders.payment_from_sale(held).status is P.PROCESSING
    assert orders.payment_from_capture(samples.v1_capture(payment_hold_status="HELD")).status is P.PROCESSING
    released = invoice_from_sale(samples.sale(payment_hold_status="RELEASED"))
    assert released is not None
    assert (released.status, released.amount_paid) == (InvoiceStatus.PAID, USD19)


@pytest.mark.parametrize(
    ("name", "resource", "expected"),
    [
        ("PAYMENT.SALE.COMPLETED", samples.sale(payment_hold_status="HELD"), E.PAYMENT_PROCESSING),
        ("PAYMENT.SALE.PENDING", samples.sale(payment_hold_status="HELD"), E.PAYMENT_PROCESSING),
        ("PAYMENT.SALE.COMPLETED", samples.sale(payment_hold_status="RELEASED"), E.INVOICE_PAID),
        ("PAYMENT.SALE.COMPLETED", samples.sale(state="pending"), E.PAYMENT_PROCESSING),
        ("PAYMENT.SALE.COMPLETED", samples.sale(state="pending", reason_code="BUYER_COMPLAINT"), E.INVOICE_PAID),
        ("PAYMENT.CAPTURE.COMPLETED", samples.v1_capture(state="pending"), E.PAYMENT_PROCESSING),
        ("PAYMENT.CAPTURE.COMPLETED", samples.capture(status="PENDING"), E.PAYMENT_PROCESSING),
        ("PAYMENT.CAPTURE.COMPLETED", samples.v1_capture(), E.PAYMENT_SUCCEEDED),
        ("PAYMENT.AUTHORIZATION.CREATED", samples.authorization(status="PENDING"), E.PAYMENT_PROCESSING),
        ("PAYMENT.AUTHORIZATION.CREATED", samples.authorization(status="DENIED"), E.PAYMENT_FAILED),
        ("PAYMENT.AUTHORIZATION.CREATED", samples.v1_authorization(state="pending"), E.PAYMENT_PROCESSING),
        ("PAYMENT.CAPTURE.REFUNDED", samples.refund(status="PENDING"), E.REFUND_CREATED),
        ("PAYMENT.SALE.REFUNDED", samples.sale_refund(state="pending"), E.REFUND_CREATED),
        ("INVOICING.INVOICE.PAID", {"invoice": samples.invoice(status="PARTIALLY_PAID")}, E.INVOICE_PAYMENT_RECORDED),
        ("INVOICING.INVOICE.PAID", {"invoice": samples.invoice(status="PAYMENT_PENDING")}, E.INVOICE_UPDATED),
        ("INVOICING.INVOICE.PAID", {"invoice": samples.invoice(status="MARKED_AS_PAID")}, E.INVOICE_PAID),
    ],
)
def test_of_two_words_for_one_fact_the_cautious_one_counts(name: str, resource: Any, expected: EventType) -> None:
    assert event_from(samples.event(name, resource), WHEN, otherwise=WHEN).type == expected


# --- read again, where it was made -------------------------------------------------------------------------------------

READ_AGAIN = [
    ("PAYMENT.CAPTURE.COMPLETED", samples.v1_capture(), f"{V1}/capture/8F148933LY9388354"),
    ("PAYMENT.AUTHORIZATION.CREATED", samples.v1_authorization(), f"{V1}/authorization/3WG12057BW522780J"),
    (
        "PAYMENT.CAPTURE.REFUNDED",
        samples.sale_refund(sale_id=None, capture_id="8F148933LY9388354"),
        f"{V1}/refund/6GT49317R31573457",
    ),
    (
        "INVOICING.INVOICE.PAID",
        {"invoice": samples.v1_invoice()},
        "/v2/invoicing/invoices/INV2-9BTP-HZQP-2P35-KZ92",  # both generations know an invoice by the same id
    ),
]


@pytest.mark.parametrize(("name", "resource", "path"), READ_AGAIN, ids=[each[0] for each in READ_AGAIN])
def test_an_object_is_read_again_in_the_generation_that_was_delivered(name: str, resource: Any, path: str) -> None:
    world = World("blocking")
    told = event_from(samples.event(name, resource), WHEN, otherwise=WHEN)
    world.on("GET", path, resource.get("invoice", resource))
    confirmed = world.run(world.provider.verify_with_provider(told))
    assert (confirmed.type, confirmed.payment, confirmed.refund) == (told.type, told.payment, told.refund)
    assert [seen.path for seen in world.server.asked] == [path]


def test_what_paypal_does_not_have_in_this_generation_is_not_believed() -> None:
    world = World("blocking")
    world.on("GET", f"{V1}/capture/8F148933LY9388354", missing())
    told = event_from(samples.event("PAYMENT.CAPTURE.COMPLETED", samples.v1_capture()), WHEN, otherwise=WHEN)
    with pytest.raises(VerificationUnavailable):
        world.run(world.provider.verify_with_provider(told))
