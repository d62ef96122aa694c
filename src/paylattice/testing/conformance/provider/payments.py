"""Checks of a provider: one-off payments, from the page or a saved card to the refund."""

import pytest

from ....errors import Conflict, Declined, InvalidRequest, PaymentError, UnsupportedOperation
from ....models import PaymentStatus, RefundStatus
from ....money import Money
from ....operations import Capability
from ..expectations import expect
from .fixtures import CANCEL_URL, SUCCESS_URL, ProviderFixtures
from .harness import ProviderHarness, settled
from .models import expect_model, expect_models

__all__ = ["PaymentChecks"]

_C = Capability
_REFUSED = (InvalidRequest, Conflict, UnsupportedOperation)
_OTHER_MONEY = (Money(1900, "JPY"), Money(1900, "HUF"), Money(19000, "KWD"), Money(1900, "ISK"))


def _name(harness: ProviderHarness) -> str:
    return harness.provider.get_provider_name()


class PaymentChecks(ProviderFixtures):
    """Money is taken once, as much as was asked for, and given back at most once."""

    def test_a_payment_is_made_and_refunded(self, harness: ProviderHarness) -> None:
        """A part first, then all that is left, and no more than that."""
        self.only_if_simulated(harness, _C.PAYMENTS)

        async def life() -> None:
            provider = harness.provider
            payment = await self.paid(harness)
            expect_model(payment, _name(harness))
            expect(payment.status is PaymentStatus.SUCCEEDED, f"a payment that was made is {payment.status}")
            expect(payment.amount == self.money(), "a payment is of another amount than was asked for")
            if _C.REFUNDS not in provider.capabilities:
                return
            part = await provider.refund_payment(payment.id, self.money(400), "conformance")
            expect_model(part, _name(harness))
            expect(part.amount == self.money(400), "a refund is of another amount than was asked for")
            expect(part.status is not RefundStatus.FAILED, "a refund failed")
            rest = await provider.refund_payment(payment.id)
            expect(rest.amount == self.money(1500), f"a refund of all that is left was of {rest.amount}")
            error: PaymentError | None = None
            try:
                await provider.refund_payment(payment.id, self.money(1))
            except PaymentError as exc:
                error = exc
            expect(error is not None, "more was refunded than was paid")

        harness.run(life())

    def test_what_is_left_is_what_no_refund_has_taken_or_is_about_to_take(self, harness: ProviderHarness) -> None:
        """A refund on its way counts; the payment says so; the same key gives nothing more back, and another one neither."""
        self.only_if_simulated(harness, _C.PAYMENTS)
        self.only_if_declared(harness, _C.REFUNDS)

        async def life() -> None:
            provider = harness.provider
            payment = await self.paid(harness)
            await settled(self.delay_refunds(provider))
            await provider.refund_payment(payment.id, self.money(400), idempotency_key="conformance-part")
            await self._expect_given_back(harness, payment.id, self.money(400), PaymentStatus.PARTIALLY_REFUNDED)
            rest = await provider.refund_payment(payment.id, idempotency_key="conformance-rest")
            expect(rest.amount == self.money(1500), f"1500 of 1900 were left, and {rest.amount} given back")
            await self._expect_given_back(harness, payment.id, self.money(), PaymentStatus.REFUNDED)
            again = await provider.refund_payment(payment.id, idempotency_key="conformance-rest")
            expect((again.id, again.amount) == (rest.id, rest.amount), "the same key gave back something else")
            await self._expect_nothing_left(harness, payment.id)

        harness.run(life())

    def test_a_payment_in_several_parts_is_given_back_whole(self, harness: ProviderHarness) -> None:
        """Its amounts are sums; a refund that no part can bear alone is spread; what is left is left of all parts."""
        self.only_if_simulated(harness, _C.PAYMENTS)
        self.only_if_declared(harness, _C.REFUNDS)

        async def life() -> None:
            provider = harness.provider
            payment_id = await settled(self.paid_in_parts(provider))
            found = await provider.get_payment(payment_id)
            paid = found.amount_captured if found is not None else None
            expect(paid == self.money(), f"1900 were taken in two parts, and {paid} is said to have been")
            back = await provider.refund_payment(payment_id, self.money(1500), idempotency_key="conformance-parts")
            expect(back.amount == self.money(1500), f"1500 were to be given back, and {back.amount} were")
            again = await provider.refund_payment(payment_id, self.money(1500), idempotency_key="conformance-parts")
            expect(again == back, "the same key gave back something else")
            await self._expect_given_back(harness, payment_id, self.money(1500), PaymentStatus.PARTIALLY_REFUNDED)
            rest = await provider.refund_payment(payment_id)
            expect(rest.amount == self.money(400), f"400 of 1900 were left, and {rest.amount} given back")
            await self._expect_given_back(harness, payment_id, self.money(), PaymentStatus.REFUNDED)
            await self._expect_nothing_left(harness, payment_id)

        harness.run(life())

    async def _expect_given_back(
        self, harness: ProviderHarness, payment_id: str, amount: Money, status: PaymentStatus
    ) -> None:
        found = await harness.provider.get_payment(payment_id)
        expect(
            found is not None and found.status is status, f"after {amount} were given back, the payment is not {status}"
        )
        said = found.refunded if found is not None else None
        expect(said in {None, amount}, f"{amount} were given back, and the payment says {said}")

    async def _expect_nothing_left(self, harness: ProviderHarness, payment_id: str) -> None:
        error: PaymentError | None = None
        try:
            await harness.provider.refund_payment(payment_id, idempotency_key="conformance-nothing")
        except PaymentError as exc:
            error = exc
        expect(
            isinstance(error, _REFUSED), f"nothing was left, and what is left was given back all the same: {error!r}"
        )

    def test_an_authorized_payment_is_captured(self, harness: ProviderHarness) -> None:
        """``capture=False`` takes nothing until it is captured."""
        self.only_if_simulated(harness, _C.PAYMENTS)

        async def life() -> None:
            payment = await self.paid(harness, capture=False)
            expect(payment.status is PaymentStatus.AUTHORIZED, f"a payment with capture=False is {payment.status}")
            captured = await harness.provider.capture_payment(payment.id)
            expect(captured.status is PaymentStatus.SUCCEEDED, f"a captured payment is {captured.status}")

        harness.run(life())

    def test_a_part_of_an_authorized_payment_is_captured(self, harness: ProviderHarness) -> None:
        """Or the provider says that it cannot; never all of it, and never more than was authorized."""
        self.only_if_simulated(harness, _C.PAYMENTS)

        async def life() -> None:
            provider = harness.provider
            payment = await self.paid(harness, capture=False)
            for too_much in (self.money(1901), Money(1900, "JPY" if self.currency != "JPY" else "USD")):
                error: PaymentError | None = None
                try:
                    await provider.capture_payment(payment.id, too_much)
                except PaymentError as exc:
                    error = exc
                expect(
                    isinstance(error, _REFUSED), f"{too_much} of an authorized {payment.amount} was captured: {error!r}"
                )
            try:
                captured = await provider.capture_payment(payment.id, self.money(400))
            except _REFUSED:
                return
            taken = captured.amount_captured
            expect(
                taken == self.money(400) or (taken is None and captured.amount == self.money(400)),
                f"400 of 1900 were to be captured, and {taken or captured.amount} is said to have been",
            )

        harness.run(life())

    def test_an_authorized_payment_is_given_up(self, harness: ProviderHarness) -> None:
        """``cancel_payment`` takes nothing; doing it twice is no error."""
        self.only_if_simulated(harness, _C.PAYMENTS)

        async def life() -> None:
            payment = await self.paid(harness, capture=False)
            given_up = await harness.provider.cancel_payment(payment.id)
            expect(given_up.status is PaymentStatus.CANCELED, f"a payment that was given up is {given_up.status}")
            again = await harness.provider.cancel_payment(payment.id)
            expect(again.status is PaymentStatus.CANCELED, "giving up twice brought a payment back")

        harness.run(life())

    def test_a_saved_payment_method_is_charged_and_forgotten(self, harness: ProviderHarness) -> None:
        """It is listed, can be charged, and is gone after it was removed, twice."""
        self.only_if_simulated(harness, _C.PAYMENT_METHODS)

        async def life() -> None:
            provider = harness.provider
            customer = await self.new_customer(harness)
            method = await settled(self.saved_payment_method(provider, customer.id))
            listed = await provider.get_payment_methods(self.payer(provider, customer.id))
            expect_models(listed, _name(harness))
            expect(method in [m.id for m in listed], "a saved payment method is not listed")
            if _C.DIRECT_PAYMENTS in provider.capabilities:
                payment = await provider.create_payment(self.money(), customer_id=customer.id, payment_method_id=method)
                expect_model(payment, _name(harness))
                expect(payment.amount == self.money(), "a payment is of another amount than was asked for")
                expect(payment.status is PaymentStatus.SUCCEEDED, f"a charge of a good card is {payment.status}")
            await provider.remove_payment_method(method)
            left = await provider.get_payment_methods(self.payer(provider, customer.id))
            expect(method not in [m.id for m in left], "a payment method that was removed is still listed")
            await provider.remove_payment_method(method)

        harness.run(life())

    @pytest.mark.parametrize("guest", [False, True], ids=["customer", "guest"])
    def test_a_token_of_the_browser_pays_once(self, harness: ProviderHarness, *, guest: bool) -> None:
        """Of a customer, or of a guest: the same key brings the payment, and another key takes nothing more."""
        self.only_if_simulated(harness, _C.DIRECT_PAYMENTS)
        provider = harness.provider

        async def life() -> None:
            customer_id = None if guest else (await self.new_customer(harness)).id
            token = await settled(self.charge_token(provider, self.money(), customer_id))
            paid = await provider.create_payment(
                self.money(), customer_id=customer_id, token=token, idempotency_key="conformance-token"
            )
            expect_model(paid, _name(harness))
            expect(paid.status is PaymentStatus.SUCCEEDED, f"a payment with a good token is {paid.status}")
            held = self.effects(provider)
            again = await provider.create_payment(
                self.money(), customer_id=customer_id, token=token, idempotency_key="conformance-token"
            )
            expect(again.id == paid.id, "one key charged a token twice")
            error: PaymentError | None = None
            try:
                await provider.create_payment(
                    self.money(), customer_id=customer_id, token=token, idempotency_key="conformance-token-again"
                )
            except PaymentError as exc:
                error = exc
            expect(isinstance(error, InvalidRequest), f"a token that was used is an InvalidRequest, not {error!r}")
            expect(self.effects(provider) == held, "a token paid twice")

        harness.run(life())

    def test_a_payment_has_one_source(self, harness: ProviderHarness) -> None:
        """A saved payment method of a customer, or a token; nothing is sent otherwise."""
        self.only_if_declared(harness, _C.DIRECT_PAYMENTS)

        create, money = harness.provider.create_payment, self.money()

        async def calls() -> None:
            for call in (
                create(money),
                create(money, customer_id="cus_1"),
                create(money, payment_method_id="pm_1"),
                create(money, customer_id="cus_1", payment_method_id="pm_1", token="tok_1"),  # noqa: S106 - a sample
            ):
                with pytest.raises(InvalidRequest):
                    await call

        harness.run(calls())
        expect(harness.wire is None or not harness.wire.seen, "a payment without a source, or with two, was sent")

    def test_a_charge_that_is_declined_says_so(self, harness: ProviderHarness) -> None:
        """A Declined with a reason; a payment that exists in spite of it is named, and has not succeeded."""
        self.only_if_simulated(harness, _C.DIRECT_PAYMENTS)

        async def life() -> None:
            provider = harness.provider
            customer = await self.new_customer(harness)
            method = await settled(self.declining_payment_method(provider, customer.id))
            held = self.effects(provider)
            for _ in range(2):
                error: PaymentError | None = None
                try:
                    await provider.create_payment(
                        self.money(),
                        customer_id=customer.id,
                        payment_method_id=method,
                        idempotency_key="conformance-declined",
                    )
                except PaymentError as exc:
                    error = exc
                declined = error if isinstance(error, Declined) else None
                expect(declined is not None, f"a charge that the bank refused is a Declined, not {error!r}")
                key = declined.idempotency_key if declined is not None else None
                expect(key == "conformance-declined", "a Declined does not carry its key")
                named = declined.payment_id if declined is not None else None
                if named is None:
                    expect(self.effects(provider) == held, "a declined charge left a payment that it does not name")
                elif _C.PAYMENTS in provider.capabilities:
                    found = await provider.get_payment(named)
                    status = found.status if found is not None else None
                    expect(status is not None, "the payment that a Declined names cannot be found")
                    expect(status is not PaymentStatus.SUCCEEDED, "the payment that a Declined names has succeeded")

        harness.run(life())

    def test_money_of_other_currencies_is_the_same_or_refused(self, harness: ProviderHarness) -> None:
        """Some have no decimals, some three, and providers count some of them in their own way."""
        self.only_if_simulated(harness, _C.PAYMENTS)

        async def life() -> None:
            provider = harness.provider
            for money in _OTHER_MONEY:
                try:
                    session = await provider.create_payment_session(money, SUCCESS_URL, CANCEL_URL)
                except _REFUSED:
                    continue
                await settled(self.complete_payment(provider, session))
                await self.finish_payment(provider, session, capture=True)
                done = await provider.get_checkout_session(session.id) if self.reads_sessions(harness) else session
                found = await provider.get_payment(str(done.payment_id)) if done is not None else None
                expect(found is not None, "the payment that a completed page names cannot be found")
                expect(found is not None and found.amount == money, f"{money} was asked for, and {found} is there")
                if _C.REFUNDS in provider.capabilities and found is not None:
                    back = await provider.refund_payment(found.id)
                    expect(back.amount == money, f"{money} was paid, and {back.amount} given back")

        harness.run(life())
