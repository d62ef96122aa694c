"""The service's operations on an organisation's customers, and on what is stored about people."""

from collections.abc import Mapping

from ..checking import checking_class
from ..frames import clearing_class
from .commands import UpdateCustomer
from .erasing import ErasedOrganisation
from .inputs import CHECKS
from .records import BillingCustomer
from .repository import Tx
from .transferring import TransferredOrganisation
from .wiring import Wired

__all__ = ["CustomerOperations"]


@clearing_class
@checking_class(CHECKS)
class CustomerOperations(Wired[Tx]):
    """Create customers, and correct what is known of them. :class:`paylattice.BillingService` inherits it."""

    async def ensure_customer(
        self,
        org_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        phone: str | None = None,
        metadata: Mapping[str, str] | None = None,
        provider_name: str | None = None,
    ) -> BillingCustomer:
        """Return the organisation's customer. Create it at the provider if there is none yet.

        Each organisation has one customer per provider, even if you call this twice at the same time, or again after a crash
        between the provider's answer and the insert: the idempotency key comes from the organisation and the provider. A
        creation with an unknown outcome is finished with its original arguments. The record then has the e-mail address and
        the name of that call, not of this one.

        An existing customer stays as they are: other details than the stored ones change nothing, and a log record at INFO says
        so. Otherwise a call with what your application knew last year would undo what somebody corrected since. Use
        :meth:`update_customer`.

        Args:
            org_id: your id of the organisation.
            email: the e-mail address of a new customer. None: not known; Square needs this, a name or a phone number.
            name: the name of a new customer.
            phone: the phone number of a new customer, best with a plus sign and the country code. PayPal keeps none.
            metadata: your own keys and values for a new customer; ``org_id`` is added.
            provider_name: the provider. None: the organisation's present provider, else the one from ``select``.

        Raises:
            Conflict: the provider's customer belongs to another organisation.
            PaymentError: the provider cannot create one now.
        """
        return await self._parts.customers.ensure(
            org_id, email=email, name=name, phone=phone, metadata=metadata, provider_name=provider_name
        )

    async def update_customer(
        self,
        org_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        phone: str | None = None,
        provider_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingCustomer:
        """Correct the organisation's e-mail address, name or phone number, at its providers and in the record.

        The record also follows what is changed at the provider, in its dashboard for example, once the webhook
        (``customer.updated``) arrives. PayPal has no customers: there, the record alone changes, and the payer's own account
        decides where receipts go.

        Args:
            org_id: your id of the organisation.
            email: the new e-mail address. None: it stays.
            name: the new name. None: it stays.
            phone: the new phone number, best with a plus sign and the country code. None: it stays.
            provider_name: the provider. None: all providers of this service where the organisation has a customer.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Returns:
            The customer as stored afterwards; of several, the one with the primary subscription.

        Raises:
            NotFound: the organisation has no customer, or none there. Or it was deleted at the provider: the next
                :meth:`BillingService.start_checkout` replaces it.
            Conflict: a newer call has changed the same since; nothing was sent.
            InvalidRequest: there is nothing to change, or the provider does not accept it.
        """
        self._parts.handlers.refuse_inside()
        wanted = UpdateCustomer(email=email, name=name, phone=phone)
        changed = await self._parts.details.update(org_id, wanted, provider_name=provider_name, key=idempotency_key)
        return changed[0]

    async def transfer(self, org_id: str, to_org_id: str) -> TransferredOrganisation:
        """Give the billing of an organisation to another one: a company is merged, or a workspace gets a new id.

        Customers at all providers, subscriptions, pages, events, usage and the operation log are the other organisation's
        afterwards, all at once: a crash leaves everything where it was, or everything moved. Deliveries, returns and retries
        that come later find it, also where the provider still names the old id. A command that you repeat under its key, for
        the other organisation, is still the same command: nothing is charged twice. Where the provider's customer names the
        old id (``org_id`` in its metadata at Stripe, its reference at Square), a command in the operation log writes the new
        one.

        A customer that the other organisation has at the same provider gives way, if it pays for nothing there: its history
        stays. Of two open pages for one product, the newer one stays. Call it a second time, and nothing changes.

        What was under way is finished first. Your own records are yours to change: do it after this, since handlers of
        deliveries before it had the old id.

        Args:
            org_id: your id of the organisation that has the billing. If it checks out again later, it begins anew.
            to_org_id: your id of the organisation that gets it.

        Returns:
            The customers that were transferred, and what is still to be written at a provider.

        Raises:
            InvalidRequest: both are the same.
            NotFound: the organisation has no customer, and none of it was transferred to the other one.
            Conflict: the other organisation has a current subscription at the same provider; or an operation of one of them, or
                a migration, is under way. Nothing was transferred.
            PaymentError: a provider cannot be asked now. Nothing was transferred.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.transferring.transfer(org_id, to_org_id)

    async def export(self, org_id: str) -> dict[str, object]:
        """Return everything that is stored about the organisation, ready for JSON: what it may ask you for.

        The keys are ``org_id`` and the names of the tables; the values are lists of rows. Times are in UTC, in ISO 8601.

        Args:
            org_id: your id of the organisation.
        """
        return await self._parts.exporting.export(org_id)

    async def erase(self, org_id: str, *, end_subscriptions: bool = True) -> ErasedOrganisation:
        """Forget the organisation: end its subscriptions, delete its customers, take what is personal out of the records.

        Repeat it until ``is_complete``: after a crash, or while a provider is down, it goes on where it was. Deliveries that
        come afterwards find their organisation, are applied once, and bring nothing personal back. What the books need
        stays: ids, plans, amounts and times. If the organisation comes back, :meth:`ensure_customer` and
        :meth:`BillingService.start_checkout` create a new customer.

        Args:
            org_id: your id of the organisation. It stays in the records: if it says who a person is, replace it yourself.
            end_subscriptions: False refuses while a subscription goes on. True ends them now; where the provider ends none
                now (Square), deleting the customer does.

        Returns:
            What was ended, which records stay and why, and what the providers keep.

        Raises:
            Conflict: a subscription goes on, and is not to be ended.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.erasing.erase(org_id, end_subscriptions=end_subscriptions)
