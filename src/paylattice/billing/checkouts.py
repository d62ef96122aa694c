"""Checkouts: opening a page where an organisation subscribes, and closing it."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Generic

import attrs

from ..errors import Conflict, IdempotencyMismatch, InvalidRequest, NotFound, PaymentError
from ..idempotency import new_key, sub_key
from ..models import CheckoutSession, CheckoutStatus, OpenCheckout, SubscriptionStatus
from ..operations import Capability
from ..provider import BaseProvider
from .checkout_correlation import PAID_FOR
from .commands import StartCheckout, readable_command_of
from .customers import Customers
from .operation_log import OperationLog
from .owners import Owners
from .pages import Page, Pages, PlaceTaken
from .pipeline import EventPipeline
from .records import BillingCheckout, BillingCustomer, BillingOperation, OperationState
from .replaced_customers import ReplacedCustomers
from .repository import Tx
from .second_purchase import SecondPurchase
from .store import Store
from .subscriptions import Subscriptions

__all__ = ["Checkouts", "OpenPage"]

_MOST_ROUNDS = 10
"""How often a worker looks again after others have replaced the page."""
_DEBITS_TAKE = timedelta(days=14)
"""How long a bank debit may take until it is known whether the money comes."""
_SUBSCRIPTION_COMES_WITHIN = timedelta(days=1)
"""How long after a paid page its subscription may come, at a provider that makes it later."""


@attrs.frozen
class OpenPage:
    """A page that could not be closed, or that was paid, and what it brought cannot be stored.

    Args:
        provider: where it is.
        error: why.
        subscription_id: the provider's id of what it brought; None: not known.
    """

    provider: str
    error: PaymentError
    subscription_id: str | None = None


class Checkouts(Generic[Tx]):
    """Opens pages, and stores what they brought.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: reads and stores subscriptions.
        log: sends.
        pages: which are open.
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
        pages: Pages[Tx],
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
        self._pages = pages
        self._customers = customers
        self._owners = owners
        self._replaced = replaced
        self._second = SecondPurchase(store, providers, log, replaced)
        self._subscriptions = subscriptions
        self._clock = clock

    # --- opening -------------------------------------------------------------------------------------------------

    async def start(
        self,
        org_id: str,
        wanted: StartCheckout,
        *,
        email: str | None,
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
            if not allow_second:
                await self._second.refuse(org_id, wanted.operation)
            await self._check_key(key, org_id, wanted, provider_name)
            page = await self._read(await self._store.get_checkout(org_id, product))
            session = await self._open_already(page, wanted, provider_name, second=allow_second)
            if session is None and await self._is_closed(page):
                customer = await self._customers.ensure(
                    org_id, email=email, name=name, metadata=None, provider_name=provider_name
                )
                session = await self._in_place_of(page, customer, wanted, product, key)
            opened = None if session is None else OpenCheckout.of(session)
            if opened is not None:
                return opened
        message = "other workers open and replace this organisation's page all the time: try again"
        raise Conflict(message, operation="start_checkout", retryable=True)

    async def make_room(self, org_id: str, operation: str, key: str) -> None:
        """Close the organisation's open page, for a subscription that begins without one under the key.

        A page that its provider cannot close is replaced: what is paid on it is the second subscription.

        Raises:
            Conflict: the organisation has a current subscription, or the payment for one is under way.
        """
        await self._second.refuse(org_id, operation, key)
        page = await self._read(await self._store.get_checkout(org_id, ""))
        if page is not None and page.session is not None:
            await self._check_paid(page.checkout, page.session)
        if not await self._is_closed(page):
            message = "the organisation pays on its open page at this moment: wait for 'subscription.started'"
            raise Conflict(message, operation=operation)
        if page is not None and page.session is not None and page.session.status is CheckoutStatus.OPEN:
            await self._store.replace_checkout(page.checkout, now=self._clock())

    async def _check_key(self, key: str | None, org_id: str, wanted: StartCheckout, provider_name: str | None) -> None:
        """Refuse a key that was used for something else."""
        begun = None if key is None else await self._log.begun(self._providers, key, org_id, wanted)
        if begun is not None and provider_name not in {None, begun.row.provider}:
            message = "this idempotency key was used before at another provider: a new operation needs a new key"
            raise IdempotencyMismatch(message, provider=provider_name, operation=wanted.operation, idempotency_key=key)

    async def _read(self, checkout: BillingCheckout | None) -> Page | None:
        if checkout is None:
            return None
        page = await self._pages.read(checkout)
        if page.session is not None:
            await self._apply_what_waits(checkout.provider, page.session)
        return page

    async def _open_already(
        self, page: Page | None, wanted: StartCheckout, provider_name: str | None, *, second: bool
    ) -> CheckoutSession | None:
        """The page, if it is open, and for the same; None: it is not.

        Raises:
            Conflict: the organisation has paid on it, and the money is under way.
        """
        if page is None or page.session is None:
            return None
        if not second:
            await self._check_paid(page.checkout, page.session)
        same = page.command is not None and page.command.is_for_the_same(wanted)
        usable = same and page.session.url is not None and provider_name in {None, page.checkout.provider}
        return page.session if usable and not await self._is_gone(page) else None

    async def _is_gone(self, page: Page) -> bool:
        """Whether the provider does not know the page's customer any more."""
        provider = self._providers[page.checkout.provider]
        if Capability.CUSTOMERS not in provider.capabilities or page.command is None:
            return False
        return await provider.get_customer(page.command.customer_id) is None

    async def _check_paid(self, checkout: BillingCheckout, session: CheckoutSession) -> None:
        """Refuse a second purchase while what was bought on the page is under way, or has just come.

        Raises:
            Conflict: it is.
        """
        if session.status not in {CheckoutStatus.PENDING, CheckoutStatus.COMPLETE}:
            return
        waits = session.status is CheckoutStatus.PENDING
        if not waits and session.subscription_id is None:
            waits = abs(self._clock() - checkout.created_at) < _SUBSCRIPTION_COMES_WITHIN
        customer = await self._store.get_customer(checkout.org_id, checkout.provider)
        if not waits and session.subscription_id is not None and customer is not None:
            stored = await self._pipeline.observe(checkout.provider, customer, session.subscription_id)
            if stored is not None and stored.status.is_current and not await self._replaced.is_gone(stored):
                message = (
                    f"the organisation has just subscribed: {stored.external_subscription_id!r} is {stored.status}. Change it "
                    "with change_plan(), cancel it, or pass allow_second=True to let it pay for two"
                )
                raise Conflict(message, provider=checkout.provider, operation="start_checkout")
            waits = stored is not None and stored.status is SubscriptionStatus.INCOMPLETE
        if waits:
            until = checkout.created_at + _DEBITS_TAKE
            until = until if session.expires_at is None else max(until, session.expires_at)
            message = (
                f"the organisation has paid on the page {session.id}, and the money is under way: until "
                f"{until:%Y-%m-%d} at the latest, as a rule. Wait for 'subscription.started' or 'checkout.failed', or pass "
                "allow_second=True to let it pay for two"
            )
            raise Conflict(message, provider=checkout.provider, operation="start_checkout")

    async def close(self, org_id: str) -> list[OpenPage]:
        """Close the organisation's open pages, and store what was bought on the others, also on those that were replaced.

        Returns:
            Those that may be paid yet, and those that are paid, and whose subscription is not stored.
        """
        left: list[OpenPage] = []
        for checkout in await self._store.list_checkouts(org_id):
            if checkout.place is None and not self._may_bring_more(checkout):
                continue
            session: CheckoutSession | None = None
            try:
                page = await self._read(checkout)
                session = None if page is None else await self._closed(page)
                if page is not None and session is not None:
                    await self._store_brought(page.checkout, session)
            except PaymentError as error:
                left.append(OpenPage(checkout.provider, error, None if session is None else session.subscription_id))
        return left

    def _may_bring_more(self, replaced: BillingCheckout) -> bool:
        """Whether a replaced page may be open still, or may have been paid and its subscription has not come."""
        now = self._clock()
        is_recent = abs(now - replaced.created_at) < PAID_FOR and replaced.session_id is not None
        return is_recent or replaced.may_be_left_open(now=now)

    async def _closed(self, page: Page) -> CheckoutSession | None:
        """The page's session, closed if it was open, unless it was paid in this moment."""
        if page.session is None or page.session.status is not CheckoutStatus.OPEN:
            return page.session
        try:
            return await self._pages.close(page.checkout, page.session)
        except (Conflict, InvalidRequest):
            again = (await self._pages.read(page.checkout)).session
            if again is not None and again.status is CheckoutStatus.OPEN:
                raise
            return again

    async def _store_brought(self, checkout: BillingCheckout, session: CheckoutSession) -> None:
        """Store the subscription that a paid page brought, before its webhook comes.

        Raises:
            Conflict: it has not come yet, or is not what was asked for.
        """
        name, bought = checkout.provider, session.subscription_id
        if session.status in {CheckoutStatus.OPEN, CheckoutStatus.EXPIRED}:
            return
        customer = await self._store.get_customer(checkout.org_id, name)
        if bought is not None and customer is not None:
            stored = await self._store.get_subscription(name, bought)
            stored = stored or await self._pipeline.observe(name, customer, bought, strict=True)
            if stored is not None or session.status is CheckoutStatus.COMPLETE:
                return
        if session.status is CheckoutStatus.UNKNOWN:
            return
        message = (
            f"the page {session.id} was paid, and its subscription has not come yet: repeat this in some minutes, and look at "
            "the payment at the provider if it does not come"
        )
        is_recent = abs(self._clock() - checkout.updated_at) < PAID_FOR
        raise Conflict(message, provider=name, operation="cancel_subscription", retryable=is_recent)

    async def _is_closed(self, page: Page | None) -> bool:
        """Close a page that another one is to replace, where the provider can. False: it was paid in this moment."""
        if page is None or page.session is None or page.session.status is not CheckoutStatus.OPEN:
            return True
        if Capability.EXPIRE_CHECKOUT not in self._providers[page.checkout.provider].capabilities:
            return True
        try:
            closed = await self._pages.close(page.checkout, page.session)
        except NotFound:
            return True
        return closed.status is CheckoutStatus.EXPIRED

    async def _in_place_of(
        self, page: Page | None, customer: BillingCustomer, wanted: StartCheckout, product: str, key: str | None
    ) -> CheckoutSession | None:
        """A new page for the customer in the place of another one; None: another worker took it, look again."""
        command = attrs.evolve(wanted, customer_id=customer.external_customer_id)
        insert: Callable[[BillingOperation], Awaitable[bool]] | None = None
        if key is not None and page is not None and page.is_to_be_opened(customer.provider, key):
            page_key = key
        else:
            page_key = await self._next_key(customer.provider, key)
            insert = partial(self._pages.take, product, command.plan_id, None if page is None else page.checkout)
        try:
            return await self._opened(customer, command, product, page_key, insert)
        except PlaceTaken:
            return None

    async def _next_key(self, provider: str, key: str | None) -> str:
        """The caller's key; the next one made of it, if it has opened a page already, which is closed."""
        if key is None:
            return new_key()
        while True:
            row = await self._store.get_operation(provider, key)
            begun = await self._store.get_checkout_by_key(provider, key)
            if begun is None and (row is None or row.state not in {OperationState.DONE, OperationState.ABANDONED}):
                return key
            key = sub_key(key, "next page")

    async def _opened(
        self,
        customer: BillingCustomer,
        command: StartCheckout,
        product: str,
        key: str,
        insert: Callable[[BillingOperation], Awaitable[bool]] | None,
    ) -> CheckoutSession:
        """A new page for the customer; for a new customer, if the provider knows this one no more.

        Raises:
            PlaceTaken: another worker has opened another page.
        """
        name = customer.provider
        try:
            session = await self._log.run(self._providers[name], command, customer.org_id, key, insert=insert)
        except (InvalidRequest, NotFound) as error:
            another = await self._in_place_of_the_gone(customer, command, key, error)
            taken = await self._store.get_checkout_by_key(name, key)
            insert = partial(self._pages.take, product, command.plan_id, taken)
            key = sub_key(key, another.customer_id)
            session = await self._log.run(self._providers[name], another, customer.org_id, key, insert=insert)
        await self._apply_what_waits(name, session)
        return session

    async def _in_place_of_the_gone(
        self, customer: BillingCustomer, refused: StartCheckout, key: str, error: PaymentError
    ) -> StartCheckout:
        """The page for the customer in the place of one who is gone. The key is consumed: the page has one made of it.

        Raises:
            PaymentError: the error, if that is not what it says.
        """
        email = refused.customer_email
        row = await self._store.get_operation(customer.provider, key)
        told = None if row is None else readable_command_of(row)
        told = told if isinstance(told, StartCheckout) else refused
        found = await self._replaced.in_place_of(
            customer.org_id, customer.provider, told.customer_id, error, email=email
        )
        if found is None:
            raise error
        return attrs.evolve(refused, customer_id=found.external_customer_id)

    async def _apply_what_waits(self, provider: str, session: CheckoutSession) -> None:
        """Apply the events about the session's subscription that came before the log knew whose it is."""
        if provider in self._owners.proving:
            return
        is_itself = self._providers[provider].checkout_session_of(session.id) == session.id
        subscription_id = session.subscription_id or (session.id if is_itself else None)
        if subscription_id is not None:
            await self._pipeline.apply_unmatched(provider, external_subscription_id=subscription_id)
