"""The service's operations on subscriptions after the sale, all through the operation log."""

from ..checking import checking_class
from ..frames import clearing_class
from .inputs import CHECKS
from .records import BillingSubscription
from .repository import Tx
from .wiring import Wired

__all__ = ["SubscriptionOperations"]


@clearing_class
@checking_class(CHECKS)
class SubscriptionOperations(Wired[Tx]):
    """Take back a cancellation. :class:`paylattice.BillingService` inherits it."""

    async def uncancel(
        self, org_id: str, *, subscription_id: str | None = None, idempotency_key: str | None = None
    ) -> BillingSubscription:
        """Take back a cancellation at the end of the period: the subscription goes on. One that is not set to end stays so.

        Args:
            org_id: your id of the organisation.
            subscription_id: the provider's id of the subscription. None: the only current one that is set to end.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: it has ended. Or there are several candidates; the message names them. Or a newer or simultaneous command
                of the same subscription supersedes this one. Nothing was sent.
            UnsupportedOperation: the provider (PayPal) ends subscriptions at once, and brings none back.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.uncancel(org_id, subscription_id, idempotency_key)
