"""Saving, choosing and removing payment methods."""

from typing import Any, ClassVar

import attrs

from ...frozen import FrozenMap
from ...models import NOTHING, CheckoutSession, Customer, PaymentMethod, Subscription
from ...models.base import string_map
from ...operations import Capability
from ...provider import BaseProvider
from ..records import BillingOperation
from .base import Command, Made, StateCommand, decided_here, not_sent, serves_once
from .subscriptions import SubscriptionCommand

__all__ = [
    "RemovePaymentMethod",
    "SavePaymentMethod",
    "SetDefaultPaymentMethod",
    "SetPaymentMethod",
    "StartSetup",
]

_METHOD = "payment method"


@attrs.frozen(kw_only=True)
class StartSetup(Command[CheckoutSession]):
    """Open a page that saves a payment method. Its row's ``external_id`` is the session's.

    Args:
        customer_id: the provider's id of who saves.
        success_url: where the customer returns.
        cancel_url: where a customer who gives up returns.
        metadata: with ``org_id`` in it.
    """

    kind: ClassVar[str] = "start_setup"
    operation: ClassVar[str] = "create_setup_session"

    customer_id: str = decided_here()
    success_url: str = attrs.field(repr=False)
    cancel_url: str = attrs.field(repr=False)
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map, repr=False)

    @property
    def may_be_sent_anew(self) -> bool:
        """A page that nobody was sent to does no harm."""
        return True

    async def send(self, provider: BaseProvider, key: str) -> CheckoutSession:
        """Open the page."""
        return await provider.create_setup_session(
            customer_id=self.customer_id,
            success_url=self.success_url,
            cancel_url=self.cancel_url,
            metadata=self.metadata,
            idempotency_key=key,
        )

    def made(self, answer: CheckoutSession) -> Made:
        """The session."""
        return Made(answer.id)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> CheckoutSession | None:
        """The session, if its id came back."""
        return None if row.external_id is None else await provider.get_checkout_session(row.external_id)


@attrs.frozen(kw_only=True)
class SavePaymentMethod(Command[PaymentMethod]):
    """Save what the browser got. Its row's ``external_id`` is the payment method's, its ``reference`` what lists it.

    A token serves once: it is never sent again once the provider has forgotten the key.

    Args:
        customer_id: the provider's id of whose it is.
        token: what the provider's JavaScript returned, or the id of a setup session.
        verification_token: proof that the payer authenticated.
    """

    kind: ClassVar[str] = "save_payment_method"
    operation: ClassVar[str] = "save_payment_method"

    customer_id: str = decided_here()
    token: str = serves_once()
    verification_token: str | None = serves_once(default=None)

    async def send(self, provider: BaseProvider, key: str) -> PaymentMethod:
        """Save it."""
        return await provider.save_payment_method(
            customer_id=self.customer_id,
            token=self.token,
            verification_token=self.verification_token,
            idempotency_key=key,
        )

    def made(self, answer: PaymentMethod) -> Made:
        """The payment method, and what it is listed under."""
        return Made(answer.id, answer.listed_under)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> PaymentMethod | None:
        """The payment method, by its id: what was made if that is known, else the token, where that is its id."""
        return await _method(provider, row.reference or self.customer_id, row.external_id or self.token)

    async def read_done(
        self, provider: BaseProvider, row: BillingOperation, *, superseded: bool
    ) -> PaymentMethod | None:
        """The payment method as it is now."""
        return await _method(provider, row.reference or self.customer_id, row.external_id)


