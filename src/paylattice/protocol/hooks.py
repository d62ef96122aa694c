"""What billing asks a provider besides its operations. The defaults know nothing, send nothing, and change nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from ..invoice_facts import described_by
from . import PaymentProvider

if TYPE_CHECKING:
    from ..events import WebhookEvent
    from ..models import CheckoutSession, Customer, Invoice, Payment, Refund, Subscription
    from ..money import Money

__all__ = ["BillingHooks"]


class BillingHooks(PaymentProvider):
    """What a provider may know beyond its operations: :class:`~paylattice.BaseProvider` inherits the defaults."""

    async def verify_with_provider(self, event: "WebhookEvent") -> "WebhookEvent":
        """Read an event's facts again from the provider, if a verified delivery alone does not prove them.

        Billing calls this before it applies an event (unless ``refetch=False``). The default trusts the delivery.

        Raises:
            VerificationUnavailable: the facts cannot be found, or cannot be read now; the provider delivers again.
        """
        return event

    async def follow_links(self, event: "WebhookEvent") -> "WebhookEvent":
        """Return the event with the customer, the subscription and the checkout that its money leads to, where it lacks them.

        Billing calls this for a refund, a dispute or a payment that names no customer, so that the provider's objects decide
        who owns it: refund, payment, order, invoice, subscription; and for a paid invoice that does not name its payments. It
        takes a few reads at most, and leaves out what it cannot find. The default follows nothing.

        Args:
            event: an event about money.
        """
        return event

    async def read_checkout(
        self, session_id: str, *, evidence: Mapping[str, str], claimed: Sequence[str] = (), alone: bool = False
    ) -> "CheckoutSession | None":
        """Return the checkout session, read with what is known of it besides; None if it does not exist.

        Billing calls this. The default reads the session, which says everything at most providers.

        Args:
            session_id: the provider's id of the session.
            evidence: what the page where the buyer came back has in its URL, without the references of other sessions; or
                ``payment_id`` of a payment that has the checkout's :meth:`checkout_mark`. A buyer can write it: it only says
                where to look.
            claimed: the ids of subscriptions that other sessions have brought.
            alone: whether no other organisation has, or had since, a page for the same plan that has brought nothing. Only then
                may what nothing ties to one of several pages be taken for this one's.
        """
        return await self.get_checkout_session(session_id)

    def checkout_mark(self, event: "WebhookEvent") -> str | None:
        """Return the mark in a payment's event that names its checkout, other than by its reference; None: there is none.

        The mark is ``paylattice.idempotency.mark_of`` the key under which the checkout was started. Billing calls this for
        payments whose reference it does not know. The default is None.
        """
        return None

    def describe_invoice(self, invoice: "Invoice", subscription: "Subscription") -> "Invoice":
        """Return the invoice with its reason, its period and its lines, where it lacks them and its subscription has them.

        Billing calls this before handlers run, with a subscription that it has just read; this sends nothing. The default
        uses the subscription's current period and start.

        Args:
            invoice: the invoice of an event.
            subscription: the subscription that it bills, as the provider returned it.
        """
        return described_by(subscription, invoice)

    async def find_created_customer(
        self,
        key: str,
        since: datetime,
        *,
        email: str | None,
        name: str | None = None,
        metadata: "Mapping[str, str] | None" = None,
    ) -> "Customer | None":
        """Return the customer that ``create_customer`` made with these arguments, in a process that crashed afterwards.

        Billing calls this when the provider has forgotten the key. The default cannot know, and returns None. If you
        override it, be sure: another customer with the same e-mail address is not the one.

        Args:
            key: the idempotency key of the creation.
            since: when the creation began; aware.
            email: the e-mail address that was passed to ``create_customer``, if one was.
            name: the name that was passed to it.
            metadata: the metadata that was passed to it.
        """
        return None

    async def missing_because(self, customer_id: str) -> Literal["deleted", "other_mode"] | None:
        """Return why ``get_customer`` finds no customer: they were deleted, or exist in the other mode (test or live).

        Adoption calls this for its report. The default does not know.

        Args:
            customer_id: the provider's id of the customer.
        """
        return None

    async def find_payment(self, key: str, since: datetime, *, customer_id: str | None) -> "Payment | None":
        """Return the payment that ``create_payment`` made under an idempotency key, even if the provider has forgotten the key.

        Billing calls this before it gives up a charge whose answer was lost: it never charges again. The default cannot
        know, and returns None. If you override it, store the key with the payment, and return no other payment.

        Args:
            key: the idempotency key of the charge.
            since: when the charge was first sent, or about to be sent; aware.
            customer_id: the provider's id of the charged customer. None: a guest.
        """
        return None

    async def find_refund(
        self, key: str, since: datetime, *, payment_id: str, amount: "Money | None" = None
    ) -> "Refund | None":
        """Return the refund that ``refund_payment`` made under an idempotency key, even if the provider has forgotten the key.

        The default cannot know, and returns None. If you override it, store the key with the refund, and return no other.

        Args:
            key: the idempotency key of the refund.
            since: when the refund was first sent, or about to be sent; aware.
            payment_id: the provider's id of the refunded payment.
            amount: the amount that was passed to ``refund_payment``. A provider that sends several requests for one refund
                needs it to know whether all of it was given back.
        """
        return None

    async def find_subscription(self, key: str, since: datetime, *, customer_id: str) -> "Subscription | None":
        """Return the subscription that ``create_subscription`` began under an idempotency key, even if that is forgotten.

        The default cannot know, and returns None. If you override it, store the key with the subscription, and return no other.

        Args:
            key: the idempotency key of the subscription.
            since: when it was first asked for; aware.
            customer_id: the provider's id of the customer.
        """
        return None
