"""Checkouts: opening a page where an organisation subscribes, and reading what it brought when the customer is back."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Generic, TypeAlias

import attrs

from ..errors import Conflict, IdempotencyMismatch, InvalidRequest, NotFound, PaymentError, UnsupportedOperation
from ..idempotency import new_key, sub_key
from ..models import CheckoutSession, CheckoutStatus, OpenCheckout, SubscriptionStatus
from ..operations import Capability
from ..provider import BaseProvider
from .commands import StartCheckout, readable_command_of
from .customers import Customers, provider_named
from .entries import Entry
from .open_pages import OpenPages, Place
from .operation_log import OperationLog
from .owners import Owners
from .pipeline import EventPipeline
from .records import BillingCustomer, BillingOperation, BillingSubscription, OperationState
from .replaced_customers import ReplacedCustomers
from .repository import Tx
from .store import Store
from .subscriptions import Subscriptions

__all__ = ["Checkouts", "OpenPage"]

_Page: TypeAlias = tuple[Place, CheckoutSession]
_MOST_ROUNDS = 10
"""How often a worker looks again after others have replaced the page."""
_DEBITS_TAKE = timedelta(days=14)
"""How long a bank debit may take until it is known whether the money comes."""
_SUBSCRIPTION_COMES_WITHIN = timedelta(days=1)
"""How long after a paid page its subscription may come, at a provider that makes it later."""


@attrs.frozen
class OpenPage:
    """A page that could not be closed.

    Args:
        provider: where it is.
        error: why.
    """

    provider: str
    error: PaymentError


class Checkouts(Generic[Tx]):
    """Opens pages, and stores what they brought.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: reads and stores subscriptions.
        log: sends.
        customers: whose checkouts they are.
        owners: knows where a checkout has to name the owner of a subscription.
        replaced: knows which customers are gone at their provider.
        subscriptions: knows who has had a trial.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        log: OperationLog[Tx],
        customers: Customers[Tx],
        owners: Owners[Tx],
        replaced: ReplacedCustomers[Tx],
        subscriptions: Subscriptions[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._log = log
        self._customers = customers
        self._owners = owners
        self._replaced = replaced
        self._subscriptions = subscriptions
        self._clock = clock
        self._pages = OpenPages(store, log)

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
        """The organisation's open page for what is wanted: the one that is open already, or a new one in its place.

        Raises:
            Conflict: the organisation has a current subscription, or the payment for one is under way.
        """
        product = wanted.plan_id if allow_second else ""
        if wanted.trial_once and await self._subscriptions.had_trial(org_id, None):
            wanted = attrs.evolve(wanted, trial_days=0)
        for _ in range(_MOST_ROUNDS):
            current = None if allow_second else await self._current(org_id)
            if current is not None:
                message = (
                    f"the organisation has a subscription that is {current.status}: change it with change_plan(), cancel "
                    "it, or pass allow_second=True to let it pay for two"
                )
                raise Conflict(message, provider=current.provider, operation="start_checkout")
            await self._check_key(key, org_id, wanted, provider_name)
            places = await self._pages.newest(self._providers, org_id, product)
            pages = [(place, page) for place in places if (page := await self._at(place)) is not None]
            session = await self._open_already(pages, wanted, provider_name, second=allow_second)
            if session is None and await self._all_closed(pages):
                customer = await self._customers.ensure(
                    org_id, email=email, name=name, metadata=None, provider_name=provider_name
                )
                session = await self._in_place_of(places, customer, wanted, product, key)
            opened = None if session is None else OpenCheckout.of(session)
            if opened is not None:
                return opened
        message = "other workers open and replace this organisation's page all the time: try again"
        raise Conflict(message, operation="start_checkout", retryable=True)

    async def _current(self, org_id: str) -> BillingSubscription | None:
        """A current subscription; not one that is gone at the provider, together with its customer."""
        for each in await self._customers.subscriptions(org_id):
            if each.status.is_current and not await self._replaced.is_gone(each):
                return each
        return None

    async def _check_key(self, key: str | None, org_id: str, wanted: StartCheckout, provider_name: str | None) -> None:
        """Refuse a key that was used for something else."""
        begun = None if key is None else await self._log.begun(self._providers, key, org_id, wanted)
        if begun is not None and provider_name not in {None, begun.row.provider}:
            message = "this idempotency key was used before at another provider: a new operation needs a new key"
            raise IdempotencyMismatch(message, provider=provider_name, operation=wanted.operation, idempotency_key=key)

    async def _open_already(
        self, pages: Sequence[_Page], wanted: StartCheckout, provider_name: str | None, *, second: bool
    ) -> CheckoutSession | None:
        """The page that is open, if it is for the same; None: there is none.

        Raises:
            Conflict: the organisation has paid on it, and the money is under way.
        """
        found: CheckoutSession | None = None
        for place, session in pages:
            if place.row is not None and not second:
                await self._check_paid(place, place.row, session)
            same = place.command is not None and place.command.is_for_the_same(wanted)
            usable = same and session.url is not None and provider_name in {None, place.provider}
            if usable and not await self._is_gone(place):
                found = session
        return found

    async def _is_gone(self, place: Place) -> bool:
        """Whether the provider does not know the page's customer any more."""
        provider = self._providers[place.provider]
        if Capability.CUSTOMERS not in provider.capabilities or place.command is None:
            return False
        return await provider.get_customer(place.command.customer_id) is None

    async def _at(self, place: Place) -> CheckoutSession | None:
        """What the provider says of the page at a place; None: it was never opened. One that was begun is finished."""
        row, command = place.row, place.command
        if row is None or command is None or row.state in {OperationState.FAILED, OperationState.ABANDONED}:
            return None
        provider = self._providers[place.provider]
        if row.state is OperationState.DONE and row.external_id is not None:
            return await provider.get_checkout_session(row.external_id)
        try:
            session = await self._log.repeat(provider, Entry(row, command))
        except (InvalidRequest, NotFound):
            return None
        await self._apply_what_waits(place.provider, session)
        return session

    async def _check_paid(self, place: Place, row: BillingOperation, session: CheckoutSession) -> None:
        """Refuse a second purchase while what was bought on the page is under way, or has just come.

        Raises:
            Conflict: it is.
        """
        if session.status not in {CheckoutStatus.PENDING, CheckoutStatus.COMPLETE}:
            return
        waits = session.status is CheckoutStatus.PENDING
        if not waits and session.subscription_id is None:
            waits = abs(self._clock() - row.created_at) < _SUBSCRIPTION_COMES_WITHIN
        customer = await self._store.get_customer(row.org_id, place.provider)
        if not waits and session.subscription_id is not None and customer is not None:
            stored = await self._pipeline.observe(place.provider, customer, session.subscription_id)
            if stored is not None and stored.status.is_current and not await self._replaced.is_gone(stored):
                message = (
                    f"the organisation has just subscribed: {stored.external_subscription_id!r} is {stored.status}. Change it "
                    "with change_plan(), cancel it, or pass allow_second=True to let it pay for two"
                )
                raise Conflict(message, provider=place.provider, operation="start_checkout")
            waits = stored is not None and stored.status is SubscriptionStatus.INCOMPLETE
        if waits:
            until = session.expires_at if session.expires_at is not None else row.created_at + _DEBITS_TAKE
            until = max(until, row.created_at + _DEBITS_TAKE)
            message = (
                f"the organisation has paid on the page {session.id}, and the money is under way: until "
                f"{until:%Y-%m-%d} at the latest, as a rule. Wait for 'subscription.started' or 'checkout.failed', or pass "
                "allow_second=True to let it pay for two"
            )
            raise Conflict(message, provider=place.provider, operation="start_checkout")

    async def close(self, org_id: str) -> list[OpenPage]:
        """Close the organisation's page at each provider. Returns those that may still be paid.

        Pages that were opened with ``allow_second`` are not looked for: there is one for each plan.
        """
        left: list[OpenPage] = []
        for place in await self._pages.newest(self._providers, org_id, ""):
            try:
                session = await self._at(place)
                if session is None or session.status is not CheckoutStatus.OPEN:
                    continue
                await self._closed(place, session)
            except PaymentError as error:
                left.append(OpenPage(place.provider, error))
        return left

    async def _all_closed(self, pages: Sequence[_Page]) -> bool:
        """Close the pages that another one is to replace, where the provider can. False: one was paid in this moment."""
        for place, session in pages:  # not read again: closing one says whether it was paid since
            provider = self._providers[place.provider]
            if session.status is not CheckoutStatus.OPEN or Capability.EXPIRE_CHECKOUT not in provider.capabilities:
                continue
            try:
                closed = await self._closed(place, session)
            except NotFound:
                continue
            if closed.status is not CheckoutStatus.EXPIRED:
                return False
        return True

    async def _closed(self, place: Place, session: CheckoutSession) -> CheckoutSession:
        key = sub_key(place.page_key, "close")
        return await self._providers[place.provider].expire_checkout_session(session.id, idempotency_key=key)

    async def _in_place_of(
        self,
        places: Sequence[Place],
        customer: BillingCustomer,
        wanted: StartCheckout,
        product: str,
        key: str | None,
    ) -> CheckoutSession | None:
        """A new page for the customer in the newest place; None: another worker took it, look again."""
        before = next((each for each in places if each.provider == customer.provider), None)
        if before is not None and before.row is None:
            page_key = before.page_key  # whoever took the place has not opened a page yet, or never will
        else:
            page_key = await self._next_key(customer.provider, key)
            taken = before is not None and before.page_key == page_key
            if not taken and not await self._pages.take(
                customer.provider, customer.org_id, product, page_key, after=before
            ):
                return None
        try:
            return await self._opened(customer, wanted, product, page_key)
        except IdempotencyMismatch:
            if page_key == key:
                raise
            return None  # the worker who took the place has opened another page

    async def _next_key(self, provider: str, key: str | None) -> str:
        """The caller's key; the next one made of it, if it has opened a page already, which is closed."""
        if key is None:
            return new_key()
        while True:
            row = await self._store.get_operation(provider, key)
            if row is None or row.state not in {OperationState.DONE, OperationState.ABANDONED}:
                return key
            key = sub_key(key, "next page")

    async def _opened(
        self, customer: BillingCustomer, wanted: StartCheckout, product: str, key: str
    ) -> CheckoutSession | None:
        """A new page for the customer; for a new customer, if the provider knows this one no more."""
        command = attrs.evolve(wanted, customer_id=customer.external_customer_id)
        try:
            session = await self._log.run(self._providers[customer.provider], command, customer.org_id, key)
        except (InvalidRequest, NotFound) as error:
            return await self._for_another(customer.org_id, customer.provider, command, product, key, error)
        await self._apply_what_waits(customer.provider, session)
        return session

    async def _for_another(
        self, org_id: str, provider: str, refused: StartCheckout, product: str, key: str, error: PaymentError
    ) -> CheckoutSession | None:
        """The page for the customer in the place of one who is gone. The key is consumed: the page has one made of it.

        Raises:
            PaymentError: the error, if that is not what it says; or what the page for the new customer ends in.
        """
        email = str(refused.customer_email)
        row = await self._store.get_operation(provider, key)
        told = None if row is None else readable_command_of(row)
        told = told if isinstance(told, StartCheckout) else refused
        customer = await self._replaced.in_place_of(org_id, provider, told.customer_id, error, email=email)
        if customer is None:
            raise error
        command = attrs.evolve(refused, customer_id=customer.external_customer_id)
        another = sub_key(key, customer.external_customer_id)
        newest = await self._pages.newest([provider], org_id, product)
        before = newest[0] if newest else None
        taken = before is not None and before.page_key == another
        if not taken and not await self._pages.take(provider, org_id, product, another, after=before):
            return None
        session = await self._log.run(self._providers[provider], command, org_id, another)
        await self._apply_what_waits(provider, session)
        return session

    async def _apply_what_waits(self, provider: str, session: CheckoutSession) -> None:
        """Apply the events about the session's subscription that came before the log knew whose it is."""
        there = self._providers[provider]
        is_itself = there.checkout_session_of(session.id) == session.id
        subscription_id = session.subscription_id or (session.id if is_itself else None)
        if subscription_id is not None and not self._owners.is_proven(provider):
            await self._pipeline.apply_unmatched(provider, external_subscription_id=subscription_id)

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
        return await self._owners.owner_of(provider, session.subscription_id)

    async def _find_session(self, name: str, session_id: str) -> CheckoutSession | None:
        try:
            return await provider_named(self._providers, name).get_checkout_session(session_id)
        except (InvalidRequest, UnsupportedOperation):
            if len(self._providers) == 1:
                raise
            return None
