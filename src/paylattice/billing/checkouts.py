"""Checkouts: opening a page where an organisation subscribes, and reading what it brought when the customer is back."""

from collections.abc import Mapping
from typing import Generic

import attrs

from ..errors import Conflict, IdempotencyMismatch, InvalidRequest, NotFound, PaymentError, UnsupportedOperation
from ..idempotency import new_key, sub_key
from ..models import CheckoutSession, OpenCheckout, SubscriptionStatus
from ..provider import BaseProvider
from .commands import StartCheckout
from .customers import Customers, provider_named
from .operation_log import OperationLog
from .ownership import Ownership
from .records import BillingCustomer, BillingSubscription
from .replaced_customers import ReplacedCustomers
from .repository import Tx
from .store import Store
from .subscriptions import Subscriptions
from .webhooks import EventPipeline

__all__ = ["Checkouts"]


class Checkouts(Generic[Tx]):
    """Opens pages, and stores what they brought.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: reads and stores subscriptions.
        log: sends.
        customers: whose checkouts they are.
        ownership: knows where a checkout has to say whose a subscription is.
        replaced: knows which customers are gone at their provider.
        subscriptions: knows who has had a trial.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        log: OperationLog[Tx],
        customers: Customers[Tx],
        ownership: Ownership[Tx],
        replaced: ReplacedCustomers[Tx],
        subscriptions: Subscriptions[Tx],
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._log = log
        self._customers = customers
        self._ownership = ownership
        self._replaced = replaced
        self._subscriptions = subscriptions

    # --- opening -------------------------------------------------------------------------------------------------

    async def start(
        self,
        org_id: str,
        wanted: StartCheckout,
        *,
        email: str,
        name: str | None,
        provider_name: str | None,
        allow_second: bool,
        key: str | None,
    ) -> OpenCheckout:
        """An open page for what is wanted, which says no customer yet.

        Raises:
            Conflict: the organisation has a current subscription; or the page that the key opened is not open any more.
        """
        current = None if allow_second else await self._current(org_id)
        if current is not None:
            message = (
                f"the organisation has a subscription that is {current.status}: change it with change_plan(), cancel it, or "
                "pass allow_second=True to let it pay for two"
            )
            raise Conflict(message, provider=current.provider, operation="start_checkout")
        session = None if key is None else await self._begun(org_id, wanted, key, provider_name)
        if session is None:
            customer = await self._customers.ensure(
                org_id, email=email, name=name, metadata=None, provider_name=provider_name
            )
            if wanted.trial_once and await self._subscriptions.had_trial(org_id, None):
                wanted = attrs.evolve(wanted, trial_days=0)
            session = await self._opened(customer, wanted, key or new_key())
        opened = OpenCheckout.of(session)
        if opened is None:
            message = (
                f"the page that this idempotency key opened is {session.status}: confirm_return({session.id!r}) says how it "
                "ended, and another page needs a new key"
            )
            raise Conflict(message, provider=session.provider or None, operation="start_checkout")
        return opened

    async def _current(self, org_id: str) -> BillingSubscription | None:
        """A current subscription; not one that is gone at the provider, together with its customer."""
        for each in await self._customers.subscriptions(org_id):
            if each.status.is_current and not await self._replaced.is_gone(each):
                return each
        return None

    async def _begun(
        self, org_id: str, wanted: StartCheckout, key: str, provider_name: str | None
    ) -> CheckoutSession | None:
        """The page that was opened, or begun, under this key before."""
        begun = await self._log.begun(self._providers, key, org_id, wanted)
        if begun is None:
            return None
        name = begun.row.provider
        if provider_name not in {None, name}:
            message = "this idempotency key was used before at another provider: a new operation needs a new key"
            raise IdempotencyMismatch(message, provider=provider_name, operation=wanted.operation, idempotency_key=key)
        try:
            session = await self._log.repeat(self._providers[name], begun)
        except (InvalidRequest, NotFound) as error:
            return await self._for_another(org_id, name, begun.command, key, error)
        await self._apply_what_waits(name, session)
        return session

    async def _opened(self, customer: BillingCustomer, wanted: StartCheckout, key: str) -> CheckoutSession:
        """A new page for the customer; for a new customer, if the provider knows this one no more."""
        command = attrs.evolve(wanted, customer_id=customer.external_customer_id)
        try:
            session = await self._log.run(self._providers[customer.provider], command, customer.org_id, key)
        except (InvalidRequest, NotFound) as error:
            return await self._for_another(customer.org_id, customer.provider, command, key, error)
        await self._apply_what_waits(customer.provider, session)
        return session

    async def _for_another(
        self, org_id: str, provider: str, refused: StartCheckout, key: str, error: PaymentError
    ) -> CheckoutSession:
        """The page for the customer in the place of one who is gone. The key is consumed: the page has one made of it.

        Raises:
            PaymentError: the error, if that is not what it says; or what the page for the new customer ends in.
        """
        email = str(refused.customer_email)
        customer = await self._replaced.in_place_of(org_id, provider, refused.customer_id, error, email=email)
        if customer is None:
            raise error
        command = attrs.evolve(refused, customer_id=customer.external_customer_id)
        another = sub_key(key, customer.external_customer_id)
        session = await self._log.run(self._providers[provider], command, org_id, another)
        await self._apply_what_waits(provider, session)
        return session

    async def _apply_what_waits(self, provider: str, session: CheckoutSession) -> None:
        """Apply the events about the session's subscription that came before the log knew whose it is."""
        there = self._providers[provider]
        is_itself = there.checkout_session_of(session.id) == session.id
        subscription_id = session.subscription_id or (session.id if is_itself else None)
        if subscription_id is not None and not self._ownership.is_proven(provider):
            await self._pipeline.apply_parked(provider, external_subscription_id=subscription_id)

    # --- coming back ---------------------------------------------------------------------------------------------

    async def confirm_return(
        self, session_id: str, *, org_id: str | None, provider_name: str | None
    ) -> BillingSubscription | None:
        """Store what a finished checkout brought.

        Raises:
            NotFound: no provider knows the session, or it is another organisation's.
            Conflict: the subscription is another organisation's, or is not what was asked for.
        """
        for name in (provider_name,) if provider_name is not None else await self._who_may_know(session_id):
            session = await self._find_session(name, session_id)
            if session is None:
                continue
            customer = await self._who_started(name, session)
            if customer is None or org_id not in {None, customer.org_id}:
                break
            if session.subscription_id is None:
                return None
            stored = await self._pipeline.observe(name, customer, session.subscription_id, strict=True)
            if stored is not None and stored.customer_id != customer.id:
                message = "what this checkout brought is stored as another organisation's: look at both at the provider"
                raise Conflict(message, provider=name, operation="confirm_return")
            return None if stored is not None and stored.status is SubscriptionStatus.INCOMPLETE else stored
        message = "there is no such checkout session of this organisation"
        raise NotFound(message, operation="confirm_return")

    async def _who_may_know(self, session_id: str) -> tuple[str, ...]:
        """The provider whose session it is, by the operation log, so that no other one has to answer; else all of them."""
        for name in self._providers:
            if await self._store.list_operations(name, external_id=session_id, limit=1):
                return (name,)
        return tuple(self._providers)

    async def _who_started(self, provider: str, session: CheckoutSession) -> BillingCustomer | None:
        """By the operation log; by the session where another application started it, or the log has forgotten.

        Not by the session where a buyer's browser can make one: there, by what is stored.
        """
        started = await self._store.list_operations(provider, external_id=session.id, limit=1)
        if started and started[0].operation == StartCheckout.kind:
            return await self._store.get_customer(started[0].org_id, provider)
        if self._providers[provider].browser_makes_subscriptions:
            return await self._who_has(provider, session)
        if session.customer_id is None:
            return None
        return await self._store.get_customer_by_external_id(provider, session.customer_id)

    async def _who_has(self, provider: str, session: CheckoutSession) -> BillingCustomer | None:
        """Whose what the session brought is: as it is stored, or as the application has decided."""
        if session.subscription_id is None:
            return None
        stored = await self._store.get_subscription(provider, session.subscription_id)
        if stored is not None:
            return await self._store.get_customer_by_id(stored.customer_id)
        return await self._ownership.owner(provider, session.subscription_id)

    async def _find_session(self, name: str, session_id: str) -> CheckoutSession | None:
        try:
            return await provider_named(self._providers, name).get_checkout_session(session_id)
        except (InvalidRequest, UnsupportedOperation):
            if len(self._providers) == 1:
                raise
            return None
