"""What a subscription at PayPal owes: the outstanding balance, captured."""

from ...jsonlike import JsonObject, child, text
from ...models import PaymentStatus, Subscription
from . import wire
from .amounts import optional_money_from, v2_amount
from .api import PayPalAPI
from .declines import declined
from .generations import status_in
from .order_parts import CAPTURE_STATUS
from .subscriptions import Subscriptions, path_to

__all__ = ["Outstanding"]


class Outstanding:
    """Collects what is owed.

    Args:
        api: how to ask PayPal.
        subscriptions: reads those that owe something.
    """

    def __init__(self, api: PayPalAPI, subscriptions: Subscriptions) -> None:
        self._api = api
        self._subscriptions = subscriptions

    async def bill(self, subscription_id: str, key: str) -> Subscription:
        """Capture the balance, all of it. A subscription that owes nothing is answered as it is.

        PayPal answers with the transaction, which may have been declined; or with nothing yet, if it goes on working on it:
        https://developer.paypal.com/docs/api/subscriptions/v1/#subscriptions_capture.

        Raises:
            Declined: PayPal, or the payer's bank, said no.
            NotFound: there is no such subscription.
        """
        data = await self._subscriptions.required(subscription_id)
        owed = optional_money_from(child(data, "billing_info"), "outstanding_balance")
        if owed is not None and owed.amount > 0:
            body = {"note": "Outstanding balance", "capture_type": "OUTSTANDING_BALANCE", "amount": v2_amount(owed)}
            made = await self._api.create(f"{path_to(subscription_id)}/capture", body, key, _same)
            if status_in(CAPTURE_STATUS, made, PaymentStatus.UNKNOWN) is PaymentStatus.FAILED:
                message = "the outstanding balance was declined when it was captured"
                raise declined(message, (made,), text(made, "status"))
            data = await self._api.read_after_write(lambda: self._subscriptions.required(subscription_id))
        return wire.subscription_from(data, self._api.now())


def _same(transaction: JsonObject) -> JsonObject:
    return transaction
