"""The service's operations on saved payment methods and on what is owed, all through the operation log."""

from collections.abc import Mapping

from ..checking import checking_class
from ..frames import clearing_class
from ..models import CheckoutSession, PaymentMethod
from .commands import SavePaymentMethod, StartSetup
from .inputs import CHECKS
from .payment_methods import NewCustomer
from .records import BillingSubscription
from .repository import Tx
from .wiring import Wired

__all__ = ["PaymentMethodOperations"]


@clearing_class
@checking_class(CHECKS)
class PaymentMethodOperations(Wired[Tx]):
    """Save, list, choose and remove payment methods; collect what is owed. :class:`paylattice.BillingService` inherits it."""

    async def start_setup(
        self,
        org_id: str,
        *,
        success_url: str,
        cancel_url: str,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        provider_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """Open a hosted page where the organisation saves a payment method, and pays nothing.

        When the customer is back, pass the session's id to :meth:`save_payment_method`: it works for this organisation alone.
        Square has no such page: use the card form of its Web Payments SDK.

        Args:
            org_id: your id of the organisation.
            success_url: where the customer returns.
            cancel_url: where a customer who gives up returns.
            email: the e-mail address of a new customer.
            name: the name of a new customer.
            metadata: your own keys and values, on the session where the provider stores them; ``org_id`` is added.
            provider_name: the provider. None: the organisation's present provider, else the one from ``select``.
            idempotency_key: your own key, so that you can repeat the call. None: every call opens a page of its own.

        Raises:
            UnsupportedOperation: the provider has no such page; the error says what to do instead.
        """
        self._parts.handlers.refuse_inside()
        wanted = StartSetup(
            success_url=success_url, cancel_url=cancel_url, metadata={**(metadata or {}), "org_id": org_id}
        )
        new = NewCustomer(email, name, provider_name)
        return await self._parts.payment_methods.start_setup(org_id, wanted, new, idempotency_key)

    async def save_payment_method(
        self,
        org_id: str,
        token: str,
        *,
        verification_token: str | None = None,
        email: str | None = None,
        name: str | None = None,
        provider_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentMethod:
        """Save a payment method: what the organisation's browser got, or what was agreed to on the page of :meth:`start_setup`.

        Args:
            org_id: your id of the organisation. Take it from the login, not from the request.
            token: what the provider's JavaScript returned, or the id of the setup session. It serves once.
            verification_token: proof that the payer authenticated, where the provider's JavaScript returns it apart.
            email: the e-mail address of a new customer.
            name: the name of a new customer.
            provider_name: the provider. None: that of the page, else the organisation's present one, else the one from
                ``select``.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Raises:
            NotFound: the page was opened for another organisation.
            Declined: the bank declined the card.
            ActionRequired: the payer has not finished on the page yet; ``url`` leads there.
            InvalidRequest: the token is none, was used before, or is another customer's.
            IdempotencyMismatch: the provider has forgotten the key, and billing cannot find what was saved: look at
                :meth:`payment_methods`.
        """
        self._parts.handlers.refuse_inside()
        wanted = SavePaymentMethod(token=token, verification_token=verification_token)
        new = NewCustomer(email, name, provider_name)
        return await self._parts.payment_methods.save(org_id, wanted, new, idempotency_key)

    async def payment_methods(self, org_id: str) -> list[PaymentMethod]:
        """List the organisation's saved payment methods, at all its providers.

        Args:
            org_id: your id of the organisation.

        Raises:
            UnsupportedOperation: its provider lists none.
        """
        return await self._parts.payment_methods.of(org_id)

    async def set_payment_method(
        self,
        org_id: str,
        payment_method_id: str,
        *,
        subscription_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> list[BillingSubscription]:
        """Choose which saved payment method pays: one subscription, or all current ones and those to come.

        Nothing is charged now: :meth:`bill_outstanding` collects what is owed.

        Args:
            org_id: your id of the organisation.
            payment_method_id: the provider's id of one of :meth:`payment_methods`.
            subscription_id: the provider's id of the subscription. None: all current ones at its provider, and the customer's
                default where the provider has such (Square has none).
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Returns:
            The subscriptions that it pays now, as stored.

        Raises:
            NotFound: the organisation has no customer, or no such subscription.
            InvalidRequest: the organisation has no such payment method.
            Conflict: a newer call has chosen another one since; nothing was sent.
            UnsupportedOperation: the payer alone chooses (PayPal).
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.payment_methods.choose(org_id, payment_method_id, subscription_id, idempotency_key)

    async def remove_payment_method(
        self, org_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> None:
        """Remove a saved payment method for good. One that was removed before is no error.

        Choose another one first for the subscriptions that it pays: their next payments would fail.

        Args:
            org_id: your id of the organisation.
            payment_method_id: the provider's id of one of :meth:`payment_methods`.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Raises:
            NotFound: the organisation has no customer.
            InvalidRequest: the organisation has no such payment method.
        """
        self._parts.handlers.refuse_inside()
        await self._parts.payment_methods.remove(org_id, payment_method_id, idempotency_key)

    async def bill_outstanding(
        self, org_id: str, *, subscription_id: str | None = None, idempotency_key: str | None = None
    ) -> BillingSubscription:
        """Collect what a subscription owes, with what pays it now. The same key collects once.

        If nothing is owed, nothing is sent. PayPal's collection can take a while, and a subscription that PayPal has suspended
        stays so: call :meth:`BillingService.resume` once nothing is owed.

        Args:
            org_id: your id of the organisation.
            subscription_id: the provider's id of the subscription. None: the only one that owes something.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards: ``active`` again, if the money came.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: there are several candidates; the message names them.
            Declined: the bank declined. Another attempt needs another key.
            ActionRequired: the payer has to authenticate; ``url`` leads there.
            IdempotencyMismatch: the provider has forgotten the key, and something is owed still.
            UnsupportedOperation: the provider (Square) collects by itself; the error says what to do instead.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.bill(org_id, subscription_id, idempotency_key)
