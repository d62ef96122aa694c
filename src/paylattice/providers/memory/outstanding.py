"""What a subscription owes, collected again."""

from ...errors import ActionRequired, Declined, DeclineReason, InvalidRequest
from ...models import InvoiceStatus
from .payments import Payments, authentication_url
from .state import SubscriptionRecord
from .subscriptions import Subscriptions
from .world import World

__all__ = ["Outstanding"]


class Outstanding:
    """Collects what is owed."""

    def __init__(self, world: World, payments: Payments, subscriptions: Subscriptions) -> None:
        self._world = world
        self._payments = payments
        self._subscriptions = subscriptions

    def bill(self, record: SubscriptionRecord) -> None:
        """Try to collect the open invoices, the oldest first.

        Raises:
            ActionRequired: the payer has to authenticate.
            Declined: the card was declined.
            InvalidRequest: the customer has no card.
        """
        if record.open_invoices and not self._payments.cards(record.customer_id):
            message = "the customer has no saved payment method: save_payment_method first"
            raise InvalidRequest(message, param="subscription_id", code="payment_method_missing")
        for invoice_id in tuple(record.open_invoices):
            if self._subscriptions.pay(invoice_id).status is not InvoiceStatus.OPEN:
                continue
            waiting = self._world.store.waiting_payment.get(invoice_id)
            if waiting is not None:
                message = "the payer has to authenticate this payment"
                raise ActionRequired(message, url=authentication_url(waiting), payment_id=waiting)
            message = "the payment was declined"
            raise Declined(message, reason=DeclineReason.UNKNOWN)
