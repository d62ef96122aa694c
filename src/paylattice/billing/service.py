"""The billing service: every method hands on to the part that does the work; see :mod:`paylattice.billing.wiring`."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Generic, Self, TypeVar

from ..arguments import check_timedelta, check_utc
from ..checking import checking_class
from ..events import EventType, WebhookEvent
from ..frames import clearing_class
from ..models import Invoice, OpenCheckout, Payment, Refund, SubscriptionChange
from ..money import Money
from ..operations import Capability
from ..provider import BaseProvider, Headers, PaymentProvider
from ..transport.primitives import AsyncPrimitives, Primitives
from .access import DEFAULT_POLICY, Access, AccessPolicy, access_over
from .commands import Authorize, Capture, Charge, RecordUsage, RefundPayment, StartCheckout, Void
from .customers import provider_named
from .deliveries import RejectedWebhook
from .inputs import CHECKS
from .maintenance.catch_up import CaughtUp
from .maintenance.maintain import Plan
from .maintenance.purge import DroppedEvents
from .maintenance.reconcile import Difference, Reconciled
from .maintenance.recover import Recovered
from .maintenance.report import MaintenanceReport
from .ownership import RefusedSubscription
from .parts import check_parts, check_repository, check_world, clock_of, providers_of
from .records import BillingCustomer, BillingSubscription
from .replaced_customers import ReplacedCustomer
from .replies import WebhookReply
from .repository import BillingRepository, Tx
from .store import Store
from .webhooks import WebhookOutcome
from .wiring import Options, wire

__all__ = ["BillingService", "RejectedWebhook"]

H = TypeVar("H", bound=Callable[..., Awaitable[None] | None])


@clearing_class
@checking_class(CHECKS)
class BillingService(Generic[Tx]):
    """Billing for organisations, over one or several providers and a repository.

    Args:
        provider: one, or several with different names; whatever satisfies :class:`paylattice.PaymentProvider`.
        store: where the records are kept.
        select: the name of the provider for a NEW customer, by organisation; known customers stay where they are.
            Needed with several providers.
        require: what every provider must be able to do; checked now rather than in front of a customer.
        refetch: read a subscription again from the provider before a webhook changes it. False believes the payload:
            one request less, and deliveries within one second may end in the wrong order. Nor is an event confirmed at a
            provider whose signatures can be forged (PayPal): leave it True there.
        clock: the time, as an aware datetime; None: the simulated time if all providers have one (the embedded provider has
            ``now``), else the real time.
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
        clock: Callable[[], datetime] | None = None,
        on_rejected: Callable[[RejectedWebhook], None] | None = None,
        on_refused: Callable[[RefusedSubscription], None] | None = None,
        on_replaced: Callable[[ReplacedCustomer], None] | None = None,
        primitives: Primitives | None = None,
    ) -> None:
        providers = providers_of(provider)
        clock = clock_of(providers) if clock is None else clock
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
        self._store: Store[Tx] = Store(repository)
        self._clock = clock
        options = Options(
            select=select,
            refetch=refetch,
            clock=clock,
            on_rejected=on_rejected,
            on_refused=on_refused,
            on_replaced=on_replaced,
            primitives=primitives or AsyncPrimitives(),
        )
        self._parts = wire(self._store, self._providers, options)

    @property
    def repository(self) -> BillingRepository[Tx]:
        """Where the records are kept."""
        return self._store.repository

    def provider(self, name: str) -> BaseProvider:
        """Return one of the providers.

        Args:
            name: its name, such as ``"stripe"``.

        Raises:
            ConfigurationError: there is none of this name.
        """
        return provider_named(self._providers, name)

    def on(self, event_type: EventType | str, *, everywhere: bool = False) -> Callable[[H], H]:
        """Register a handler: ``@billing.on("subscription.past_due")``.

        It gets the event and an :class:`EventContext`, and runs inside the transaction that applies the event: what it
        writes with ``context.transaction`` is committed together with the event, exactly once. What it does elsewhere (an
        e-mail) may happen more than once: write an outbox row, and send from there.

        Handlers of a word that tells a change of a subscription (``subscription.past_due``, ``subscription.plan_changed``) run
        once for every such change, whatever word the provider used.

        Args:
            event_type: a word of :class:`EventType`, or ``<provider>:<its own name>``.
            everywhere: refuse a word that not all providers of this service lead to, and say what to use instead.

        Raises:
            ConfigurationError: there is no such event; it is not sent everywhere; or what is registered is no function of
                event and context.
        """
        sends = {name: provider.sends for name, provider in self._providers.items()}
        return self._parts.handlers.on(event_type, everywhere=everywhere, sends=sends)

    # --- customers -----------------------------------------------------------------------------------------------

    async def ensure_customer(
        self,
        org_id: str,
        *,
        email: str,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        provider_name: str | None = None,
    ) -> BillingCustomer:
        """Return the organisation's customer; create it at the provider if there is none yet.

        There is one per organisation and provider, also when this runs twice at the same time, or again after a crash
        between the provider's answer and the insert: the idempotency key is made of the organisation and the provider.
        A creation that was begun and whose outcome is unknown is finished as it was begun: the record then says the e-mail
        address and the name that the provider was told, not those of this call.

        Args:
            org_id: the application's id of who pays.
            email: for a new customer.
            name: for a new customer.
            metadata: for a new customer; ``org_id`` is added.
            provider_name: a certain provider. None: where the organisation is, else what ``select`` says.

        Raises:
            Conflict: the provider's customer is another organisation's.
            PaymentError: the provider cannot create one now.
        """
        return await self._parts.customers.ensure(
            org_id, email=email, name=name, metadata=metadata, provider_name=provider_name
        )

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
        provider_name: str | None = None,
        allow_second: bool = False,
        idempotency_key: str | None = None,
    ) -> OpenCheckout:
        """Open a hosted page where the organisation subscribes.

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
            provider_name: a certain provider. None: where the organisation is, else what ``select`` says.
            allow_second: let an organisation that has a current subscription start another one.
            idempotency_key: one of yours makes a double click open one page. None: every call opens a new one.

        Raises:
            Conflict: the organisation has a current subscription, at whichever provider: see :meth:`change_plan`. Or the page
                that this key of yours opened is not open any more.
        """
        self._parts.handlers.refuse_inside()
        wanted = StartCheckout(
            plan_id=plan_id,
            success_url=success_url,
            cancel_url=cancel_url,
            metadata={**(metadata or {}), "org_id": org_id},
            quantity=quantity,
            trial_days=trial_days,
            customer_email=email,
        )
        return await self._parts.checkouts.start(
            org_id,
            wanted,
            email=email,
            name=name,
            provider_name=provider_name,
            allow_second=allow_second,
            key=idempotency_key,
        )

    async def confirm_return(
        self, session_id: str, *, org_id: str | None = None, provider_name: str | None = None
    ) -> BillingSubscription | None:
        """Store what a finished checkout brought, when the customer's browser is back before the webhook.

        The webhook leads to the same state; whichever comes first, the subscription is there once.

        Args:
            session_id: of the checkout session. It comes from the browser: pass ``org_id`` so that no customer can show
                another organisation's.
            org_id: whose session it must be.
            provider_name: whose session it is. None: each provider is asked.

        Returns:
            The subscription; None while the checkout is not finished, or its first payment is still under way (the
            subscription is then stored as ``incomplete``).

        Raises:
            NotFound: no provider knows the session, or it is another organisation's.
            Conflict: the subscription is stored as another organisation's; or its plan, quantity or prices are not what was
                asked for, at a provider where the buyer can have changed them: it grants nothing, and is reported.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.checkouts.confirm_return(session_id, org_id=org_id, provider_name=provider_name)

    async def assign_subscription(
        self, org_id: str, subscription_id: str, *, provider_name: str | None = None
    ) -> BillingSubscription:
        """Let an organisation have a subscription that billing did not start, as it is now: your explicit choice.

        For one that was made by hand, by another program, or by a button in the browser: at providers where a subscription's
        customer id proves nothing (PayPal, Square), it belongs to no organisation otherwise, waits, and is reported
        (``on_refused``). Plan, quantity and prices are accepted with it, as they are; so is what a buyer has changed since, if
        you call this again. Look at what it costs first. Events that came about it before are applied.

        Args:
            org_id: whose it is to be; it has a customer at the provider: see :meth:`ensure_customer`.
            subscription_id: the provider's id of the subscription.
            provider_name: whose subscription it is; None: the only provider that the organisation is at.

        Raises:
            NotFound: the organisation has no customer there, or the provider no such subscription.
            Conflict: it is another organisation's: stored as its, brought by its checkout, or, where that proves it, of its
                customer.
            InvalidRequest: the organisation is at several providers.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.assign(org_id, subscription_id, provider_name)

    # --- the subscription ----------------------------------------------------------------------------------------

    async def subscriptions(self, org_id: str) -> list[BillingSubscription]:
        """List all subscriptions of the organisation as stored, over all providers, ended ones too.

        The primary one is first: one that grants access now before one that does not, then a current one before one that has
        ended, then the newest.

        Args:
            org_id: the application's id of whose they are.
        """
        return await self._parts.customers.subscriptions(org_id)

    async def subscription(self, org_id: str, subscription_id: str | None = None) -> BillingSubscription | None:
        """Return one subscription of the organisation as stored: the one that :meth:`access` speaks of, or a certain one.

        Args:
            org_id: the application's id of whose it is.
            subscription_id: the provider's id of the subscription. None: the primary one, the first of
                :meth:`subscriptions`.

        Returns:
            The subscription; None if the organisation has none, or none of this id.
        """
        return await self._parts.subscriptions.one(org_id, subscription_id)

    async def access(
        self,
        org_id: str,
        *,
        plans: Collection[str] | None = None,
        now: datetime | None = None,
        policy: AccessPolicy = DEFAULT_POLICY,
    ) -> Access:
        """Say whether the organisation may use the product, why, and until when. Reads the repository only.

        Any of its subscriptions may allow it: one that was canceled and is paid for still does while a new one begins.
        ``subscription`` of the answer is the one that grants it; ``others`` says why the others do not, or that they do, too.

        Args:
            org_id: the application's id of who wants to use it.
            plans: the provider's ids of the plans that grant this product, if you sell several. None: any plan does.
            now: an aware datetime; None: the service's clock.
            policy: what the application decides.
        """
        moment = self._clock() if now is None else now
        check_utc("now", moment)
        return access_over(await self._parts.customers.subscriptions(org_id), moment, policy, plans)

    async def cancel(
        self,
        org_id: str,
        *,
        subscription_id: str | None = None,
        at_period_end: bool = True,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """End a subscription: at the end of what is paid for, or now.

        Without ``subscription_id``, it is the only one that has begun and has not ended; at the end of the period: the only
        one that is not set to end already. Where several are left, none is ended.

        Where the provider ends subscriptions at once and for good, and what is paid for stays paid for (PayPal), the former is
        the latter: nothing more is charged, and access goes on until ``cancel_at``.

        Args:
            org_id: the application's id of whose subscription it is.
            subscription_id: the provider's id of the subscription. None: the only one that can be meant.
            at_period_end: when the period that is paid for ends. False: now.
            reason: for the provider's records.
            idempotency_key: one of yours makes repeating this harmless. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has no subscription, or none of this id.
            Conflict: it has several that can be meant; the message names them. Or something else was asked for of the
                subscription since, or at the same moment. Nothing was sent.
            UnsupportedOperation: the provider cannot end it in this way.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.cancel(
            org_id,
            subscription_id=subscription_id,
            at_period_end=at_period_end,
            reason=reason,
            key=idempotency_key,
        )

    async def change_plan(
        self,
        org_id: str,
        plan_id: str | None = None,
        *,
        subscription_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Change the plan, the quantity or both. ``approval_url`` in the answer: the payer has to consent there first.

        Args:
            org_id: the application's id of whose subscription it is.
            plan_id: the provider's id of the new plan. None: the plan stays.
            subscription_id: the provider's id of the subscription. None: the only one that has begun and has not ended.
            quantity: the new number of units. None: it stays.
            prorate: charge, or credit, the rest of the current period. False: the change is free until the next period.
            idempotency_key: one of yours makes repeating this harmless. None: every call is a command of its own.

        Raises:
            NotFound: the organisation has no subscription, or none of this id.
            Conflict: it has several that can be meant; the message names them. Or something else was asked for of the
                subscription since, or at the same moment. Nothing was sent.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.change(
            org_id,
            subscription_id=subscription_id,
            plan_id=plan_id,
            quantity=quantity,
            prorate=prorate,
            key=idempotency_key,
        )

    async def pause(
        self, org_id: str, *, subscription_id: str | None = None, idempotency_key: str | None = None
    ) -> BillingSubscription:
        """Stop billing a subscription until :meth:`resume`. Pausing twice is no error.

        Args:
            org_id: the application's id of whose subscription it is.
            subscription_id: the provider's id of the subscription. None: the only one that has begun, has not ended and is
                not paused yet.
            idempotency_key: one of yours makes repeating this harmless. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has no subscription, or none of this id.
            Conflict: it has several that can be meant; the message names them. Or something else was asked for of the
                subscription since, or at the same moment. Nothing was sent.
            UnsupportedOperation: the provider cannot pause.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.pause(org_id, subscription_id, idempotency_key)

    async def resume(
        self, org_id: str, *, subscription_id: str | None = None, idempotency_key: str | None = None
    ) -> BillingSubscription:
        """Bill a paused subscription again. Resuming what is not paused is no error.

        Args:
            org_id: the application's id of whose subscription it is.
            subscription_id: the provider's id of the subscription. None: the only one that has begun, has not ended and is
                paused.
            idempotency_key: one of yours makes repeating this harmless. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has no subscription, or none of this id.
            Conflict: it has several that can be meant; the message names them. Or something else was asked for of the
                subscription since, or at the same moment. Nothing was sent.
            UnsupportedOperation: the provider cannot pause.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.resume(org_id, subscription_id, idempotency_key)

    async def sync_subscription(self, org_id: str, subscription_id: str | None = None) -> BillingSubscription | None:
        """Read what the provider says now, for all of the organisation's subscriptions or for one, and store it.

        Args:
            org_id: the application's id of whose they are.
            subscription_id: the provider's id of the subscription. None: all of them, at all providers, also those that are
                not stored yet.

        Returns:
            That subscription, or the primary one, as stored afterwards.

        Raises:
            NotFound: the organisation has none of this id.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.sync(org_id, subscription_id)

    # --- invoices, usage -----------------------------------------------------------------------------------------

    async def invoices(self, org_id: str, limit: int = 10) -> list[Invoice]:
        """List the organisation's invoices over all its providers, newest first.

        Args:
            org_id: the application's id of who was billed.
            limit: how many at most.
        """
        return await self._parts.invoices.of(org_id, limit)

    async def record_usage(
        self,
        org_id: str,
        quantity: int,
        *,
        idempotency_key: str,
        subscription_id: str | None = None,
        plan_id: str | None = None,
        timestamp: datetime | None = None,
    ) -> bool:
        """Report usage of what the organisation's subscriptions meter.

        Args:
            org_id: the application's id of who used it.
            quantity: how many units.
            idempotency_key: the same for the same usage, however often it is reported: the id of the job that counted it.
            subscription_id: the provider's id of the subscription, if several are metered.
            plan_id: which plan's, if several are metered.
            timestamp: when; aware. None: when the provider gets it, which is later where a crash comes between.

        Returns:
            Whether the provider accepted it.

        Raises:
            NotFound: the organisation has no subscription, or none of this id.
            Conflict: several of its current subscriptions are metered; the message names them.
            InvalidRequest: none of them has a metered item, or one has several and ``plan_id`` does not choose one.
        """
        self._parts.handlers.refuse_inside()
        wanted = RecordUsage(quantity=quantity, timestamp=timestamp)
        return await self._parts.usage.record(
            org_id, wanted, idempotency_key, plan_id=plan_id, subscription_id=subscription_id
        )

    # --- money ---------------------------------------------------------------------------------------------------

    async def charge(
        self,
        org_id: str,
        amount: Money,
        *,
        payment_method_id: str | None = None,
        description: str | None = None,
        idempotency_key: str,
    ) -> Payment:
        """Charge a saved payment method of the organisation's, once for the key, however long ago it was first asked for.

        The key works for as long as its row is kept. Once the provider has forgotten it, the payment is looked up; what cannot
        be found is never sent again.

        Args:
            org_id: the application's id of who pays.
            amount: what to take.
            payment_method_id: the provider's id of what is charged. None: the only saved one.
            description: shown to the payer, where the provider does so.
            idempotency_key: the same for the same charge, however often it is tried: your order's id.

        Raises:
            Declined: the bank said no. Another attempt needs another key.
            ActionRequired: the payer has to authenticate. The same key says later how it ended.
            IdempotencyMismatch: it was asked for so long ago that the provider has forgotten it, and cannot be found.
            InvalidRequest: the organisation has no saved payment method, or several.
            NotFound: the organisation has no customer.
        """
        self._parts.handlers.refuse_inside()
        wanted = Charge(
            amount=amount, asked_method_id=payment_method_id, description=description, metadata={"org_id": org_id}
        )
        return await self._parts.payments.charge(org_id, wanted, idempotency_key)

    async def authorize(
        self,
        org_id: str,
        amount: Money,
        *,
        payment_method_id: str | None = None,
        description: str | None = None,
        idempotency_key: str,
    ) -> Payment:
        """Hold an amount on a saved payment method: :meth:`capture` takes it, :meth:`void` gives it up.

        Args:
            org_id: the application's id of who pays.
            amount: what to hold.
            payment_method_id: the provider's id of what it is held on. None: the only saved one.
            description: shown to the payer, where the provider does so.
            idempotency_key: the same for the same authorization, however often it is tried; see :meth:`charge`.

        Raises:
            PaymentError: as :meth:`charge`.
        """
        self._parts.handlers.refuse_inside()
        wanted = Authorize(
            amount=amount, asked_method_id=payment_method_id, description=description, metadata={"org_id": org_id}
        )
        return await self._parts.payments.charge(org_id, wanted, idempotency_key)

    async def capture(
        self, org_id: str, payment_id: str, *, amount: Money | None = None, idempotency_key: str
    ) -> Payment:
        """Take the money of an authorized payment. What is not taken is released.

        Args:
            org_id: the application's id of who pays.
            payment_id: the provider's id of the payment.
            amount: how much. None: all of it.
            idempotency_key: the same for the same capture, however often it is tried; see :meth:`charge`.

        Raises:
            NotFound: the organisation has no such payment.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.payments.capture(
            org_id, Capture(payment_id=payment_id, amount=amount), idempotency_key
        )

    async def void(self, org_id: str, payment_id: str, *, idempotency_key: str) -> Payment:
        """Give up an authorized payment: nothing is taken.

        Args:
            org_id: the application's id of who would have paid.
            payment_id: the provider's id of the payment.
            idempotency_key: the same for the same payment, however often it is tried; see :meth:`charge`.

        Raises:
            NotFound: the organisation has no such payment.
            Conflict: it is captured already: :meth:`refund` it.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.payments.void(org_id, Void(payment_id=payment_id), idempotency_key)

    async def refund(
        self,
        org_id: str,
        *,
        payment_id: str | None = None,
        invoice_id: str | None = None,
        subscription_id: str | None = None,
        amount: Money | None = None,
        reason: str | None = None,
        idempotency_key: str,
    ) -> Refund:
        """Give money back, once for the key, however long ago it was first asked for.

        Args:
            org_id: the application's id of who paid.
            payment_id: the provider's id of the payment. One of this and the next two.
            invoice_id: the provider's id of the invoice whose payment is given back.
            subscription_id: the provider's id of the subscription whose last paid period is given back.
            amount: how much. None: all that is left.
            reason: for the provider's records.
            idempotency_key: the same for the same refund, however often it is tried; see :meth:`charge`.

        Raises:
            NotFound: the organisation has no such payment, invoice or subscription.
            InvalidRequest: it is more than is left; or several payments paid the invoice.
            IdempotencyMismatch: it was asked for so long ago that the provider has forgotten it, and cannot be found.
        """
        self._parts.handlers.refuse_inside()
        wanted = RefundPayment(
            asked_payment_id=payment_id,
            asked_invoice_id=invoice_id,
            asked_subscription_id=subscription_id,
            amount=amount,
            reason=reason,
        )
        return await self._parts.payments.refund(org_id, wanted, idempotency_key)

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
        self._parts.handlers.refuse_inside()
        return await self._parts.deliveries.respond(provider_name, body, headers, url)

    async def handle_webhook(
        self, provider_name: str, payload: bytes, headers: Headers, *, url: str | None = None
    ) -> WebhookOutcome:
        """Verify a delivery and apply it, exactly once; what goes wrong is raised. :meth:`respond` is simpler to use.

        Args:
            provider_name: whose delivery it is: each has an endpoint of its own.
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
        return await self.apply_event(await self.parse_webhook(provider_name, payload, headers, url=url))

    async def parse_webhook(
        self, provider_name: str, payload: bytes, headers: Headers, *, url: str | None = None
    ) -> WebhookEvent:
        """Verify a delivery and read it: the first half of :meth:`handle_webhook`. :meth:`apply_event` is the second.

        Args:
            provider_name: whose delivery it is: each has an endpoint of its own.
            payload: the raw body: bytes, before any framework parsed it.
            headers: the request's headers.
            url: the public URL that it was delivered to, for providers that sign it.

        Raises:
            WebhookError: it is forged, stale, malformed, or cannot be checked now.
            ConfigurationError: no webhook secret is configured.
        """
        return await self._parts.deliveries.parse(provider_name, payload, headers, url)

    async def apply_event(self, event: WebhookEvent) -> WebhookOutcome:
        """Apply an event that was verified before, in a worker: the second half of :meth:`handle_webhook`.

        Args:
            event: what :meth:`parse_webhook` returned, here or in another process.

        Raises:
            MalformedPayload: it is no event, or says what no database could keep; trying again is of no use.
            WebhookError: it is of the other mode (live, test) than the provider here; or cannot be confirmed now.
        """
        return await self._parts.deliveries.apply(event)

    async def apply_parked(self, provider_name: str) -> int:
        """Try again what is parked. :meth:`maintain` does so, too.

        Args:
            provider_name: whose events.

        Returns:
            How many events were applied.
        """
        provider_named(self._providers, provider_name)
        return await self._parts.pipeline.apply_parked(provider_name)

    async def drop_parked(self, provider_name: str, *, before: datetime) -> DroppedEvents:
        """Delete the events that were parked before a time and are no organisation's here: of another application, say.

        Each is tried once more first. What belongs to an organisation by now is applied; what does and fails is kept, and
        reported with its error, whatever its age.

        Args:
            provider_name: whose events.
            before: aware.
        """
        self._parts.handlers.refuse_inside()
        provider_named(self._providers, provider_name)
        check_utc("before", before)
        return await self._parts.purge.drop_parked(provider_name, before)

    # --- what webhooks did not bring -----------------------------------------------------------------------------

    async def catch_up(self, provider_name: str, since: datetime) -> CaughtUp:
        """Apply the events of a provider that were missed: after an outage, say. Applied ones are not applied again.

        It may be stopped at any time; go on with ``since=`` the ``until`` of what it returned, or with the same time.

        Args:
            provider_name: whose events.
            since: aware; how far a provider remembers is its own: see its page.

        Raises:
            UnsupportedOperation: the provider lists no events.
        """
        self._parts.handlers.refuse_inside()
        check_utc("since", since)
        return await self._parts.catch_up.catch_up(self.provider(provider_name), since)

    async def reconcile(
        self,
        provider_name: str,
        *,
        repair: bool = False,
        after: str | None = None,
        in_flight: int = 10,
        on_difference: Callable[[Difference], None] | None = None,
        on_progress: Callable[[Reconciled], None] | None = None,
    ) -> Reconciled:
        """Compare every stored subscription with the provider's, customer by customer, in bounded memory.

        Args:
            provider_name: whose.
            repair: store the provider's state where it differs, as a webhook would: handlers of a new status run.
            after: where to go on: ``after`` of what ``on_progress`` was told last.
            in_flight: how many customers are compared at a time, 1 to 100.
            on_difference: told of every difference.
            on_progress: told after every hundred customers. What either raises ends the comparison.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.reconciliation.reconcile(
            self.provider(provider_name),
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
        self._parts.handlers.refuse_inside()
        check_timedelta("older_than", older_than)
        return await self._parts.recovery.recover_all(self._providers.values(), older_than=older_than)

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
        self._parts.handlers.refuse_inside()
        plan = Plan(budget, since, older_than, reconcile_every, repair, drop_waiting_after)
        plan.check()
        return await self._parts.maintainer.run(plan)

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
