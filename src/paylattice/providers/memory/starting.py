"""Subscriptions that begin without a page, paid with a saved card."""

from datetime import datetime, timedelta

from ...errors import Declined, InvalidRequest
from ...frozen import FrozenMap
from ...models import PaymentStatus, SubscriptionChange
from .payments import Payments, authentication_url
from .plans import check_price, check_start
from .subscriptions import Subscriptions
from .world import World

__all__ = ["Starting"]


class Starting:
    """Begins subscriptions."""

    def __init__(self, world: World, payments: Payments, subscriptions: Subscriptions) -> None:
        self._world = world
        self._payments = payments
        self._subscriptions = subscriptions

    def begin(
        self,
        customer_id: str,
        plan_id: str,
        *,
        payment_method_id: str | None,
        quantity: int,
        trial_end: datetime | None,
        start_at: datetime | None,
        metadata: FrozenMap[str, str],
        key: str | None,
    ) -> SubscriptionChange:
        """Begin one: with a trial, or with a first payment, which may wait for the payer.

        Raises:
            Declined: the card was declined, and nothing was begun.
            InvalidRequest: the customer has no such card, or the trial would be over already.
        """
        customer = self._world.customer(customer_id)
        plan = self._world.plan(plan_id)
        price = check_price(plan, quantity)
        if trial_end is not None and trial_end <= self._world.now:
            message = "the trial would be over already"
            raise InvalidRequest(message, param="trial_end")
        check_start(start_at, self._world.now, has_trial=trial_end is not None)
        trial_end = start_at or trial_end
        if trial_end is None and plan.trial_days:
            trial_end = self._world.now + timedelta(days=plan.trial_days)
        cards = self._payments.cards(customer.id)
        if payment_method_id is None and not cards:
            message = "the customer has no saved payment method: save_payment_method first"
            raise InvalidRequest(message, param="payment_method_id", code="payment_method_missing")
        card = cards[0] if payment_method_id is None else self._payments.card_of(customer.id, payment_method_id)
        subscription_id, payment = self._world.new_id("sub"), None
        if trial_end is None and price.amount > 0:
            declined = self._world.fails_next(customer.id)
            payment = self._payments.charge(
                price,
                customer.id,
                declined=declined,
                payment_method_id=card.id,
                invoice_id=self._world.new_id("in"),
                subscription_id=subscription_id,
            )
            if payment.status is PaymentStatus.FAILED and declined is not None:
                message = "the payment was declined"
                raise Declined(message, reason=declined, payment_id=payment.id, code=str(declined))
        record = self._subscriptions.start(
            None,
            customer.id,
            plan,
            quantity,
            trial_end,
            payment,
            subscription_id,
            metadata=metadata,
            payment_method_id=payment_method_id,
        )
        if key is not None:
            self._world.store.made_under[key] = record.id
        waits = payment is not None and payment.status is PaymentStatus.REQUIRES_ACTION
        url = authentication_url(payment.id) if payment is not None and waits else None
        return SubscriptionChange(record.model(), approval_url=url)
