"""The face of billing: organisations, their checkout, their subscription, their invoices, their webhooks."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Generic, Self, TypeVar

import attrs

from ..arguments import check_timedelta, check_utc
from ..checking import checking_class
from ..errors import (
    ConfigurationError,
    Conflict,
    Diagnosis,
    InvalidRequest,
    MalformedPayload,
    NotFound,
    PaymentError,
    UnsupportedOperation,
    WebhookError,
)
from ..events import EventType, WebhookEvent
from ..frames import clearing_class
from ..models import CheckoutSession, Invoice, OpenCheckout, Subscription, SubscriptionChange, SubscriptionStatus
from ..operations import Capability
from ..provider import BaseProvider, Headers, PaymentProvider
from ..transport.primitives import AsyncPrimitives, Primitives
from .access import DEFAULT_POLICY, Access, AccessPolicy, access_of
from .customers import Customers, check_org
from .finding import Finder
from .handlers import Handlers
from .inputs import CHECKS
from .journal import CANCEL, CHANGE, CHECKOUT, Journal
from .maintenance.catch_up import CatchUp, CaughtUp
from .maintenance.maintain import Maintainer, Plan
from .maintenance.purge import DroppedEvents, Purge
from .maintenance.reconcile import Difference, Reconciled, Reconciliation
from .maintenance.recover import Recovered, Recovery
from .maintenance.report import MaintenanceReport
from .orders import Orders
from .ownership import Ownership, RefusedSubscription
from .parts import check_parts, check_repository, check_world, providers_of
from .precedence import LONG_AGO, first, rank
from .records import BillingCustomer, BillingSubscription
from .replacing import ReplacedCustomer, Replacing
from .replies import OK, WebhookReply, check_body, log_failed, log_refused, reply_to
from .repository import BillingRepository, Tx
from .store import Store
from .webhooks import EventPipeline, WebhookOutcome

__all__ = ["BillingService", "RejectedWebhook"]

H = TypeVar("H", bound=Callable[..., Awaitable[None] | None])

_log = logging.getLogger("paylattice")


@attrs.frozen
class RejectedWebhook:
    """A delivery that was not accepted, for metrics and alerts. Headers and body are withheld.

    Args:
        provider: for which it came; empty where the service has none of that name, which anybody can make up.
        error: the class of the error.
        diagnosis: the likely cause.
    """

    provider: str
    error: str
    diagnosis: Diagnosis


def utc_now() -> datetime:
    return datetime.now(UTC)


@clearing_class
@checking_class(CHECKS)
class BillingService(Generic[Tx]):
    """Billing for organisations, over one or several providers and a repository.

    Args:
        provider: one, or several with different names; whatever satisfies :class:`paylattice.PaymentProvider`.
        repository: where the records are kept.
        select: the name of the provider for a NEW customer, by organisation; known customers stay where they are.
            Needed with several providers.
        require: what every provider must be able to do; checked now rather than in front of a customer.
        refetch: read a subscription again from the provider before a webhook changes it. False believes the payload:
            one request less, and deliveries within one second may end in the wrong order. Nor is an event confirmed at a
            provider whose signatures can be forged (PayPal): leave it True there.
        clock: the time; aware.
        on_rejected: told of every delivery that was not accepted. What it raises is logged and otherwise ignored.
        on_refused: told of every subscription that grants nothing, as no checkout of billing's has brought it, or as its
            plan, quantity or prices are not what was asked for: at a provider where a buyer can make or change one without
            your server (PayPal, Square). Once in each process; it is also logged.
        on_replaced: told of every customer whom their provider does not know any more, and in whose place a new one was made:
            see :meth:`start_checkout`. What it raises is logged and otherwise ignored.
        primitives: how to do several things at a time; None: on the running event loop.

    Raises:
        ConfigurationError: no provider, two of one name, several and no ``select``; or an argument is of the wrong kind,
            such as a blocking provider or repository, or a clock without a time zone.
        InvalidProvider: an object does not satisfy the protocol; says what it lacks.
        UnsupportedOperation: a provider lacks what is required.
    """

    def __init__(
        self,
        provider: PaymentProvider | Sequence[PaymentProvider],
        repository: BillingRepository[Tx],
        *,
        select: Callable[[str], str] | None = None,
        require: Iterable[Capability] = (),
        refetch: bool = True,
        clock: Callable[[], datetime] = utc_now,
        on_rejected: Callable[[RejectedWebhook], None] | None = None,
        on_refused: Callable[[RefusedSubscription], None] | None = None,
        on_replaced: Callable[[ReplacedCustomer], None] | None = None,
        primitives: Primitives | None = None,
    ) -> None:
        providers = providers_of(provider)
        for each in providers:
            check_world(each, awaited=primitives is None)
        check_repository(repository, awaited=True)
        check_parts(
            select=select,
            several=len(providers) > 1,
            require=require,
            refetch=refetch,
            clock=clock,
            told={"on_rejected": on_rejected, "on_refused": on_refused, "on_replaced": on_replaced},
            primitives=primitives,
        )
        required = tuple(require)
        for each in providers:
            each.require(*required)
        self._providers = {each.get_provider_name(): each for each in providers}
        self._select = select
        self._store = store = Store(repository)
        self._clock = clock
        self._on_rejected = on_rejected
        self._handlers: Handlers[Tx] = Handlers()
        self._ownership = Ownership(store, self._providers, on_refused)
        self._finder = Finder(store, self._providers, self._ownership, refetch=refetch, clock=clock)
        self._pipeline = EventPipeline(
            store, self._providers, self._finder, self._handlers, refetch=refetch, clock=clock
        )
        journal = Journal(store, clock)
        self._customers = Customers(store, self._providers, self._pipeline, journal, self._handlers, clock)
        self._replacing = Replacing(store, self._providers, self._pipeline, self._customers, clock, on_replaced)
        self._orders = Orders(
            store, self._providers, self._pipeline, journal, self._customers, self._ownership, self._replacing
        )
        primitives = primitives or AsyncPrimitives()
        self._recovery = Recovery(store, self._pipeline, self._finder, journal, self._customers, clock)
        self._catch_up = CatchUp(self._pipeline, clock)
        self._reconciliation = Reconciliation(store, self._pipeline, self._finder, self._replacing, primitives, clock)
        self._purge = Purge(store, self._pipeline)
        self._maintainer = Maintainer(
            store,
            self._providers,
            self._pipeline,
            self._recovery,
            self._catch_up,
            self._reconciliation,
            clock,
        )

    @property
    def repository(self) -> BillingRepository[Tx]:
        """Where the records are kept."""
        return self._store.repository

    def provider(self, name: str) -> BaseProvider:
        """One of the providers.

        Raises:
            ConfigurationError: there is none of this name.
        """
        found = self._providers.get(name) if isinstance(name, str) else None  # pyright: ignore[reportUnnecessaryIsInstance] - as above
        if found is None:
            message = f"this service has no provider {str(name)[:60]!r}; it has {', '.join(self._providers)}"
            raise ConfigurationError(message)
        return found

    def on(self, event_type: EventType | str) -> Callable[[H], H]:
        """Register a handler: ``@billing.on("subscription.past_due")``.

        It gets the event and an :class:`EventContext`, and runs inside the transaction that applies the event: what it
        writes with ``context.transaction`` is committed together with the event, exactly once. What it does elsewhere (an
        e-mail) may happen more than once: write an outbox row, and send from there.

        Handlers of ``subscription.<status>`` run once for every change to that status, whatever word the provider used.

        Raises:
            ConfigurationError: there is no such event, or what is registered is no function of event and context.
        """
        return self._handlers.on(event_type)

    # --- customers -----------------------------------------------------------------------------------------------

    async def ensure_customer(
        self,
        org_id: str,
        *,
        email: str,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        provider: str | None = None,
    ) -> BillingCustomer:
        """The organisation's customer; created at the provider if there is none yet.

        There is one per organisation and provider, also when this runs twice at the same time, or again after a crash
        between the provider's answer and the insert: the idempotency key is made of the organisation and the provider.
        A creation that was begun and whose outcome is unknown is finished as it was begun: the record then says the e-mail
        address and the name that the provider was told, not those of this call.

        Args:
            org_id: the application's id of who pays.
            email: for a new customer.
            name: for a new customer.
            metadata: for a new customer; ``org_id`` is added.
            provider: a certain one. None: where the organisation is, else what ``select`` says.
        """
        check_org(org_id)
        known = await self._customers.known(org_id)
        if provider is not None:
            known = [customer for customer in known if customer.provider == provider]
        if known:
            return known[0]
        self._handlers.refuse_inside()
        chosen = self.provider(provider or (self._select(org_id) if self._select else next(iter(self._providers))))
        return await self._customers.create(chosen, org_id, email=email, name=name, metadata=metadata)

    # --- checkout ------------------------------------------------------------------------------------------------

    async def start_checkout(
        self,
        org_id: str,
        plan_id: str,
        *,
        email: str,
        name: str | None = None,
        success_url: str,
        cancel_url: str,
        quantity: int = 1,
        trial_days: int | None = None,
        metadata: Mapping[str, str] | None = None,
        provider: str | None = None,
        allow_second: bool = False,
        idempotency_key: str | None = None,
    ) -> OpenCheckout:
        """A hosted page where the organisation subscribes.

        Where the provider says for certain that it does not know the organisation's customer any more (deleted there, or left
        over from another account, or from test mode), a new one is made, once, and the record has its id from then on;
        ``on_replaced`` is told, and the log.

        Args:
            org_id: the application's id of who pays.
            plan_id: the provider's id of the plan.
            email: of a new customer; a provider that has no customers shows it on the page.
            name: of a new customer.
            success_url: where the customer comes back to: call :meth:`confirm_return` there.
            cancel_url: where the customer goes who gives up.
            quantity: how many units.
            trial_days: instead of the plan's own trial.
            metadata: kept on the session and the subscription; ``org_id`` is added.
            provider: see :meth:`ensure_customer`.
            allow_second: let an organisation that has a living subscription start another one.
            idempotency_key: one of yours makes a double click open one page. None: every call opens a new one.

        Raises:
            Conflict: the organisation has a living subscription, at whichever provider: see :meth:`change_plan`. Or the page
                that this key of yours opened is not open any more.
        """
        self._handlers.refuse_inside()
        current = None if allow_second else await self._current(org_id)
        if current is not None:
            message = (
                f"the organisation has a subscription that is {current.status}: change it with change_plan(), cancel it, or "
                "pass allow_second=True to let it pay for two"
            )
            raise Conflict(message, provider=current.provider, operation="start_checkout")
        chosen = {
            "plan_id": plan_id,
            "success_url": success_url,
            "cancel_url": cancel_url,
            "metadata": {**(metadata or {}), "org_id": org_id},
            "quantity": quantity,
            "trial_days": trial_days,
            "customer_email": email,
        }
        session = await self._orders.checkout_begun(org_id, chosen, idempotency_key, provider)
        if session is None:
            customer = await self.ensure_customer(org_id, email=email, name=name, provider=provider)
            session = await self._orders.checkout(customer, chosen, idempotency_key)
        opened = OpenCheckout.of(session)
        if opened is None:
            message = (
                f"the page that this idempotency key opened is {session.status}: confirm_return({session.id!r}) says what came "
                "of it, and another page needs a new key"
            )
            raise Conflict(message, provider=session.provider or None, operation="start_checkout")
        return opened

    async def _current(self, org_id: str) -> BillingSubscription | None:
        """A living subscription; not one that is gone at the provider, together with its customer."""
        stored = sorted(await self._customers.subscriptions(org_id), key=rank, reverse=True)
        for each in stored:
            if each.status.is_current and not await self._replacing.is_gone(each):
                return each
        return None

    async def confirm_return(
        self, session_id: str, *, org_id: str | None = None, provider: str | None = None
    ) -> BillingSubscription | None:
        """Store what a finished checkout brought, when the customer's browser is back before the webhook.

        The webhook leads to the same state; whichever comes first, the subscription is there once.

        Args:
            session_id: of the checkout session. It comes from the browser: pass ``org_id`` so that nobody can show another
                organisation's.
            org_id: whose session it must be.
            provider: whose session it is. None: each provider is asked.

        Returns:
            The subscription; None while the checkout is not finished, or its first payment is still under way (the
            subscription is then stored as ``incomplete``).

        Raises:
            NotFound: no provider knows the session, or it is another organisation's.
            Conflict: the subscription is stored as another organisation's; or its plan, quantity or prices are not what was
                asked for, at a provider where the buyer can have changed them: it grants nothing, and is reported.
        """
        self._handlers.refuse_inside()
        for name in (provider,) if provider else await self._who_may_know(session_id):
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
        """The provider whose session it is, by the journal, so that no other one has to answer; else all of them."""
        for name in self._providers:
            if await self._store.list_operations(name, external_id=session_id, limit=1):
                return (name,)
        return tuple(self._providers)

    async def _who_started(self, provider: str, session: CheckoutSession) -> BillingCustomer | None:
        """By the journal; by the session where somebody else started it, or the journal has forgotten.

        Not by the session where a buyer's browser can make one: there, by what is stored.
        """
        started = await self._store.list_operations(provider, external_id=session.id, limit=1)
        if started and started[0].operation == CHECKOUT:
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
            return await self.provider(name).get_checkout_session(session_id)
        except (InvalidRequest, UnsupportedOperation):
            if len(self._providers) == 1:
                raise
            return None

    async def assign_subscription(
        self, org_id: str, subscription_id: str, *, provider: str | None = None
    ) -> BillingSubscription:
        """Let an organisation have a subscription that billing did not start, as it is now: your explicit choice.

        For one that was made by hand, by another program, or by a button in the browser: at providers where a subscription's
        customer id proves nothing (PayPal, Square), it is nobody's otherwise, waits, and is reported (``on_refused``). Plan,
        quantity and prices are accepted with it, as they are; so is what a buyer has changed since, if you call this again.
        Look at what it costs first. What came about it before is applied.

        Args:
            org_id: whose it is to be; it has a customer at the provider: see :meth:`ensure_customer`.
            subscription_id: the provider's id of the subscription.
            provider: whose subscription it is; None: the only one that the organisation is at.

        Raises:
            NotFound: the organisation has no customer there, or the provider no such subscription.
            Conflict: it is another organisation's: stored as its, brought by its checkout, or, where that proves it, of its
                customer.
            InvalidRequest: the organisation is at several providers.
        """
        self._handlers.refuse_inside()
        known = [each for each in await self._customers.known(org_id) if provider in {None, each.provider}]
        if not known:
            message = "the organisation has no customer there: ensure_customer first"
            raise NotFound(message, provider=provider, operation="assign_subscription")
        if len(known) > 1:
            message = "the organisation is at several providers: provider= has to say whose subscription it is"
            raise InvalidRequest(message, param="provider", operation="assign_subscription")
        return await self._orders.assign(known[0], subscription_id)

    # --- the subscription ----------------------------------------------------------------------------------------

    async def subscription(self, org_id: str) -> BillingSubscription | None:
        """The organisation's subscription as stored: the living one if there is one, else the last."""
        return first(await self._customers.subscriptions(org_id))

    async def access(
        self, org_id: str, *, now: datetime | None = None, policy: AccessPolicy = DEFAULT_POLICY
    ) -> Access:
        """Whether the organisation may use the product, why, and until when. Reads the repository only.

        Any of its subscriptions may allow it: one that was canceled and is paid for still does while a new one begins.

        Args:
            org_id: the application's id of who wants to use it.
            now: an aware datetime; None: the service's clock.
            policy: what the application decides.
        """
        moment = self._clock() if now is None else now
        check_utc("now", moment)
        stored = sorted(await self._customers.subscriptions(org_id), key=rank)
        answers = [access_of(each, moment, policy) for each in stored]
        return max(reversed(answers), key=bool, default=access_of(None, moment, policy))

    async def cancel(
        self,
        org_id: str,
        *,
        at_period_end: bool = True,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """End the organisation's subscription: when what is paid for is used up, or now.

        Where the provider ends subscriptions at once and for good, and what is paid for stays paid for (PayPal), the former is
        the latter: nothing more is charged, and access goes on until ``cancel_at``.

        Raises:
            NotFound: it has none.
            Conflict: something else was asked for of the subscription since, or at the same moment: this was not sent.
            UnsupportedOperation: the provider cannot end it in this way.
        """
        self._handlers.refuse_inside()
        waits = at_period_end and not await self._keeps_what_is_paid(org_id)
        chosen = {"at_period_end": waits, "reason": reason}
        _, stored = await self._orders.change(CANCEL, org_id, chosen, idempotency_key, Subscription)
        return stored

    async def _keeps_what_is_paid(self, org_id: str) -> bool:
        """Whether canceling now comes to the same as canceling at the end of the period, which the provider cannot do."""
        stored = await self.subscription(org_id)
        if stored is None:
            return False
        provider = self.provider(stored.provider)
        return provider.cancel_keeps_paid_period and Capability.CANCEL_AT_PERIOD_END not in provider.capabilities

    async def change_plan(
        self,
        org_id: str,
        plan_id: str | None = None,
        *,
        quantity: int | None = None,
        prorate: bool = True,
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Change the plan, the quantity or both. ``approval_url`` in the answer: the payer has to consent there first.

        Raises:
            NotFound: the organisation has no subscription.
            Conflict: something else was asked for of the subscription since, or at the same moment: this was not sent.
        """
        self._handlers.refuse_inside()
        chosen = {"plan_id": plan_id, "quantity": quantity, "prorate": prorate}
        change, _ = await self._orders.change(CHANGE, org_id, chosen, idempotency_key, SubscriptionChange)
        return change

    async def sync_subscription(self, org_id: str) -> BillingSubscription | None:
        """Read what the provider says now, for all of the organisation's subscriptions, and store it."""
        self._handlers.refuse_inside()
        for customer in await self._customers.known(org_id):
            provider = self.provider(customer.provider)
            listed: set[str] = set()
            if {Capability.CUSTOMERS, Capability.LIST_SUBSCRIPTIONS} <= provider.capabilities:
                ticket = await self._store.next_ticket()
                for each in reversed(await self._replacing.listed(customer)):
                    listed.add(each.id)
                    owner = (await self._finder.whose(customer, each)).customer
                    if owner is not None and owner.id == customer.id:
                        await self._pipeline.store(customer.provider, customer, each, ticket)
            for stored in await self._store.list_subscriptions(customer.id):
                if stored.external_subscription_id not in listed and Capability.SUBSCRIPTIONS in provider.capabilities:
                    await self._orders.observe_again(customer, stored)
        return await self.subscription(org_id)

    # --- invoices, usage -----------------------------------------------------------------------------------------

    async def invoices(self, org_id: str, limit: int = 10) -> list[Invoice]:
        """The organisation's invoices over all its providers, newest first."""
        found: list[Invoice] = []
        for customer in await self._customers.known(org_id):
            provider = self.provider(customer.provider)
            if Capability.CUSTOMERS in provider.capabilities and provider.checkout_keeps_customer:
                found += await provider.get_invoices(customer.external_customer_id, limit)
                continue
            for stored in await self._customers.subscriptions_of(customer):
                subscription_id = stored.external_subscription_id
                payer = await self._payer(provider, customer, subscription_id)
                found += await provider.get_invoices(payer, limit, subscription_id=subscription_id)
        return sorted(found, key=_created, reverse=True)[:limit]

    async def _payer(self, provider: BaseProvider, customer: BillingCustomer, subscription_id: str) -> str:
        """Who pays for a subscription: somebody who also pays for another organisation's, perhaps."""
        if provider.checkout_keeps_customer:
            return customer.external_customer_id
        subscription = await provider.get_subscription(subscription_id)
        return (subscription.customer_id if subscription else None) or customer.external_customer_id

    async def record_usage(
        self,
        org_id: str,
        quantity: int,
        *,
        idempotency_key: str,
        plan_id: str | None = None,
        timestamp: datetime | None = None,
    ) -> bool:
        """Report usage of what the organisation's subscriptions meter.

        Args:
            org_id: who used it.
            quantity: how many units.
            idempotency_key: the same for the same usage, however often it is reported: the id of the job that counted it.
            plan_id: which plan's, if several are metered.
            timestamp: when; aware. None: when the provider gets it, which is later where a crash comes between.

        Raises:
            NotFound: the organisation has no subscription.
            InvalidRequest: its living subscriptions have no metered item, or several and ``plan_id`` does not choose one.
        """
        self._handlers.refuse_inside()
        return await self._orders.usage(org_id, quantity, idempotency_key, plan_id=plan_id, timestamp=timestamp)

    # --- webhooks ------------------------------------------------------------------------------------------------

    async def respond(
        self, provider_name: str, body: bytes, headers: Headers, *, url: str | None = None
    ) -> WebhookReply:
        """Take a delivery: verify it, apply it exactly once, and say what to answer.

        It raises nothing for what the delivery holds, nor for what applying it meets (a handler, the database, the
        provider). What it catches leaves one record in the log ``paylattice``: a WARNING for a delivery that is not
        accepted, with the cure; an ERROR for whatever else, with its class and the lines that it came through. Cancellation
        is not caught.

        Args:
            provider_name: whose delivery it is: each provider has an endpoint of its own.
            body: the raw body: bytes, before any framework parsed it.
            headers: the request's headers.
            url: the public URL that it was delivered to, for providers that sign it.

        Returns:
            The reply; ``status`` is what to answer.

        Raises:
            InvalidRequest: ``body`` is an object that a framework made of the body. No delivery can cause that.
            ConfigurationError: a handler called this.
        """
        self._handlers.refuse_inside()
        check_body(body)
        event: WebhookEvent | None = None
        try:
            event = await self.parse_webhook(provider_name, body, headers, url=url)
            outcome = await self.apply_event(event)
        except Exception as error:  # noqa: BLE001 - whatever it is: it is answered, and logged here or by _report
            reply = reply_to(error, verified=event is not None)
            if reply.diagnosis is None:
                log_failed(provider_name, error, reply.status)
            return reply
        return WebhookReply(OK, outcome)

    async def handle_webhook(
        self, provider: str, payload: bytes, headers: Headers, *, url: str | None = None
    ) -> WebhookOutcome:
        """Verify a delivery and apply it, exactly once; what goes wrong is raised. :meth:`respond` is simpler to use.

        Args:
            provider: whose delivery it is: each has an endpoint of its own.
            payload: the raw body: bytes, before any framework parsed it.
            headers: the request's headers.
            url: the public URL that it was delivered to, for providers that sign it.

        Returns:
            What became of it; answer 200 to all of them.

        Raises:
            VerificationUnavailable: answer 503.
            WebhookError: answer 400; also to a delivery for a provider that this service does not have.
            Exception: whatever else comes (a setting that verifying needs, the database, the provider, a handler): answer
                500; nothing was changed, and the provider delivers again.
        """
        event = await self.parse_webhook(provider, payload, headers, url=url)
        return await self.apply_event(event)

    async def parse_webhook(
        self, provider: str, payload: bytes, headers: Headers, *, url: str | None = None
    ) -> WebhookEvent:
        """The first half of :meth:`handle_webhook`: verify and read. :meth:`apply_event` is the second."""
        try:
            return await self._verified(provider, payload, headers, url)
        except WebhookError as error:
            self._report(provider if provider in self._providers else "", error, error.diagnosis)
            raise
        except ConfigurationError as error:
            self._report(provider, error, Diagnosis.SECRET_NOT_CONFIGURED)
            raise

    async def _verified(self, provider: str, payload: bytes, headers: Headers, url: str | None) -> WebhookEvent:
        receiver = self._providers.get(provider)
        if receiver is None:
            message = f"there is no such provider in this service; it has {', '.join(self._providers)}"
            raise WebhookError(message, diagnosis=Diagnosis.UNKNOWN_PROVIDER)
        event = await receiver.parse_webhook(payload, headers, url=url)
        if event.provider != provider:
            message = "the delivery is an event of another provider: each has a URL, and a secret, of its own"
            raise MalformedPayload(message, provider=provider, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
        return event

    def _report(self, provider: str, error: PaymentError, diagnosis: Diagnosis) -> None:
        log_refused(provider, error, diagnosis)
        if self._on_rejected is None:
            return
        try:
            self._on_rejected(RejectedWebhook(provider, type(error).__name__, diagnosis))
        except Exception:  # noqa: BLE001 - it is somebody else's code, and only watches
            _log.exception("the observer of rejected webhooks failed")

    async def apply_event(self, event: WebhookEvent) -> WebhookOutcome:
        """The second half of :meth:`handle_webhook`, for a worker: apply an event that was verified before.

        Raises:
            MalformedPayload: it is no event, or says what no database could keep; trying again is of no use.
            WebhookError: it is of the other mode (live, test) than the provider here; or cannot be confirmed now.
        """
        try:
            return await self._pipeline.apply(event)
        except WebhookError as error:
            self._report(getattr(event, "provider", ""), error, error.diagnosis)
            raise

    async def apply_parked(self, provider: str) -> int:
        """Try again what is parked. Returns how many events were applied. Call it now and then, from a scheduled job."""
        self.provider(provider)
        return await self._pipeline.apply_parked(provider)

    async def drop_parked(self, provider: str, *, before: datetime) -> DroppedEvents:
        """Forget the events that were parked before a time and are nobody's here: of another application, say.

        Each is tried once more first. What is somebody's by now is applied; what is somebody's and fails is kept, and
        reported with its error, whatever its age.
        """
        self._handlers.refuse_inside()
        self.provider(provider)
        check_utc("before", before)
        return await self._purge.drop_parked(provider, before)

    # --- what webhooks did not bring -----------------------------------------------------------------------------

    async def catch_up(self, provider: str, since: datetime) -> CaughtUp:
        """Apply the events of a provider that were missed: after an outage, say. Applied ones are not applied again.

        It may be stopped at any time; go on with ``since=`` the ``until`` of what it returned, or with the same time.

        Args:
            provider: whose events.
            since: aware; how far a provider remembers is its own: see its page.

        Raises:
            UnsupportedOperation: the provider lists no events.
        """
        self._handlers.refuse_inside()
        check_utc("since", since)
        return await self._catch_up.catch_up(self.provider(provider), since)

    async def reconcile(
        self,
        provider: str,
        *,
        repair: bool = False,
        after: str | None = None,
        in_flight: int = 10,
        on_difference: Callable[[Difference], None] | None = None,
        on_progress: Callable[[Reconciled], None] | None = None,
    ) -> Reconciled:
        """Compare every stored subscription with the provider's, customer by customer, in bounded memory.

        Args:
            provider: whose.
            repair: store the provider's state where it differs, as a webhook would: handlers of a new status run.
            after: where to go on: ``after`` of what ``on_progress`` was told last.
            in_flight: how many customers are compared at a time, 1 to 100.
            on_difference: told of every difference.
            on_progress: told after every hundred customers. What either raises ends the comparison.
        """
        self._handlers.refuse_inside()
        return await self._reconciliation.reconcile(
            self.provider(provider),
            repair=repair,
            after=after,
            in_flight=in_flight,
            on_difference=on_difference,
            on_progress=on_progress,
        )

    async def recover_open(self, *, older_than: timedelta = timedelta(minutes=5)) -> Recovered:
        """Find out what became of the operations that a crash, or an answer that never came, left open.

        They are sent again under their own keys, or looked up where the provider has forgotten the key. What somebody has
        asked for otherwise since is not sent again, nor is usage whose key is forgotten: these are ABANDONED, and reported.
        Run it from a scheduled job, every few minutes: what is finished late takes effect late.

        Args:
            older_than: leave younger ones alone: they may be under way. (So are those of the next few minutes, which a clock
                that is ahead has written down.)

        Raises:
            InvalidRequest: ``older_than`` is no timedelta.
        """
        self._handlers.refuse_inside()
        check_timedelta("older_than", older_than)
        total = Recovered()
        for provider in self._providers.values():
            total = total.and_also(await self._recovery.recover_open(provider, older_than=older_than))
        return total

    async def maintain(
        self,
        *,
        budget: timedelta = timedelta(minutes=4),
        since: datetime | None = None,
        older_than: timedelta = timedelta(minutes=5),
        reconcile_every: timedelta = timedelta(days=1),
        repair: bool = True,
        drop_waiting_after: timedelta | None = None,
    ) -> MaintenanceReport:
        """Do all of the scheduled work once. Run it from one job, every five minutes.

        For every provider: :meth:`recover_open`, :meth:`catch_up`, :meth:`apply_parked`, and :meth:`reconcile` in slices.
        Each part gets its share of the time, at least one page is done of each, and the next run goes on where this one had
        to stop: bookmarks are kept in the repository. It may be stopped at any time, and run in several processes at once.
        An error in one part is reported, and keeps no other part from running.

        Args:
            budget: nothing more is begun after this time. What is under way is finished: one request and its retries, or
                the comparison of some customers.
            since: read the events of all providers from here, instead of from where the last run got to; aware. The first
                run reads those of three days.
            older_than: leave younger open operations alone: they may be under way.
            reconcile_every: how often a comparison of all customers begins.
            repair: store the provider's state where it differs, as a webhook would.
            drop_waiting_after: forget events that have waited for longer and are nobody's here. None: never.

        Returns:
            What was done; ``needs_a_person`` says what no further run mends.

        Raises:
            InvalidRequest: an argument is wrong.
            ConfigurationError: a handler called this.
        """
        self._handlers.refuse_inside()
        plan = Plan(budget, since, older_than, reconcile_every, repair, drop_waiting_after)
        plan.check()
        return await self._maintainer.run(plan)

    # --- closing -------------------------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Close the providers, each of them, whatever the others raise. The repository is its owner's."""
        first: Exception | None = None
        for provider in self._providers.values():
            try:
                await provider.aclose()
            except Exception as error:  # noqa: BLE001 - the others have to be closed all the same
                first = first or error
        if first is not None:
            raise first

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _created(invoice: Invoice) -> datetime:
    return invoice.created_at or LONG_AGO
