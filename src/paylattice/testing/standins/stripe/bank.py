"""What the payer's bank says to the next payments, as the test wants it."""

from collections.abc import Mapping

import attrs

__all__ = ["AUTHENTICATE", "TEST_METHODS", "Bank", "TestMethod"]

AUTHENTICATE = "authenticate"
"""The verdict that the payer must act first."""


@attrs.frozen
class TestMethod:
    """One of Stripe's test payment methods.

    Args:
        brand: of the card.
        last4: the last digits of its number.
        verdict: what the bank says to every payment with it; None: yes.
    """

    __test__ = False

    brand: str
    last4: str
    verdict: str | None = None


TEST_METHODS: Mapping[str, TestMethod] = {
    "pm_card_visa": TestMethod("visa", "4242"),
    "pm_card_mastercard": TestMethod("mastercard", "4444"),
    "pm_card_chargeCustomerFail": TestMethod("visa", "0341", "generic_decline"),
    "pm_card_authenticationRequired": TestMethod("visa", "3184", AUTHENTICATE),
}
"""Those that can be attached to a customer: https://docs.stripe.com/testing."""


@attrs.define
class _Verdict:
    customer: str | None
    said: str
    times: int


class Bank:
    """Says yes, unless the test or the payment method wants something else."""

    def __init__(self) -> None:
        self._waiting: list[_Verdict] = []
        self.delayed_refunds: int = 0

    def next_refund(self) -> str:
        """The status of the next refund."""
        self.delayed_refunds, delayed = max(0, self.delayed_refunds - 1), self.delayed_refunds > 0
        return "pending" if delayed else "succeeded"

    def expect(self, said: str, *, customer: str | None, times: int) -> None:
        """Answer the next payments of the customer, or of any customer, with this."""
        self._waiting.append(_Verdict(customer, said, times))

    def verdict(self, customer: str | None, method_says: str | None) -> str | None:
        """What the bank says to a payment: None: yes; :data:`AUTHENTICATE`; else the decline code."""
        for waiting in self._waiting:
            if waiting.customer in {None, customer}:
                waiting.times -= 1
                if waiting.times <= 0:
                    self._waiting.remove(waiting)
                return waiting.said
        return method_says
