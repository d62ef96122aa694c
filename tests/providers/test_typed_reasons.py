"""Why a payment was declined, and why one is disputed, in words that are the same for every provider."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest

from paylattice import DisputeCategory, Money, PaymentStatus, errors
from paylattice.errors import DeclineReason
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import disputes as paypal_disputes
from paylattice.providers.paypal.orders import payment_from_capture, payment_from_order
from paylattice.providers.square import disputes as square_disputes
from paylattice.providers.square.wire import payment_from as square_payment
from paylattice.providers.stripe import disputes as stripe_disputes
from paylattice.providers.stripe.wire import payment_from as stripe_payment

from .paypal import samples as paypal
from .square import samples as square

SPECS = Path(os.environ.get("PAYLATTICE_SPECS") or Path(__file__).parents[3] / "shared" / "specs")
DISPUTES: dict[str, tuple[Any, Any, str]] = {
    "paypal": (paypal_disputes, {"dispute_id": "d"}, "MERCHANDISE_OR_SERVICE_NOT_RECEIVED"),
    "square": (square_disputes, {"id": "d"}, "NOT_RECEIVED"),
    "stripe": (stripe_disputes, {"id": "dp_1"}, "product_not_received"),
}


@pytest.mark.parametrize("name", DISPUTES)
def test_a_dispute_has_the_shared_category_and_the_provider_s_own_word(name: str) -> None:
    module, data, word = DISPUTES[name]
    found = module.dispute_from({**data, "reason": word})
    assert (found.category, found.reason) == (DisputeCategory.NOT_RECEIVED, word.lower())
    for unknown in ("A_WORD_OF_2031", None, 7):
        assert module.dispute_from({**data, "reason": unknown}).category is DisputeCategory.UNKNOWN


def enumerated(path: str, *keys: str) -> set[str]:
    file = SPECS / path
    if not file.is_file():
        pytest.skip(f"{path} is not here: set PAYLATTICE_SPECS to the folder of the descriptions")
    found = json.loads(file.read_text(encoding="utf-8"))["components"]["schemas"]
    for key in keys:
        found = found[key]
    return set(found["enum"])


@pytest.mark.contract
def test_every_reason_of_the_descriptions_has_a_category() -> None:
    assert set(square_disputes.DISPUTE_CATEGORY) == enumerated("square/api.json", "DisputeReason")
    assert set(paypal_disputes.DISPUTE_CATEGORY) == enumerated("paypal/customer_disputes_v1.json", "dispute_reason")


def test_a_payment_at_square_that_failed_says_why() -> None:
    details = {"status": "FAILED", "errors": [{"category": "PAYMENT_METHOD_ERROR", "code": "INSUFFICIENT_FUNDS"}]}
    found = square_payment(square.payment(status="FAILED", card_details=details), reference_key="org_id")
    assert (found.decline_reason, found.decline_code) == (DeclineReason.INSUFFICIENT_FUNDS, "INSUFFICIENT_FUNDS")
    silent = square_payment(square.payment(status="FAILED", card_details={}), reference_key="org_id")
    assert (silent.decline_reason, silent.decline_code) == (DeclineReason.UNKNOWN, None)
    for status in ("COMPLETED", "CANCELED"):
        paid = square_payment(square.payment(status=status), reference_key="org_id")
        assert (paid.decline_reason, paid.decline_code) == (None, None)


def test_a_payment_at_stripe_that_failed_says_why() -> None:
    error = {"code": "card_declined", "decline_code": "insufficient_funds"}
    intent = {"id": "pi_1", "amount": 500, "currency": "usd", "status": "requires_payment_method"}
    found = stripe_payment({**intent, "last_payment_error": error})
    assert (found.status, found.decline_reason) == (PaymentStatus.FAILED, DeclineReason.INSUFFICIENT_FUNDS)
    assert found.decline_code == "insufficient_funds"
    assert stripe_payment(intent).decline_reason is None
    assert stripe_payment({**intent, "status": "succeeded", "last_payment_error": error}).decline_reason is None


def test_a_capture_at_paypal_that_was_declined_says_why() -> None:
    declined = paypal.capture(status="DECLINED", processor_response={"response_code": "5120"})
    order = paypal.order(status="COMPLETED")
    order["purchase_units"][0]["payments"] = {"captures": [declined]}
    for found in (payment_from_capture(declined), payment_from_order(order)):
        assert (found.status, found.decline_code) == (PaymentStatus.FAILED, "5120")
        assert found.decline_reason is DeclineReason.INSUFFICIENT_FUNDS
    assert payment_from_capture(paypal.capture()).decline_reason is None


def test_the_embedded_provider_says_why() -> None:
    async def run() -> None:
        provider = InMemoryProvider()
        customer = (await provider.create_customer("a@example.com")).id
        card = provider.add_payment_method(customer)
        provider.decline_next_payment(customer_id=customer, reason=DeclineReason.EXPIRED_CARD)
        with pytest.raises(errors.Declined) as caught:
            await provider.create_payment(Money(500, "USD"), customer_id=customer, payment_method_id=card)
        failed = await provider.get_payment(str(caught.value.payment_id))
        assert failed is not None
        assert (failed.decline_reason, failed.decline_code) == (DeclineReason.EXPIRED_CARD, "expired_card")
        paid = await provider.create_payment(Money(500, "USD"), customer_id=customer, payment_method_id=card)
        assert paid.decline_reason is None
        assert provider.open_dispute(paid.id).category is DisputeCategory.UNAUTHORIZED

    asyncio.run(run())
