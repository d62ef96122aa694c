"""The face of billing: organisations, their checkout, their subscription, their invoices, their webhooks."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

import attrs

from ..arguments import check_utc
from ..errors import (
    ConfigurationError,
    Conflict,
    Diagnosis,
    IdempotencyMismatch,
    InvalidRequest,
    InvalidResponse,
    MalformedPayload,
    NotFound,
    UnsupportedOperation,
    WebhookError,
)
from ..events import EventType, WebhookEvent
from ..idempotency import new_key, operation_key
from ..models import (
    CheckoutSession,
    Customer,
    Invoice,
    Subscription,
    SubscriptionChange,
    SubscriptionItem,
    SubscriptionStatus,
)
from ..operations import Capability
from ..provider import BaseProvider, Headers
from ..transport.primitives import AsyncPrimitives, Primitives
from .access import DEFAULT_POLICY, Access, AccessPolicy, access_of
from .catching_up import CaughtUp, Difference, Maintenance, Reconciled, Recovered
from .handlers import Handlers
from .journal import Journal
from .records import BillingCustomer, BillingOperation, BillingSubscription, OperationState
from .repository import BillingRepository, Tx
from .webhooks import EventPipeline, WebhookOutcome, new_record_id

__all__ = ["BillingService", "RejectedWebhook"]

R = TypeVar("R")
H = TypeVar("H", bound=Callable[..., Awaitable[None] | None])

_log = logging.getLogger("paylattice")

CHECKOUT = "create_checkout_session"
_MAX_FOREIGN_KEYS = 1000


@attrs.frozen
class RejectedWebhook:
    """A delivery that was not accepted, for metrics and alerts. Headers and body are withheld.

    Args:
        provider: for which it came.
        error: the class of the error.
        diagnosis: the likely cause.
    """

    provider: str
    error: str
    diagnosis: Diagnosis


def utc_now() -> datetime:
    return datetime.now(UTC)


class BillingService(Generic[Tx]):
    """Billing for organisations, over one or several providers and a repository.

    Args:
        provider: one, or several with different names.
        repository: where the records are kept.
        select: the name of the provider for a NEW customer, by organisation; known customers stay where they are.
            Needed with several providers.
        require: what every provider must be able to do; checked now rather than in front of a customer.
        refetch: read a subscription again from the provider before a webhook changes it. False believes the payload:
            one request less, and deliveries within one second may end in the wrong order.
        clock: the time; aware.
        on_rejected: told of every delivery that was not accepted. What it raises is logged and otherwise ignored.
        primitives: how to do several things at a time; None: on the running event loop.

    Raises:
        ConfigurationError: no provider, two of one name, or several and no ``select``.
        UnsupportedOperation: a provider lacks what is required.
    """

    def __init__(
        self,
        provider: BaseProvider | Sequence[BaseProvider],
        repository: BillingRepository[Tx],
        *,
        select: Callable[[str], str] | None = None,
        require: Iterable[Capability] = (),
        refetch: bool = True,
        clock: Callable[[], datetime] = utc_now,
        on_rejected: Callable[[RejectedWebhook], None] | None = None,
        primitives: Primitives | None = None,
    ) -> None:
        providers = [provider] if isinstance(provider, BaseProvider) else list(provider)
        for each in providers:
            _check_provider(each)
        self._providers = {each.get_provider_name(): each for each in providers}
        if not providers or len(self._providers) < len(providers):
            message = "a BillingService needs one provider, or several with different names"
            raise ConfigurationError(message)
        if len(providers) > 1 and select is None:
            message = "with several providers, select=... has to say which one a new customer gets"
            raise ConfigurationError(message)
        required = tuple(require)
        for each in providers:
            each.require(*required)
        self._select = select
        self._repository = repository
        self._clock = clock
        self._on_rejected = on_rejected
        self._handlers: Handlers[Tx] = Handlers()
        self._pipeline = EventPipeline(repository, self._providers, self._handlers, refetch=refetch, clock=clock)
        self._journal = Journal(repository, clock)
        self._maintenance = Maintenance(
            repository, self._pipeline, self._journal, primitives or AsyncPrimitives(), clock
        )

    @property
    def repository(self) -> BillingRepository[Tx]:
        """Where the records are kept."""
        return self._repository

    def provider(self, name: str) -> BaseProvider:
        """One of the providers.

        Raises:
            ConfigurationError: there is none of this name.
        """
        found = self._providers.get(name)
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
        A creation that was begun and whose outcome is unknown is finished as it was begun, with its own e-mail address.

        Args:
            org_id: the application's id of who pays.
            email: for a new customer.
            name: for a new customer.
            metadata: for a new customer; ``org_id`` is added.
            provider: a certain one. None: where the organisation is, else what ``select`` says.
        """
        _check_org(org_id)
        known = await self._customers(org_id)
        if provider is not None:
            known = [customer for customer in known if customer.provider == provider]
        if known:
            return known[0]
        self._pipeline.refuse_in_handlers()
        chosen = provider or (self._select(org_id) if self._select else next(iter(self._providers)))
        words = {**(metadata or {}), "org_id": org_id}
        wanted = {"email": email, "name": name, "metadata": words}
        created = await self._create_customer(self.provider(chosen), org_id, wanted)
        now = self._clock()
        customer = BillingCustomer(
            id=new_record_id(),
            org_id=org_id,
            provider=chosen,
            external_customer_id=created.id,
            email=email,
            name=name,
            metadata=metadata,
            created_at=now,
            updated_at=now,
        )
        if not await self._repository.insert_customer(customer):
            winner = await self._repository.get_customer(org_id, chosen)
            if winner is None:
                message = "the provider's customer belongs to another organisation here: two organisations share its id"
                raise Conflict(message, provider=chosen, operation="ensure_customer")
            return winner
        await self._pipeline.apply_parked(chosen, external_customer_id=created.id)
        return customer

    async def _create_customer(self, provider: BaseProvider, org_id: str, arguments: Mapping[str, object]) -> Customer:
        """The organisation's customer at the provider: the one that was begun, if one was, else a new one.

        The key is made of the organisation and the provider. One that the provider answered with a refusal is used up:
        the next attempt, with an e-mail address that is accepted, say, has the next key.
        """
        name = provider.get_provider_name()
        for attempt in count(1):
            key = operation_key("customer", name, org_id, attempt=attempt)
            begun = await self._repository.get_operation(name, key)
            try:
                if begun is None:
                    made = await self._journal.run(provider, "create_customer", org_id, key, arguments)
                elif begun.state is OperationState.FAILED:
                    continue
                else:
                    made = await self._journal.repeat(provider, begun)
            except IdempotencyMismatch:
                there = await self._repository.get_customer(org_id, name)
                if there is not None:
                    return Customer(there.external_customer_id)
                if begun is not None or attempt > _MAX_FOREIGN_KEYS:
                    raise
                # another worker was faster, and its details are taken; or the provider knows a key that the journal lost
                begun = await self._repository.get_operation(name, key)
                if begun is None or begun.state is OperationState.FAILED:
                    continue
                made = await self._journal.repeat(provider, begun)
            if isinstance(made, Customer):
                return made
            break
        message = "the provider's answer is no customer"
        raise InvalidResponse(message, provider=name, operation="ensure_customer")

    async def _customers(self, org_id: str) -> list[BillingCustomer]:
        """The organisation's customers, the one whose subscription counts first."""
        _check_org(org_id)
        found = [await self._repository.get_customer(org_id, name) for name in self._providers]
        known = [customer for customer in found if customer is not None]
        if len(known) < 2:  # noqa: PLR2004 - nothing to sort
            return known
        ranked = [(await self._subscription_of(customer), customer) for customer in known]
        return [customer for _, customer in sorted(ranked, key=lambda pair: _rank(pair[0]), reverse=True)]

    async def _subscription_of(self, customer: BillingCustomer) -> BillingSubscription | None:
        return _first(await self._repository.list_subscriptions(customer.id))

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
    ) -> CheckoutSession:
        """A hosted page where the organisation subscribes.

        Args:
            org_id: the application's id of who pays.
            plan_id: the provider's id of the plan.
            email: of a new customer.
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
            Conflict: the organisation has a living subscription, at whichever provider: see :meth:`change_plan`.
        """
        current = await self.subscription(org_id)
        if current is not None and current.status.is_current and not allow_second:
            message = (
                f"the organisation has a subscription that is {current.status}: change it with change_plan(), cancel it, or "
                "pass allow_second=True to let it pay for two"
            )
            raise Conflict(message, provider=current.provider, operation="start_checkout")
        customer = await self.ensure_customer(org_id, email=email, name=name, provider=provider)
        arguments = {
            "customer_id": customer.external_customer_id,
            "plan_id": plan_id,
            "success_url": success_url,
            "cancel_url": cancel_url,
            "metadata": {**(metadata or {}), "org_id": org_id},
            "quantity": quantity,
            "trial_days": trial_days,
            "customer_email": email,
        }
        return await self._send(customer.provider, CHECKOUT, org_id, arguments, idempotency_key, CheckoutSession)

    async def _send(
        self,
        provider: str,
        operation: str,
        org_id: str,
        arguments: Mapping[str, object],
        key: str | None,
        returns: type[R],
    ) -> R:
        """Send what changes something, through the journal."""
        self._pipeline.refuse_in_handlers()
        made = await self._journal.run(self.provider(provider), operation, org_id, key or new_key(), arguments)
        if not isinstance(made, returns):
            message = f"the provider's answer is no {returns.__name__}"
            raise InvalidResponse(message, provider=provider, operation=operation)
        return made

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
        """
        for name in (provider,) if provider else tuple(self._providers):
            session = await self._find_session(name, session_id)
            if session is None:
                continue
            customer = await self._who_started(name, session)
            if customer is None or org_id not in {None, customer.org_id}:
                break
            if session.subscription_id is None:
                return None
            stored = await self._pipeline.observe(name, customer, session.subscription_id)
            return None if stored is not None and stored.status is SubscriptionStatus.INCOMPLETE else stored
        message = "there is no such checkout session of this organisation"
        raise NotFound(message, operation="confirm_return")

    async def _who_started(self, provider: str, session: CheckoutSession) -> BillingCustomer | None:
        """By the journal; by the session where somebody else started it, or the journal has forgotten."""
        started = await self._repository.operations(provider, external_id=session.id, limit=1)
        if started:
            return await self._repository.get_customer(started[0].org_id, provider)
        if session.customer_id is None:
            return None
        return await self._repository.get_customer_by_external_id(provider, session.customer_id)

    async def _find_session(self, name: str, session_id: str) -> CheckoutSession | None:
        try:
            return await self.provider(name).get_checkout_session(session_id)
        except (InvalidRequest, UnsupportedOperation):
            if len(self._providers) == 1:
                raise
            return None

    # --- the subscription ----------------------------------------------------------------------------------------

    async def subscription(self, org_id: str) -> BillingSubscription | None:
        """The organisation's subscription as stored: the living one if there is one, else the last."""
        return _first(await self._subscriptions(org_id))

    async def _subscriptions(self, org_id: str) -> list[BillingSubscription]:
        _check_org(org_id)
        found: list[BillingSubscription] = []
        for name in self._providers:
            customer = await self._repository.get_customer(org_id, name)
            if customer is not None:
                found += await self._repository.list_subscriptions(customer.id)
        return found

    async def _current(self, org_id: str, operation: str) -> tuple[BillingCustomer, BillingSubscription]:
        for customer in await self._customers(org_id):
            stored = await self._subscription_of(customer)
            if stored is not None:
                return customer, stored
        raise _no_subscription(operation)

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
        stored = sorted(await self._subscriptions(org_id), key=_rank)
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

        Raises:
            NotFound: it has none.
            UnsupportedOperation: the provider cannot end it in this way.
        """
        self._pipeline.refuse_in_handlers()
        customer, stored = await self._current(org_id, "cancel")
        arguments = {
            "subscription_id": stored.external_subscription_id,
            "at_period_end": at_period_end,
            "reason": reason,
        }
        await self._send(customer.provider, "cancel_subscription", org_id, arguments, idempotency_key, Subscription)
        return await self._observe_again(customer, stored)

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
        """
        self._pipeline.refuse_in_handlers()
        customer, stored = await self._current(org_id, "change_plan")
        arguments = {
            "subscription_id": stored.external_subscription_id,
            "plan_id": plan_id,
            "quantity": quantity,
            "prorate": prorate,
        }
        change = await self._send(
            customer.provider, "change_subscription", org_id, arguments, idempotency_key, SubscriptionChange
        )
        await self._observe_again(customer, stored)
        return change

    async def _observe_again(self, customer: BillingCustomer, stored: BillingSubscription) -> BillingSubscription:
        """Read after the change: an answer to a write has no place in the order of tickets."""
        seen = await self._pipeline.observe(customer.provider, customer, stored.external_subscription_id)
        return seen or stored

    async def sync_subscription(self, org_id: str) -> BillingSubscription | None:
        """Read what the provider says now, for all of the organisation's subscriptions, and store it."""
        self._pipeline.refuse_in_handlers()
        for customer in await self._customers(org_id):
            provider = self.provider(customer.provider)
            if {Capability.CUSTOMERS, Capability.LIST_SUBSCRIPTIONS} <= provider.capabilities:
                ticket = await self._repository.next_ticket()
                for each in reversed(await provider.list_subscriptions(customer.external_customer_id)):
                    await self._pipeline.store(customer.provider, customer, each, ticket)
            else:
                for stored in await self._repository.list_subscriptions(customer.id):
                    await self._observe_again(customer, stored)
        return await self.subscription(org_id)

    # --- invoices, usage -----------------------------------------------------------------------------------------

    async def invoices(self, org_id: str, limit: int = 10) -> list[Invoice]:
        """The organisation's invoices over all its providers, newest first."""
        found: list[Invoice] = []
        for customer in await self._customers(org_id):
            provider = self.provider(customer.provider)
            if Capability.CUSTOMERS in provider.capabilities:
                found += await provider.get_invoices(customer.external_customer_id, limit)
                continue
            for stored in await self._repository.list_subscriptions(customer.id):
                found += await provider.get_invoices(
                    customer.external_customer_id, limit, subscription_id=stored.external_subscription_id
                )
        return sorted(found, key=_created, reverse=True)[:limit]

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
            timestamp: when; aware. None: now.

        Raises:
            NotFound: the organisation has no subscription.
            InvalidRequest: its living subscriptions have no metered item, or several and ``plan_id`` does not choose one.
        """
        known = await self._subscriptions(org_id)
        if not known:
            raise _no_subscription("record_usage")
        living = [each for each in known if not each.status.is_terminal]
        items: list[tuple[BaseProvider, SubscriptionItem]] = []
        for stored in living or [max(known, key=_rank)]:
            provider = self.provider(stored.provider)
            subscription = await provider.get_subscription(stored.external_subscription_id)
            items += [(provider, item) for item in (subscription.items if subscription else ())]
        provider, item = _metered_item(items, plan_id)
        arguments = {"subscription_item_id": item.id, "quantity": quantity, "timestamp": timestamp}
        name = provider.get_provider_name()
        return await self._send(name, "create_usage_record", org_id, arguments, idempotency_key, bool)

    # --- webhooks ------------------------------------------------------------------------------------------------

    async def handle_webhook(
        self, provider: str, payload: bytes, headers: Headers, *, url: str | None = None
    ) -> WebhookOutcome:
        """Verify a delivery and apply it, exactly once.

        Args:
            provider: whose delivery it is: each has an endpoint of its own.
            payload: the raw body: bytes, before any framework parsed it.
            headers: the request's headers.
            url: the public URL that it was delivered to, for providers that sign it.

        Returns:
            What became of it; answer 200 to all of them.

        Raises:
            VerificationUnavailable: answer 503.
            WebhookError: answer 400.
            Exception: whatever else comes (the database, the provider, a handler): answer 500; nothing was changed, and
                the provider delivers again.
        """
        event = await self.parse_webhook(provider, payload, headers, url=url)
        return await self._pipeline.apply(event)

    async def parse_webhook(
        self, provider: str, payload: bytes, headers: Headers, *, url: str | None = None
    ) -> WebhookEvent:
        """The first half of :meth:`handle_webhook`: verify and read. :meth:`apply_event` is the second."""
        try:
            event = await self.provider(provider).parse_webhook(payload, headers, url=url)
            if event.provider != provider:
                message = "the delivery is an event of another provider: each has a URL, and a secret, of its own"
                raise MalformedPayload(message, provider=provider, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
        except WebhookError as error:
            self._report(RejectedWebhook(provider, type(error).__name__, error.diagnosis))
            raise
        return event

    def _report(self, rejected: RejectedWebhook) -> None:
        if self._on_rejected is None:
            return
        try:
            self._on_rejected(rejected)
        except Exception:  # noqa: BLE001 - it is somebody else's code, and only watches
            _log.exception("the observer of rejected webhooks failed")

    async def apply_event(self, event: WebhookEvent) -> WebhookOutcome:
        """The second half of :meth:`handle_webhook`, for a worker: apply an event that was verified before."""
        return await self._pipeline.apply(event)

    async def apply_parked(self, provider: str) -> int:
        """Try again what is parked. Returns how many events were applied. Call it now and then, from a scheduled job."""
        self.provider(provider)
        return await self._pipeline.apply_parked(provider)

    async def drop_parked(self, provider: str, *, before: datetime) -> int:
        """Forget the events that were parked before a time: nobody came to know whom they are about. Returns how many."""
        self.provider(provider)
        check_utc("before", before)
        return await self._maintenance.drop_parked(provider, before)

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
        self._pipeline.refuse_in_handlers()
        check_utc("since", since)
        return await self._maintenance.catch_up(self.provider(provider), since)

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
        self._pipeline.refuse_in_handlers()
        return await self._maintenance.reconcile(
            self.provider(provider),
            repair=repair,
            after=after,
            in_flight=in_flight,
            on_difference=on_difference,
            on_progress=on_progress,
        )

    async def recover_open(self, *, older_than: timedelta = timedelta(minutes=5)) -> Recovered:
        """Find out what became of the operations that a crash, or an answer that never came, left open.

        They are sent again under their own keys, or looked up where the provider has forgotten the key. Run it from a
        scheduled job.

        Args:
            older_than: leave younger ones alone: they may be under way.
        """
        self._pipeline.refuse_in_handlers()
        total = Recovered()
        for provider in self._providers.values():
            found = await self._maintenance.recover_open(provider, older_than=older_than)
            for made in found.done:
                if made.operation == "create_customer":
                    await self._ensure_as_begun(made)
            total = Recovered(
                done=total.done + found.done,
                failed=total.failed + found.failed,
                abandoned=total.abandoned + found.abandoned,
                open=total.open + found.open,
            )
        return total

    async def _ensure_as_begun(self, made: BillingOperation) -> None:
        words = made.arguments.get("metadata")
        metadata = dict(cast("Mapping[str, str]", words)) if isinstance(words, Mapping) else dict[str, str]()
        name = made.arguments.get("name")
        await self.ensure_customer(
            made.org_id,
            email=str(made.arguments["email"]),
            name=name if isinstance(name, str) else None,
            metadata={key: value for key, value in metadata.items() if key != "org_id"} or None,
            provider=made.provider,
        )

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


def _check_provider(provider: object) -> None:
    if not isinstance(provider, BaseProvider):
        message = f"a BillingService takes providers that inherit BaseProvider, and not {type(provider).__name__}"
        raise ConfigurationError(message)


def _check_org(org_id: object) -> None:
    if not isinstance(org_id, str) or not org_id.strip():
        message = "org_id must be a str that is not empty"
        raise InvalidRequest(message, param="org_id")


def _no_subscription(operation: str) -> NotFound:
    message = "the organisation has no subscription"
    return NotFound(message, operation=operation)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _rank(subscription: BillingSubscription | None) -> tuple[int, datetime]:
    """Which of several subscriptions counts: access before none, alive before ended, then the newest."""
    if subscription is None:
        return 0, _LONG_AGO
    status = subscription.status
    rank = 3 if status.grants_access else 2 if status.is_current else 1
    return rank, subscription.created_at or _LONG_AGO


def _first(subscriptions: Sequence[BillingSubscription]) -> BillingSubscription | None:
    """The one that counts; of two that count alike, the one that was inserted later."""
    return max(reversed(subscriptions), key=_rank, default=None)


def _created(invoice: Invoice) -> datetime:
    return invoice.created_at or _LONG_AGO


def _metered_item(
    items: Sequence[tuple[BaseProvider, SubscriptionItem]], plan_id: str | None
) -> tuple[BaseProvider, SubscriptionItem]:
    metered = [(provider, item) for provider, item in items if item.metered and plan_id in {None, item.plan_id}]
    if len(metered) == 1:
        return metered[0]
    message = (
        "the organisation has several metered items: plan_id= has to choose one"
        if metered
        else "the organisation has no metered item (of this plan): usage needs a metered plan"
    )
    raise InvalidRequest(message, param="plan_id", operation="record_usage")
