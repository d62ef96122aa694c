"""Until when an authorized payment can be captured, in each provider's own words."""

from datetime import UTC, datetime, timedelta

from paylattice import Money, Payment, PaymentStatus
from paylattice.providers.paypal import orders
from paylattice.providers.square import wire as square
from paylattice.providers.stripe import wire as stripe
from paylattice.sync import create_provider

UNTIL = datetime(2026, 12, 1, 10, tzinfo=UTC)


def stripe_payment(status: str) -> Payment:
    """https://docs.stripe.com/api/charges/object#charge_object-payment_method_details-card-capture_before"""
    charge = {"id": "ch_1", "payment_method_details": {"card": {"capture_before": int(UNTIL.timestamp())}}}
    return stripe.payment_from(
        {"id": "pi_1", "amount": 100, "currency": "usd", "status": status, "latest_charge": charge}
    )


def square_payment(status: str) -> Payment:
    """https://developer.squareup.com/reference/square/objects/Payment"""
    money = {"amount": 100, "currency": "USD"}
    return square.payment_from(
        {"id": "p", "amount_money": money, "status": status, "delayed_until": "2026-12-01T10:00:00Z"},
        reference_key="reference",
    )


def paypal_payment(status: str) -> Payment:
    """https://developer.paypal.com/docs/api/payments/v2/#authorizations_get"""
    amount = {"currency_code": "USD", "value": "1.00"}
    return orders.payment_from_authorization(
        {"id": "A", "amount": amount, "status": status, "expiration_time": "2026-12-01T10:00:00Z"}
    )


def test_an_authorized_payment_says_until_when_it_is_reserved_and_no_other_does() -> None:
    for read, authorized, captured in (
        (stripe_payment, "requires_capture", "succeeded"),
        (square_payment, "APPROVED", "COMPLETED"),
        (paypal_payment, "CREATED", "CAPTURED"),
    ):
        assert (read(authorized).status, read(authorized).capture_before) == (PaymentStatus.AUTHORIZED, UNTIL)
        assert read(captured).capture_before is None


def test_the_embedded_provider_releases_it_then() -> None:
    provider = create_provider("memory")
    customer = provider.create_customer("ada@example.com")
    card = provider.add_payment_method(customer.id)
    paid = provider.create_payment(Money(100, "USD"), customer_id=customer.id, payment_method_id=card, capture=False)
    assert paid.capture_before is not None
    provider.advance(days=(paid.capture_before - provider.now) / timedelta(days=1), hours=-1)
    before = provider.get_payment(paid.id)
    provider.advance(hours=2)
    after = provider.get_payment(paid.id)
    assert before is not None
    assert after is not None
    assert (before.status, after.status) == (PaymentStatus.AUTHORIZED, PaymentStatus.CANCELED)
    assert after.capture_before is None