@attrs.frozen(kw_only=True)
class SetPaymentMethod(SubscriptionCommand[Subscription]):
    """Choose what pays a subscription.

    Args:
        payment_method_id: the provider's id of a saved payment method.
    """

    kind: ClassVar[str] = "set_payment_method"
    operation: ClassVar[str] = "set_payment_method"
    sets: ClassVar[str | None] = _METHOD
    overrides: ClassVar[frozenset[str | None]] = frozenset({_METHOD})

    payment_method_id: str

    async def send(self, provider: BaseProvider, key: str) -> Subscription:
        """Choose it."""
        return await provider.set_payment_method(
            subscription_id=self.subscription_id, payment_method_id=self.payment_method_id, idempotency_key=key
        )

    def is_in_effect(self, state: Subscription) -> bool:
        """No provider's subscription says it in the same way: it is sent again instead, which does no harm."""
        return False

    def as_answer(self, state: Subscription) -> Subscription:
        """Itself."""
        return state

    async def read_done(
        self, provider: BaseProvider, row: BillingOperation, *, superseded: bool
    ) -> Subscription | None:
        """The subscription, whatever was chosen since."""
        return await self.read(provider)


@attrs.frozen(kw_only=True)
class SetDefaultPaymentMethod(StateCommand[Customer]):
    """Choose what pays a customer's subscriptions that have no payment method of their own.

    Args:
        customer_id: the provider's id of the customer.
        payment_method_id: the provider's id of a saved payment method.
    """

    kind: ClassVar[str] = "set_default_payment_method"
    operation: ClassVar[str] = "set_default_payment_method"
    subject: ClassVar[str] = "customer"

    customer_id: str = decided_here()
    payment_method_id: str

    @property
    def target(self) -> str:
        """The customer."""
        return self.customer_id

    @property
    def changed(self) -> None:
        """No subscription is another one afterwards."""
        return

    @property
    def can_be_set_back(self) -> str:
        """The customer's default."""
        return _METHOD

    def supersedes(self, other: Command[Any]) -> bool:
        """What was chosen before."""
        return isinstance(other, SetDefaultPaymentMethod) and other.target == self.target

    async def send(self, provider: BaseProvider, key: str) -> Customer:
        """Choose it."""
        return await provider.set_default_payment_method(
            customer_id=self.customer_id, payment_method_id=self.payment_method_id, idempotency_key=key
        )

    async def read(self, provider: BaseProvider) -> Customer | None:
        """The customer."""
        if Capability.CUSTOMERS not in provider.capabilities:
            return None
        return await provider.get_customer(self.customer_id)

    def is_in_effect(self, state: Customer) -> bool:
        """No provider's customer says it in the same way: it is sent again instead, which does no harm."""
        return False

    def as_answer(self, state: Customer) -> Customer:
        """The customer."""
        return state

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> Customer | None:
        """The customer, whatever was chosen since."""
        return await self.read(provider)


@attrs.frozen(kw_only=True)
class RemovePaymentMethod(Command[bool]):
    """Remove a saved payment method for good. Its row's ``reference`` is the payment method's id.

    Args:
        customer_id: what lists it.
        payment_method_id: the provider's id of it.
    """

    kind: ClassVar[str] = "remove_payment_method"
    operation: ClassVar[str] = "remove_payment_method"

    customer_id: str = not_sent("")
    payment_method_id: str

    def asks_the_same(self, other: object) -> bool:
        """Whether the other one is about the same payment method."""
        return isinstance(other, RemovePaymentMethod) and other.payment_method_id == self.payment_method_id

    @property
    def may_be_sent_anew(self) -> bool:
        """What is removed twice is gone."""
        return True

    async def send(self, provider: BaseProvider, key: str) -> bool:
        """Remove it."""
        await provider.remove_payment_method(payment_method_id=self.payment_method_id, idempotency_key=key)
        return True

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> bool | None:
        """It is none of the customer's any more."""
        found = await _method(provider, self.customer_id, self.payment_method_id)
        return None if found is not None else True

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> bool:
        """It is gone for good."""
        return True


async def _method(provider: BaseProvider, customer_id: str, method_id: str | None) -> PaymentMethod | None:
    """One of the customer's saved payment methods; None: there is none of this id, or the provider lists none."""
    if method_id is None or Capability.PAYMENT_METHODS not in provider.capabilities:
        return None
    found = await provider.get_payment_methods(customer_id)
    return next((each for each in found if each.id == method_id), None)
