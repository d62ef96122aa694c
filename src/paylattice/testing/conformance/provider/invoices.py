"""Checks of a provider: an invoice is found, paid with a saved payment method, and voided."""

import pytest

from ....errors import Conflict, InvalidRequest
from ....models import InvoiceStatus
from ....operations import Capability
from ..expectations import expect
from .fixtures import ProviderFixtures
from .harness import ProviderHarness, settled
from .models import expect_model

__all__ = ["InvoiceChecks"]

_C = Capability


class InvoiceChecks(ProviderFixtures):
    """An invoice is paid once, or never."""

    def test_an_invoice_is_found_by_its_id(self, harness: ProviderHarness) -> None:
        """It is open, says what is to be paid, and is among those that are listed."""
        self.only_if_simulated(harness, _C.INVOICES)
        provider = harness.provider

        async def life() -> None:
            invoice_id = await self.owed(harness)
            found = await provider.get_invoice(invoice_id)
            if found is None:
                raise AssertionError("an open invoice cannot be found under its id")
            expect_model(found, provider.get_provider_name())
            expect(found.status is InvoiceStatus.OPEN, f"an open invoice is {found.status}")
            expect(found.amount.amount > 0, "an open invoice asks for nothing")
            if found.customer_id is not None and found.subscription_id is not None:
                of_it = await provider.get_invoices(found.customer_id, subscription_id=found.subscription_id)
                expect(invoice_id in {each.id for each in of_it}, "an open invoice is not listed")

        harness.run(life())

    def test_an_open_invoice_is_paid_once(self, harness: ProviderHarness) -> None:
        """Paying it again, under another key, takes nothing; a paid invoice cannot be voided."""
        self.only_if_simulated(harness, _C.PAY_INVOICE)
        provider = harness.provider

        async def life() -> None:
            invoice_id = await self.owed(harness)
            paid = await provider.pay_invoice(invoice_id, idempotency_key="conformance-pay")
            expect_model(paid, provider.get_provider_name())
            expect(paid.status is InvoiceStatus.PAID, f"an invoice that was paid is {paid.status}")
            expect(paid.amount_paid in {None, paid.amount_due}, f"{paid.amount_due} were due, {paid.amount_paid} paid")
            held = self.effects(provider)
            again = await provider.pay_invoice(invoice_id, idempotency_key="conformance-pay-again")
            expect(again.status is InvoiceStatus.PAID, "paying a paid invoice brought it back")
            expect(self.effects(provider) == held, "an invoice was paid twice")
            if _C.VOID_INVOICE in provider.capabilities:
                with pytest.raises(Conflict):
                    await provider.void_invoice(invoice_id)

        harness.run(life())

    def test_an_invoice_is_paid_with_the_payment_method_that_is_named(self, harness: ProviderHarness) -> None:
        """One of another customer is an InvalidRequest, and leaves it open."""
        self.only_if_simulated(harness, _C.PAY_INVOICE, _C.SUBSCRIPTIONS)
        provider = harness.provider

        async def life() -> None:
            subscription = await self.subscribed(harness)
            invoice_id = await self.open_invoice(provider, subscription)
            other = await self.new_customer(harness)
            theirs = await settled(self.saved_payment_method(provider, other.id))
            with pytest.raises(InvalidRequest):
                await provider.pay_invoice(invoice_id, theirs)
            still = await provider.get_invoice(invoice_id)
            expect(still is not None and still.status is InvoiceStatus.OPEN, "a refused payment closed the invoice")
            owner = subscription.customer_id or other.id
            method = await settled(self.saved_payment_method(provider, owner))
            paid = await provider.pay_invoice(invoice_id, method)
            expect(paid.status is InvoiceStatus.PAID, f"an invoice that was paid is {paid.status}")

        harness.run(life())

    def test_a_void_invoice_is_not_paid(self, harness: ProviderHarness) -> None:
        """Voiding it twice is no error; paying it is a Conflict."""
        self.only_if_simulated(harness, _C.VOID_INVOICE)
        provider = harness.provider

        async def life() -> None:
            invoice_id = await self.owed(harness)
            for key in ("conformance-void", "conformance-void", "conformance-void-again"):
                voided = await provider.void_invoice(invoice_id, idempotency_key=key)
                expect_model(voided, provider.get_provider_name())
                expect(voided.status is InvoiceStatus.VOID, f"an invoice that was voided is {voided.status}")
            found = await provider.get_invoice(invoice_id)
            expect(found is not None and found.status is InvoiceStatus.VOID, "a void invoice is found as another one")
            if _C.PAY_INVOICE in provider.capabilities:
                with pytest.raises(Conflict):
                    await provider.pay_invoice(invoice_id)

        harness.run(life())
