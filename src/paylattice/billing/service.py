"""The billing service: each method calls the part that does the work; see :mod:`paylattice.billing.wiring`."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Generic, Self, TypeVar

from ..arguments import check_utc
from ..checking import checking_class, word
from ..errors import InvalidRequest
from ..events import EventType
from ..models import ChangePayment, ChangeTime, Invoice, OpenCheckout, SubscriptionChange
from ..operations import Capability
from ..provider import BaseProvider, PaymentProvider
from ..transport.primitives import AsyncPrimitives, Primitives
from .access import DEFAULT_POLICY, Access, AccessPolicy, access_over
from .assignment_operations import AssignmentOperations
from .closing import EndedSubscriptions
from .commands import CancelSubscription, ChangeSubscription, RecordUsage, StartCheckout
from .commands.checkout import Once
from .construction import check_options, check_repository, check_transport, clock_of, providers_of
from .customer_operations import CustomerOperations
from .customers import provider_named
from .deliveries import RejectedWebhook
from .delivery_operations import DeliveryOperations
from .inputs import CHECKS, evidence_from
from .owners import RefusedSubscription
from .payment_method_operations import PaymentMethodOperations
from .payment_operations import PaymentOperations
from .records import BillingSubscription
from .replaced_customers import ReplacedCustomer
from .repository import BillingRepository, Tx
from .scheduled_operations import ScheduledOperations
from .second_subscriptions import OnSecond
from .store import Store
from .subscription_operations import SubscriptionOperations
from .wiring import Options, wire

__all__ = ["BillingService", "RejectedWebhook"]

H = TypeVar("H", bound=Callable[..., Awaitable[None] | None])


@checking_class(CHECKS)
class BillingService(
    AssignmentOperations[Tx],
    CustomerOperations[Tx],
    DeliveryOperations[Tx],
    SubscriptionOperations[Tx],
    PaymentOperations[Tx],
    PaymentMethodOperations[Tx],
    ScheduledOperations[Tx],
    Generic[Tx],
):
    """Billing for your organisations, over one or several providers and a repository.

    Args:
        provider: one provider, or several with different names; any object that satisfies :class:`paylattice.PaymentProvider`.
        repository: stores the records.
        select: returns the name of the provider for a NEW customer of an organisation. Existing customers stay where they are.
            Needed with several providers.
        require: capabilities that every provider must have; checked now, not in front of a customer.
        refetch: read a subscription again from the provider before a webhook changes it. False trusts the payload: one request
            less, but deliveries within one second may end in the wrong order, and no event is verified with a provider whose
            signatures do not cover the body. Leave it True for PayPal.
        clock: returns the time as an aware datetime. None: the simulated time if all providers have one (``now`` of the
            embedded provider), else the real time.
        on_rejected: called for every rejected delivery. Its errors are logged and otherwise ignored.
        on_refused: called for every subscription that grants nothing, at a provider where a buyer can create or change one
            without your server (PayPal, Square): billing did not start its checkout, or its plan, quantity or prices are not
            what billing asked for. Called once per process; also logged.
        on_replaced: called for every customer that the provider does not know any more and that was replaced by a new one:
            see :meth:`start_checkout`. Its errors are logged and otherwise ignored.
        on_second_subscription: what to do if an organisation pays on a page that another page has replaced, and on that
            one, too. "report": only ``subscription.second`` tells it. "cancel_and_refund": the subscription of the replaced
            page is also canceled at once (at Square, with its period), and its last payment is given back; not once it is
            the only one of the organisation that goes on.
        primitives: runs several things at a time. None: the running event loop.

    Raises:
        ConfigurationError: there is no provider, two have one name, or several have no ``select``. Or an argument is of the
            wrong kind, such as a blocking provider or repository, or a clock without a time zone.
        InvalidProvider: an object does not satisfy the protocol; the error says what it lacks.
        UnsupportedOperation: a provider lacks a required capability.
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
        on_second_subscription: OnSecond = "report",
        primitives: Primitives | None = None,
    ) -> None:
        providers = providers_of(provider)
        clock = clock_of(providers) if clock is None else clock
        for each in providers:
            check_transport(each, awaited=primitives is None)
        check_repository(repository, awaited=True)
        check_options(
            select=select,
            several=len(providers) > 1,
            require=require,
            refetch=refetch,
            clock=clock,
            observers={"on_rejected": on_rejected, "on_refused": on_refused, "on_replaced": on_replaced},
            on_second_subscription=on_second_subscription,
            primitives=primitives,
        )
        required = tuple(require)
        for each in providers:
            each.require(*required)
        self._providers = {each.get_provider_name(): each for each in providers}
        self._store: Store[Tx] = Store(repository, primitives)
        self._clock = clock
        options = Options(
            select=select,
            refetch=refetch,
            clock=clock,
            on_rejected=on_rejected,
            on_refused=on_refused,
            on_replaced=on_replaced,
            undo_second=on_second_subscription == "cancel_and_refund",
            primitives=primitives or AsyncPrimitives(),
        )
        self._parts = wire(self._store, self._providers, options)

    @property
    def repository(self) -> BillingRepository[Tx]:
        """The repository that stores the records."""
        return self._store.repository

    def now(self) -> datetime:
        """Return the time by the service's clock, aware."""
        return self._clock()

    def provider(self, name: str) -> BaseProvider:
        """Return one of the providers.

        Args:
            name: its name, such as ``"stripe"``.

        Raises:
            ConfigurationError: the service has no provider of this name.
        """
        return provider_named(self._providers, name)

    def on(self, event_type: EventType | str, *, everywhere: bool = False) -> Callable[[H], H]:
        """Register a handler: ``@billing.on("subscription.past_due")``.

        The handler gets the event and an :class:`EventContext`. It runs inside the transaction that applies the event: what
        it writes with ``context.transaction`` commits together with the event, exactly once. Everything else it does (such as
        sending an e-mail) may happen more than once: write an outbox row, and send from there.

        Handlers of an event that reports a change of a subscription (``subscription.past_due``,
        ``subscription.plan_changed``) run once for every such change, whatever the provider's event is called.

        Args:
            event_type: a member of :class:`EventType`, or ``<provider>:<its own name>``.
            everywhere: refuse an event that some provider of this service never leads to, and suggest what to use instead.

        Raises:
            ConfigurationError: there is no such event; some provider does not send it (with ``everywhere``); or the handler is
                not a function of event and context.
        """
        return self._parts.handlers.on(event_type, everywhere=everywhere, providers=self._providers)

    # --- checkout ------------------------------------------------------------------------------------------------

    async def start_checkout(
        self,
        org_id: str,
        plan_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        success_url: str,
        cancel_url: str,
        quantity: int = 1,
        trial_days: int | Once | None = None,
        start_at: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        provider_name: str | None = None,
        allow_second: bool = False,
        idempotency_key: str | None = None,
    ) -> OpenCheckout:
        """Return the organisation's open page where it subscribes: at most one is open at a time.

        Calling again on the same terms returns the same page as long as it can be paid. Other terms (another plan, quantity
        or URL) open a new page and close the old one. PayPal closes no pages: if the customer pays on the old one, too, you
        get ``subscription.second``, and ``on_second_subscription`` undoes it. A page that nobody pays keeps nobody from
        coming back.

        If the provider says for certain that it does not know the organisation's customer any more (deleted, or from
        another account, or from test mode), this creates a new customer, once, and stores its id. It calls ``on_replaced`` and
        logs the replacement.

        Args:
            org_id: your id of the organisation.
            plan_id: the provider's id of the plan.
            email: the e-mail address of a new customer; a provider without customers shows it on the page. An existing customer
                keeps theirs: see :meth:`update_customer`. None: not known.
            name: the name of a new customer.
            success_url: where the customer returns: call :meth:`confirm_return` there.
            cancel_url: where a customer who gives up returns.
            quantity: how many units.
            trial_days: days of trial, instead of the plan's own trial. "once": the plan's own trial, or none if the
                organisation has had a trial before, of any plan, at any provider. See :meth:`had_trial`.
            start_at: charges the customer for the first time then, and not before; an aware datetime. Until then the
                subscription is ``trialing``. None: now, or after the trial. Square's pages cannot do this.
            metadata: your own keys and values, stored on the session and the subscription; ``org_id`` is added.
            provider_name: the provider. None: the organisation's present provider, else the one from ``select``.
            allow_second: allow a second subscription to an organisation that has a current one; then one page for each plan is
                open at a time.
            idempotency_key: your own key. If its page is closed, the next page gets a key that is made of it.

        Raises:
            Conflict: the organisation has a current subscription, at any provider: see :meth:`change_plan`. Or it has paid,
                and the money is under way (a bank debit takes days): the message says until when.
        """
        self._parts.handlers.refuse_inside()
        if trial_days is not None and start_at is not None:
            message = "trial_days and start_at both say when the first payment is due: give one of them"
            raise InvalidRequest(message, param="start_at", operation="start_checkout")
        wanted = StartCheckout(
            plan_id=plan_id,
            success_url=success_url,
            cancel_url=cancel_url,
            metadata={**(metadata or {}), "org_id": org_id},
            quantity=quantity,
            trial_days=None if trial_days == "once" else trial_days,
            trial_once=trial_days == "once",
            start_at=start_at,
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
        self,
        session_id: str | None = None,
        *,
        org_id: str | None = None,
        provider_name: str | None = None,
        params: Mapping[str, str] | None = None,
    ) -> BillingSubscription | None:
        """Store the result of a finished checkout, when the customer's browser returns before the webhook arrives.

        The webhook leads to the same state. Whichever comes first, the subscription is stored once.

        Args:
            session_id: the id of the checkout session. It comes from the browser: pass ``org_id``, so no customer can use
                another organisation's session. None, where the provider puts none into the URL (Square): the newest
                checkouts of ``org_id``.
            org_id: the organisation that started the checkout.
            provider_name: the provider of the session. None: billing asks each provider.
            params: the query parameters of the URL to which the customer came back. Square adds ``orderId`` and
                ``transactionId``, with which a payment is found that is not on the checkout's own order. A buyer can write
                them: they only say where to look, and what is another session's is left out.

        Returns:
            The subscription. None: the checkout is not finished, or its first payment has not arrived yet (the
            subscription is then stored as ``incomplete``).

        Raises:
            NotFound: no provider knows the session, or it belongs to another organisation. Or the organisation has no checkout.
            InvalidRequest: there is neither a ``session_id`` nor an ``org_id``.
            Conflict: the subscription is stored for another organisation. Or its plan, quantity or prices are not what billing
                asked for, at a provider where the buyer can change them: it grants nothing, and is reported.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.returns.confirm(
            session_id, org_id=org_id, provider_name=provider_name, params=evidence_from(params)
        )

    async def assign_subscription(
        self, org_id: str, subscription_id: str, *, provider_name: str | None = None
    ) -> BillingSubscription:
        """Give a subscription that billing did not start to an organisation, with its current terms.

        Use it for a subscription that was created by hand, by another program, or by a button in the browser. At providers
        where a subscription's customer id proves nothing (PayPal, Square), it otherwise belongs to no organisation, waits,
        and is reported (``on_refused``). This accepts its current plan, quantity and prices. Call it again to accept what a
        buyer has changed since. Look at the price first. Events about it that arrived earlier are applied.

        Args:
            org_id: your id of the organisation; it must have a customer at the provider (see :meth:`ensure_customer`), unless
                the provider has no customers (PayPal).
            subscription_id: the provider's id of the subscription.
            provider_name: the provider of the subscription. None: the organisation's only provider.

        Raises:
            NotFound: the organisation has no customer there, or the provider has no such subscription.
            Conflict: it belongs to another organisation: it is stored for it, came from its checkout, or, where that proves
                ownership, names its customer.
            InvalidRequest: the organisation has several providers.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.assigning.subscription(org_id, subscription_id, provider_name)

    # --- the subscription ----------------------------------------------------------------------------------------

    async def subscriptions(self, org_id: str) -> list[BillingSubscription]:
        """List all stored subscriptions of the organisation, over all providers, ended ones included.

        The primary one is first: one that grants access now before one that does not, then a current one before one that has
        ended, then the newest.

        Args:
            org_id: your id of the organisation.
        """
        return await self._parts.customers.subscriptions(org_id)

    async def subscription(self, org_id: str, subscription_id: str | None = None) -> BillingSubscription | None:
        """Return one stored subscription of the organisation: the primary one, or the one that you name.

        Args:
            org_id: your id of the organisation.
            subscription_id: the provider's id of the subscription. None: the primary one, the first of
                :meth:`subscriptions`.

        Returns:
            The subscription; None if the organisation has none, or none with this id.
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
        """Return whether the organisation may use the product, why, and until when. This reads the repository only.

        Any of its subscriptions can allow it: one that is canceled but paid still does while a new one begins.
        ``subscription`` of the result is the one that grants access; ``others`` has the result for each of the others.

        Args:
            org_id: your id of the organisation.
            plans: the provider's ids of the plans that grant this product, if you sell several. None: any plan does.
            now: an aware datetime. None: the service's clock.
            policy: your rules for grace and pauses.
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
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """End a subscription at the end of the paid period, or now.

        Without ``subscription_id``, this ends the only current subscription (for ``at_period_end``: the only one that is not
        set to end already). If there are several, it ends none.

        PayPal ends subscriptions at once, but what is paid stays paid. There, both ways are the same: the customer is not
        charged any more, and access continues until ``cancel_at``.

        Args:
            org_id: your id of the organisation.
            subscription_id: the provider's id of the subscription. None: the only candidate.
            at_period_end: True ends it with the paid period, False now.
            reason: for the provider's records.
            final_invoice: True bills usage that is not billed yet, if the subscription ends now. False gives it away. At
                the end of the period, it is billed in any case.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: there are several candidates; the message names them. Or a newer or simultaneous command of the same
                subscription supersedes this one. Nothing was sent.
            UnsupportedOperation: the provider cannot end it in this way.
        """
        self._parts.handlers.refuse_inside()
        wanted = CancelSubscription(at_period_end=at_period_end, reason=reason, final_invoice=final_invoice)
        return await self._parts.subscriptions.cancel(
            org_id, wanted, subscription_id=subscription_id, key=idempotency_key
        )

    async def cancel_all(
        self,
        org_id: str,
        *,
        at_period_end: bool = True,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> EndedSubscriptions:
        """End all subscriptions of the organisation, at all providers, also those that are not stored yet.

        It may be repeated: what has ended, or is set to end, is left as it is. One that cannot be ended keeps no other from it.

        Args:
            org_id: your id of the organisation.
            at_period_end: see :meth:`cancel`; so are the others.
            reason: for the provider's records.
            final_invoice: whether a last invoice asks for usage that has not been billed, where one ends now.
            idempotency_key: one of yours; each subscription gets one that is made of it.

        Returns:
            What was ended, and what could not be, with the reason.
        """
        self._parts.handlers.refuse_inside()
        wanted = CancelSubscription(at_period_end=at_period_end, reason=reason, final_invoice=final_invoice)
        return await self._parts.closing.cancel_all(org_id, wanted, idempotency_key)

    async def close_organisation(
        self,
        org_id: str,
        *,
        reason: str | None = None,
        final_invoice: bool = True,
        idempotency_key: str | None = None,
    ) -> EndedSubscriptions:
        """End all that the organisation pays for now; at the end of its period where the provider ends nothing sooner.

        It may be repeated, and it is to be, until ``is_complete``. The organisation's records stay.

        Args:
            org_id: your id of the organisation.
            reason: for the provider's records.
            final_invoice: whether a last invoice asks for usage that has not been billed.
            idempotency_key: one of yours; each subscription gets one that is made of it.

        Returns:
            What was ended, and what could not be, with the reason.
        """
        self._parts.handlers.refuse_inside()
        wanted = CancelSubscription(at_period_end=False, reason=reason, final_invoice=final_invoice)
        return await self._parts.closing.cancel_all(org_id, wanted, idempotency_key, at_the_latest=True)

    async def had_trial(self, org_id: str, plan_id: str | None = None) -> bool:
        """Say whether the organisation has, or has had, a free trial, also at another provider and after canceling.

        The time before a later first payment (``start_at``) is none, unless :meth:`extend_trial` has made it longer.

        Args:
            org_id: your id of the organisation.
            plan_id: the provider's id of a plan: only subscriptions that were on it while a trial ran count, whatever plan they
                are on now. None: any plan.
        """
        if plan_id is not None:
            word("plan_id", plan_id)
        return await self._parts.subscriptions.had_trial(org_id, plan_id)

    async def change_plan(
        self,
        org_id: str,
        plan_id: str | None = None,
        *,
        subscription_id: str | None = None,
        quantity: int | None = None,
        expected_quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = "invoice",
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Change the plan, the quantity or both, now or at the end of the paid period.

        Look at ``is_pending`` of the result: then the payer has to consent, authenticate or pay first, at ``approval_url`` or
        with ``client_secret``. A change at the period's end is the ``scheduled_change`` of the stored subscription until then:
        see :meth:`cancel_scheduled_change`.

        Args:
            org_id: your id of the organisation.
            plan_id: the provider's id of the new plan. None: the plan stays.
            subscription_id: the provider's id of the subscription. None: the only current one.
            quantity: the new number of units. None: the quantity stays.
            expected_quantity: change it only if this is the quantity at the provider: the one that you have shown, say. Of two
                workers that expect the same quantity, and set another one, one changes it. None: any quantity.
            prorate: charge or credit the rest of the current period. False: the change is free until the next period.
            when: "now", or "period_end": a downgrade, say, begins when the paid month is over. None: now; with the next period
                at providers that can do nothing else (PayPal, Square).
            payment: how the rest of the period is paid. "invoice": with the next invoice. "now": at once; if the payment fails,
                the change stays, and is owed. "first": at once, and nothing is changed before it is paid.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            UnsupportedOperation: the provider cannot change it then.
            Conflict: there are several candidates; the message names them. Or the quantity is not the expected one. Or a newer
                or simultaneous command of the same subscription supersedes this one. Nothing was sent. If it is
                ``retryable``, another change is under way: repeat it with the same key.
        """
        self._parts.handlers.refuse_inside()
        wanted = ChangeSubscription(
            plan_id=plan_id,
            quantity=quantity,
            expected_quantity=expected_quantity,
            prorate=prorate,
            when=when,
            payment=payment,
        )
        return await self._parts.subscriptions.change(
            org_id, wanted, subscription_id=subscription_id, key=idempotency_key
        )

    async def add_quantity(
        self,
        org_id: str,
        delta: int,
        *,
        subscription_id: str | None = None,
        prorate: bool = True,
        idempotency_key: str,
    ) -> SubscriptionChange:
        """Add units to a subscription, or remove some: none is lost and none counts twice, however many workers do it at once.

        It counts from the quantity that the provider has once everything that was sent before is done. So two workers that add
        one seat each add two, whichever of them crashes: repeat it with the same key, or let :meth:`maintain` finish it.

        At PayPal the payer has to consent to the sum: while the result has an ``approval_url``, nothing is added, and another
        call counts from the old quantity. Of two pages that wait at once, the one that is agreed to last sets its own sum.
        Square has no quantities.

        Args:
            org_id: your id of the organisation.
            delta: how many more; fewer, if negative. At least one unit has to stay.
            subscription_id: the provider's id of the subscription. None: the only current one.
            prorate: charge or credit the rest of the current period. False: the change is free until the next period.
            idempotency_key: the same for the same units, however often you try: for example the id of the invitation.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: there are several candidates; the message names them. Or the subscription was canceled since. Nothing was
                sent. If it is ``retryable``, another change is under way: repeat it with the same key.
            IdempotencyMismatch: the provider has forgotten the key, and billing cannot see whether the units were added.
            InvalidRequest: no unit would stay, or the provider has no quantities.
        """
        self._parts.handlers.refuse_inside()
        wanted = ChangeSubscription(delta=delta, prorate=prorate)
        return await self._parts.subscriptions.change(
            org_id, wanted, subscription_id=subscription_id, key=idempotency_key
        )

    async def pause(
        self, org_id: str, *, subscription_id: str | None = None, idempotency_key: str | None = None
    ) -> BillingSubscription:
        """Stop billing a subscription until :meth:`resume`. Pausing twice is no error.

        Args:
            org_id: your id of the organisation.
            subscription_id: the provider's id of the subscription. None: the only current one that is not paused yet.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: there are several candidates; the message names them. Or a newer or simultaneous command of the same
                subscription supersedes this one. Nothing was sent.
            UnsupportedOperation: the provider cannot pause.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.pause(org_id, subscription_id, idempotency_key)

    async def resume(
        self, org_id: str, *, subscription_id: str | None = None, idempotency_key: str | None = None
    ) -> BillingSubscription:
        """Resume billing of a paused subscription. Resuming one that is not paused is no error.

        Args:
            org_id: your id of the organisation.
            subscription_id: the provider's id of the subscription. None: the only current one that is paused.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: there are several candidates; the message names them. Or a newer or simultaneous command of the same
                subscription supersedes this one. Nothing was sent.
            UnsupportedOperation: the provider cannot pause.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.resume(org_id, subscription_id, idempotency_key)

    async def sync_subscription(self, org_id: str, subscription_id: str | None = None) -> BillingSubscription | None:
        """Read the current state of all of the organisation's subscriptions, or of one, from the provider, and store it.

        Args:
            org_id: your id of the organisation.
            subscription_id: the provider's id of the subscription. None: all of them, at all providers, including those that
                are not stored yet.

        Returns:
            That subscription, or the primary one, as stored afterwards.

        Raises:
            NotFound: the organisation has none with this id.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.sync(org_id, subscription_id)

    # --- invoices, usage -----------------------------------------------------------------------------------------

    async def invoices(self, org_id: str, limit: int = 10) -> list[Invoice]:
        """List the organisation's invoices over all its providers, newest first.

        A provider that has no invoices, or is not configured any more, is left out, and named in a log record.

        Args:
            org_id: your id of the organisation.
            limit: how many at most.

        Raises:
            UnsupportedOperation: none of the organisation's providers has invoices.
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
        """Report usage of the organisation's metered subscription.

        Args:
            org_id: your id of the organisation.
            quantity: how many units.
            idempotency_key: the same for the same usage, however often you report it: for example the id of the job that
                counted it.
            subscription_id: the provider's id of the subscription, if several are metered.
            plan_id: the plan, if the subscription has several metered items.
            timestamp: when; aware. None: when the provider receives the report, which is later after a crash.

        Returns:
            Whether the provider accepted it.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: several of its current subscriptions are metered; the message names them.
            InvalidRequest: none of them has a metered item, or one has several and ``plan_id`` does not choose one.
        """
        self._parts.handlers.refuse_inside()
        wanted = RecordUsage(
            quantity=quantity, timestamp=timestamp, asked_subscription_id=subscription_id, asked_plan_id=plan_id
        )
        return await self._parts.usage.record(org_id, wanted, idempotency_key)

    # --- closing -------------------------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Close all providers, even if closing one of them fails. You close the repository yourself."""
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
