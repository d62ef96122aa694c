"""Four providers as customers, banks and the calendar meet them: what happens outside, in one set of words."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Protocol

import pytest

from paylattice import BaseProvider, Money
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalProvider
from paylattice.testing import PayPalStandIn, SquareStandIn, StripeStandIn


class Post(Protocol):
    """A webhook as it arrives."""

    @property
    def payload(self) -> bytes: ...

    @property
    def headers(self) -> Mapping[str, str]: ...


class Street(Protocol):
    """What happens outside."""

    name: str

    def now(self) -> datetime: ...

    def subscribe(self, session_id: str) -> None:
        """The customer fills in the page."""

    def renew(self, subscription_id: str) -> None:
        """The period ends."""

    def fail_renewal(self, subscription_id: str) -> None:
        """The period ends, and the renewal is declined."""

    def pay_up(self, subscription_id: str) -> None:
        """What is owed is paid after all."""

    def settle(self) -> None:
        """What the bank takes its time for is done."""

    def post(self) -> Sequence[Post]:
        """The webhooks that wait."""


class MemoryStreet:
    name = "memory"

    def __init__(self, provider: BaseProvider) -> None:
        assert isinstance(provider, InMemoryProvider)
        self.provider = provider
        provider.add_plan("plan_pro", Money(1900, "USD"))

    def now(self) -> datetime:
        return self.provider.now

    def subscribe(self, session_id: str) -> None:
        self.provider.complete_checkout(session_id)

    def renew(self, subscription_id: str) -> None:
        self.provider.advance(months=1)

    def fail_renewal(self, subscription_id: str) -> None:
        self.provider.decline_next_payment()
        self.provider.advance(months=1)

    def pay_up(self, subscription_id: str) -> None:
        self.provider.advance(days=3)

    def settle(self) -> None:
        """Nothing waits."""

    def post(self) -> Sequence[Post]:
        return self.provider.deliveries()


class StripeStreet:
    name = "stripe"

    def __init__(self, stand_in: StripeStandIn) -> None:
        self.stand_in = stand_in
        stand_in.add_plan("plan_pro", Money(1900, "USD"))

    def now(self) -> datetime:
        return self.stand_in.now

    def subscribe(self, session_id: str) -> None:
        self.stand_in.complete_checkout(session_id)

    def renew(self, subscription_id: str) -> None:
        self.stand_in.renew(subscription_id)

    def fail_renewal(self, subscription_id: str) -> None:
        self.stand_in.decline_next_payment()
        self.stand_in.renew(subscription_id)

    def pay_up(self, subscription_id: str) -> None:
        self.stand_in.advance(days=3)

    def settle(self) -> None:
        """Nothing waits."""

    def post(self) -> Sequence[Post]:
        return self.stand_in.deliveries()


class PayPalStreet:
    name = "paypal"

    def __init__(self, stand_in: PayPalStandIn) -> None:
        self.stand_in = stand_in
        stand_in.add_plan("plan_pro", Money(1900, "USD"))

    def now(self) -> datetime:
        return self.stand_in.now

    def subscribe(self, session_id: str) -> None:
        self.stand_in.complete_checkout(session_id)

    def renew(self, subscription_id: str) -> None:
        self.stand_in.renew(subscription_id)
        last = self.stand_in.objects("sale")[-1]
        self.stand_in.tell_sale_again(str(last["id"]))

    def fail_renewal(self, subscription_id: str) -> None:
        self.stand_in.decline_next_payment("PAYMENT_DENIED")
        self.stand_in.renew(subscription_id)

    def pay_up(self, subscription_id: str) -> None:
        self.stand_in.advance(days=5)

    def settle(self) -> None:
        """Nothing waits."""

    def post(self) -> Sequence[Post]:
        return self.stand_in.deliveries()


class SquareStreet:
    name = "square"

    def __init__(self, stand_in: SquareStandIn) -> None:
        self.stand_in = stand_in
        stand_in.add_plan("plan_pro", Money(1900, "USD"))

    def now(self) -> datetime:
        return self.stand_in.now

    def subscribe(self, session_id: str) -> None:
        self.stand_in.complete_checkout(session_id)

    def renew(self, subscription_id: str) -> None:
        self.stand_in.renew(subscription_id)

    def fail_renewal(self, subscription_id: str) -> None:
        self.stand_in.decline_next_payment()
        self.stand_in.renew(subscription_id)

    def pay_up(self, subscription_id: str) -> None:
        self.stand_in.pay_invoice(subscription_id)

    def settle(self) -> None:
        for refund in self.stand_in.objects("refund"):
            if refund["status"] == "PENDING":
                self.stand_in.settle_refund(str(refund["id"]))

    def post(self) -> Sequence[Post]:
        return self.stand_in.deliveries()


@contextmanager
def environment(name: str) -> Iterator[tuple[Mapping[str, str], StripeStandIn | PayPalStandIn | SquareStandIn | None]]:
    """The variables of an application that uses the provider, and what plays it, on a port of this machine."""
    if name == "memory":
        yield {}, None
    elif name == "stripe":
        stripe = StripeStandIn()
        with stripe.serve() as url:
            yield (
                {
                    "STRIPE_SECRET_KEY": "sk_test_standin",
                    "STRIPE_WEBHOOK_SECRET": "whsec_standin",
                    "STRIPE_API_BASE": url,
                },
                stripe,
            )
    elif name == "paypal":
        paypal = PayPalStandIn()
        with paypal.serve() as url:
            yield (
                {
                    "PAYPAL_CLIENT_ID": "standin",
                    "PAYPAL_CLIENT_SECRET": "standin-secret",
                    "PAYPAL_WEBHOOK_ID": "STANDINWEBHOOK",
                    "PAYPAL_API_BASE": url,
                },
                paypal,
            )
    else:
        square = SquareStandIn()
        with square.serve() as url:
            yield (
                {
                    "SQUARE_ACCESS_TOKEN": "standin-token",
                    "SQUARE_LOCATION_ID": "LSTANDIN",
                    "SQUARE_WEBHOOK_SIGNATURE_KEY": "standin-signature-key",
                    "SQUARE_WEBHOOK_URL": "https://app.test/webhooks/square",
                    "SQUARE_API_BASE": url,
                },
                square,
            )


def street_of(
    name: str, provider: BaseProvider, stand_in: StripeStandIn | PayPalStandIn | SquareStandIn | None
) -> Street:
    if isinstance(stand_in, StripeStandIn):
        return StripeStreet(stand_in)
    if isinstance(stand_in, PayPalStandIn):
        assert isinstance(provider, PayPalProvider)
        provider._api.clock = lambda: float(stand_in.now.timestamp())
        stand_in._clock = lambda: stand_in.now
        return PayPalStreet(stand_in)
    if isinstance(stand_in, SquareStandIn):
        return SquareStreet(stand_in)
    return MemoryStreet(provider)


def choose(name: str, variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """``export PAYMENT_PROVIDER=...``, and the provider's own settings."""
    for variable in list(os.environ):
        if variable.startswith(("STRIPE_", "PAYPAL_", "SQUARE_")):
            monkeypatch.delenv(variable)
    for variable, value in {"PAYMENT_PROVIDER": name, **variables}.items():
        monkeypatch.setenv(variable, value)
