"""The embedded provider: every operation of the protocol, and the controls of a test that plays customer, bank and time."""

import random
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar, TypeVar

import attrs

from ...config import ProviderConfig
from ...errors import (
    DeclineReason,
    IdempotencyMismatch,
    InvalidRequest,
    NetworkError,
    NetworkOutcomeUnknown,
    NotFound,
    PaymentError,
)
from ...events import EventType, WebhookEvent
from ...frozen import FrozenMap
from ...models import (
    CheckoutSession,
    Customer,
    Invoice,
    Model,
    Payment,
    PaymentMethod,
    Plan,
    Refund,
    Subscription,
    SubscriptionChange,
)
from ...money import Money
from ...operations import Capability, current_operation
from ...provider import BaseProvider, Headers
from ...signatures import secret_from
from ...transport import Transport
from ...transport.primitives import mutex
from .calendar import add_months
from .checkout import Checkouts
from .config import MemoryConfig, refuse_production
from .payments import Payments
from .state import CheckoutOrder
from .subscriptions import Subscriptions
from .webhooks import SIGNATURE, Delivery
from .wire import event_from, payload_of
from .world import Agenda, World

__all__ = ["InMemoryProvider"]

T = TypeVar("T")
_ANSWERS_KEPT = 10_000


class InMemoryProvider(BaseProvider):
    """A whole provider without a network, for tests, demos and development.

    Args:
        config: None: from the environment, which may hold nothing.
        transport: not used; there is no network.
        name: another name than ``memory``, to run several of them side by side.
        now: the simulated time to begin with; an aware datetime. It moves only by ``advance()``.
        retry_days: when a failed renewal is tried again, in days.
        cancel_when_unpaid: whether the last failed retry cancels the subscription; otherwise it becomes unpaid.
        clock: the real time, in seconds since the epoch, for the signatures of deliveries.

    Raises:
        ConfigurationError: the environment says that this is production, and the configuration does not allow it.
    """

    name: ClassVar[str] = "memory"
    config_class: ClassVar[type[ProviderConfig] | None] = MemoryConfig
    capabilities = frozenset(Capability)

    def __init__(
        self,
        config: MemoryConfig | None = None,
        *,
        transport: Transport | None = None,
        name: str = "memory",
        now: datetime | None = None,
        retry_days: Sequence[int] = (3, 5, 7),
        cancel_when_unpaid: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        config = config or MemoryConfig.from_env()
        super().__init__(config, transport=transport)
        if not config.allow_production:
            refuse_production()
        self._settings = config
        self._name = name
        self._clock = clock
        start = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
        self._world = World(name, Agenda(start))
        self._payments = Payments(self._world)
        self._subscriptions = Subscriptions(
            self._world, self._payments, retry_days=tuple(retry_days), cancel_when_unpaid=cancel_when_unpaid
        )
        self._checkouts = Checkouts(self._world, self._payments, self._subscriptions)
        self._mutex = mutex()
        self._answers: OrderedDict[str, tuple[object, object]] = OrderedDict()
        self._next_fault: tuple[PaymentError | None, bool] | None = None
        self._twice = False
        self._shuffled: random.Random | None = None

    def get_provider_name(self) -> str:
        """The name that it was given."""
        return self._name

    # --- customers -----------------------------------------------------------------------------------------------

    async def create_customer(
        self,
        email: str,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Create a customer."""

        def effect() -> Customer:
            customer = Customer(
                self._world.new_id("cus"), email, name, metadata, self._world.now, provider=self._name
            )
            self._world.store.customers[customer.id] = customer
            self._world.tell(EventType.CUSTOMER_CREATED, customer_id=customer.id, customer=customer)
            return customer

        return self._write(idempotency_key, (email, name, FrozenMap(metadata)), effect)

    async def get_customer(self, customer_id: str) -> Customer | None:
        """The customer; None if there is none, or it was deleted."""
        return self._read(lambda: self._world.store.customers.get(customer_id))

    async def update_customer(
        self,
        customer_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Change what is given; metadata is merged key by key."""

        def effect() -> Customer:
            old = self._world.customer(customer_id)
            customer = attrs.evolve(
                old,
                email=email or old.email,
                name=name or old.name,
                metadata={**old.metadata, **(metadata or {})},
            )
            self._world.store.customers[customer_id] = customer
            self._world.tell(EventType.CUSTOMER_UPDATED, customer_id=customer_id, customer=customer)
            return customer

        return self._write(idempotency_key, (customer_id, email, name, FrozenMap(metadata)), effect)

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the customer, which ends its subscriptions at once."""

        def effect() -> None:
            customer = self._world.store.customers.get(customer_id)
            if customer is None:
                return
            for record in self._subscriptions.of_customer(customer_id):
                self._subscriptions.cancel(record, at_period_end=False)
            del self._world.store.customers[customer_id]
            self._world.tell(EventType.CUSTOMER_DELETED, customer_id=customer_id, customer=customer)

        self._write(idempotency_key, customer_id, effect)

    # --- checkout ------------------------------------------------------------------------------------------------

    async def create_checkout_session(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        quantity: int = 1,
        trial_days: int | None = None,
        customer_email: str | None = None,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """A page that the test completes with :meth:`complete_checkout`."""
        order = CheckoutOrder(plan_id=plan_id, quantity=quantity, trial_days=trial_days)
        kept = FrozenMap(metadata)
        return self._write(
            idempotency_key, (customer_id, order, kept), lambda: self._checkouts.open(order, customer_id, kept)
        )

    async def create_payment_session(
        self,
        amount: Money,
        success_url: str,
        cancel_url: str,
        *,
        customer_id: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        capture: bool = True,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """A page that the test completes with :meth:`complete_payment`."""
        order = CheckoutOrder(amount=amount, capture=capture, description=description)
        kept = FrozenMap(metadata)
        return self._write(
            idempotency_key, (customer_id, order, kept), lambda: self._checkouts.open(order, customer_id, kept)
        )

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        """The session; None if there is none."""
        return self._read(lambda: self._world.store.sessions.get(session_id))

    # --- subscriptions -------------------------------------------------------------------------------------------

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        """The subscription as it is now; None if there is none."""

        def find() -> Subscription | None:
            record = self._world.store.subscriptions.get(subscription_id)
            return record.model() if record else None

        return self._read(find)

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        """All subscriptions of the customer, ended ones too, newest first."""
        return self._read(
            lambda: [record.model() for record in reversed(self._subscriptions.of_customer(customer_id))]
        )

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End the subscription now, or at the end of the period that is paid for."""

        def effect() -> Subscription:
            record = self._subscriptions.get(subscription_id)
            self._subscriptions.cancel(record, at_period_end=at_period_end)
            return record.model()

        return self._write(idempotency_key, (subscription_id, at_period_end), effect)

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Change the plan, the quantity or both, at once; differences are billed with the next invoice."""

        def effect() -> SubscriptionChange:
            record = self._subscriptions.get(subscription_id)
            plan = self._world.store.plans.get(plan_id) if plan_id else None
            if plan_id and plan is None:
                message = "there is no such plan"
                raise InvalidRequest(message, param="plan_id", code="plan_missing")
            self._subscriptions.change(record, plan, quantity, prorate=prorate)
            return SubscriptionChange(record.model())

        return self._write(idempotency_key, (subscription_id, plan_id, quantity, prorate), effect)

    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Stop billing until :meth:`resume_subscription`."""

        def effect() -> Subscription:
            record = self._subscriptions.get(subscription_id)
            self._subscriptions.pause(record)
            return record.model()

        return self._write(idempotency_key, subscription_id, effect)

    async def resume_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Bill again."""

        def effect() -> Subscription:
            record = self._subscriptions.get(subscription_id)
            self._subscriptions.resume(record)
            return record.model()

        return self._write(idempotency_key, subscription_id, effect)

    async def create_usage_record(
        self,
        subscription_item_id: str,
        quantity: int,
        timestamp: datetime | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> bool:
        """Count usage; it is billed when the period ends."""

        def effect() -> bool:
            self._subscriptions.add_usage(subscription_item_id, quantity, timestamp)
            return True

        return self._write(idempotency_key, (subscription_item_id, quantity, timestamp), effect)

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> list[Invoice]:
        """The customer's invoices, newest first."""

        def find() -> list[Invoice]:
            store = self._world.store
            found = (store.invoices[id_] for id_ in reversed(store.invoices_of.get(customer_id, [])))
            return [invoice for invoice in found if subscription_id in {None, invoice.subscription_id}][:limit]

        return self._read(find)

    # --- payments ------------------------------------------------------------------------------------------------

    async def get_payment(self, payment_id: str) -> Payment | None:
        """The payment; None if there is none."""
        return self._read(lambda: self._world.store.payments.get(payment_id))

    async def capture_payment(
        self, payment_id: str, amount: Money | None = None, *, idempotency_key: str | None = None
    ) -> Payment:
        """Take the money of an authorized payment."""
        return self._write(idempotency_key, (payment_id, amount), lambda: self._payments.capture(payment_id, amount))

    async def cancel_payment(self, payment_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Give up a payment that has not been captured."""
        return self._write(idempotency_key, payment_id, lambda: self._payments.cancel(payment_id))

    async def create_payment(
        self,
        amount: Money,
        *,
        customer_id: str,
        payment_method_id: str,
        capture: bool = True,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Payment:
        """Charge a saved payment method; :meth:`fail_next_payment` makes it fail."""
        kept = FrozenMap(metadata)

        def effect() -> Payment:
            return self._payments.create(
                amount, customer_id, payment_method_id, capture=capture, description=description, metadata=kept
            )

        asked = (amount, customer_id, payment_method_id, capture, description, kept)
        return self._write(idempotency_key, asked, effect)

    async def refund_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Give money back; None: all that is left."""
        return self._write(
            idempotency_key, (payment_id, amount, reason), lambda: self._payments.refund(payment_id, amount, reason)
        )

    async def get_payment_methods(self, customer_id: str) -> list[PaymentMethod]:
        """The customer's saved payment methods."""
        return self._read(
            lambda: [m for m in self._world.store.payment_methods.values() if m.customer_id == customer_id]
        )

    async def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Forget a saved payment method."""

        def effect() -> None:
            method = self._world.store.payment_methods.pop(payment_method_id, None)
            if method is not None:
                self._world.tell(EventType.PAYMENT_METHOD_DETACHED, customer_id=method.customer_id)

        self._write(idempotency_key, payment_method_id, effect)

    # --- plans, events -------------------------------------------------------------------------------------------

    async def get_plan(self, plan_id: str) -> Plan | None:
        """The plan; None if there is none."""
        return self._read(lambda: self._world.store.plans.get(plan_id))

    async def list_plans(self) -> list[Plan]:
        """All plans."""
        return self._read(lambda: list(self._world.store.plans.values()))

    async def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
        """Events since a time, oldest first; the last 10,000 are kept."""
        return self._read(lambda: [event for event in self._world.events if event.created_at >= since][:limit])

    # --- webhooks ------------------------------------------------------------------------------------------------

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Check a delivery against one secret and return its body."""
        return SIGNATURE.verified(
            payload, signature, (secret_from(secret, "MEMORY_WEBHOOK_SECRET"),), now=self._clock()
        )

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        """Verify a delivery with the configured secrets and read it."""
        self._settings.require("webhook_secret")
        return event_from(SIGNATURE.verified(payload, headers, self._settings.webhook_secret, now=self._clock()))

    # --- what a test can do --------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The simulated time, UTC."""
        return self._world.now

    def advance(self, *, months: int = 0, days: float = 0, hours: float = 0) -> datetime:
        """Let time pass: trials end, renewals are billed, retries fall due, sessions expire.

        Returns:
            The new simulated time.
        """
        with self._mutex:
            self._world.agenda.advance_to(add_months(self._world.now, months) + timedelta(days=days, hours=hours))
            return self._world.now

    def add_plan(
        self,
        plan_id: str,
        amount: Money,
        *,
        name: str | None = None,
        interval: str = "month",
        interval_count: int = 1,
        trial_days: int | None = None,
        metered: bool = False,
    ) -> Plan:
        """Offer a plan.

        Args:
            plan_id: what checkout takes.
            amount: per period and unit, or per unit of usage.
            name: for people.
            interval: ``day``, ``week``, ``month`` or ``year``.
            interval_count: how many intervals make one period.
            trial_days: a free trial in front.
            metered: bill usage afterwards instead of a quantity in advance.
        """
        if interval not in {"day", "week", "month", "year"} or interval_count < 1 or amount.amount < 0:
            message = "a plan needs an interval of day, week, month or year, a count of at least 1, and no negative amount"
            raise InvalidRequest(message, param="interval")
        plan = Plan(
            id=plan_id,
            name=name or plan_id,
            amount=amount,
            interval=interval,
            interval_count=interval_count,
            trial_days=trial_days,
            metered=metered,
            provider=self._name,
        )
        with self._mutex:
            self._world.store.plans[plan_id] = plan
        return plan

    def complete_checkout(self, session_id: str, *, delayed: bool = False) -> Subscription:
        """Be the customer who subscribes.

        Args:
            session_id: the session.
            delayed: pay with a method whose money arrives later: :meth:`settle_checkout` says how that ends.

        Raises:
            InvalidRequest: the first payment was set to fail: the page stays open, nothing was subscribed.
        """
        with self._mutex:
            record = self._checkouts.complete(session_id, delayed=delayed)
            if record is None:
                message = "the first payment was declined: the checkout stays open, complete it again"
                raise InvalidRequest(message, param="session_id", code="payment_declined")
            return record.model()

    def fail_checkout(self, session_id: str, *, reason: DeclineReason = DeclineReason.ISSUER_DECLINED) -> None:
        """Be the customer whose payment is declined; the page stays open. A free trial does not ask for money."""
        with self._mutex:
            customer_id = self._checkouts.get(session_id).customer_id
            self._world.failures.insert(0, (customer_id, reason))
            if self._world.store.orders[session_id].amount is None:
                failed = self._checkouts.complete(session_id, delayed=False) is None
            else:
                self._checkouts.complete_payment(session_id, delayed=False)
                failed = True
            if not failed:
                self._world.failures.remove((customer_id, reason))

    def complete_payment(self, session_id: str, *, delayed: bool = False) -> Payment:
        """Be the customer who pays once. A payment that was set to fail is returned as failed; the page stays open."""
        with self._mutex:
            return self._checkouts.complete_payment(session_id, delayed=delayed)

    def settle_checkout(self, session_id: str, *, succeeded: bool = True) -> CheckoutSession:
        """Let the money of a delayed payment arrive, or not."""
        with self._mutex:
            return self._checkouts.settle(session_id, succeeded=succeeded)

    def abandon_checkout(self, session_id: str) -> CheckoutSession:
        """Be the customer who never comes back."""
        with self._mutex:
            return self._checkouts.abandon(session_id)

    def authenticate_payment(self, payment_id: str, *, succeeded: bool = True) -> Payment:
        """Be the payer who authenticates a payment, or fails to."""
        with self._mutex:
            return self._payments.settle(payment_id, succeeded=succeeded)

    def pay_invoice(self, invoice_id: str) -> Invoice:
        """Be the customer who pays an open invoice."""
        with self._mutex:
            return self._subscriptions.pay(invoice_id)

    def fail_next_payment(
        self,
        customer_id: str | None = None,
        *,
        times: int = 1,
        reason: DeclineReason = DeclineReason.INSUFFICIENT_FUNDS,
    ) -> None:
        """Let the next payments fail: the customer's, or anybody's."""
        with self._mutex:
            self._world.failures.extend([(customer_id, reason)] * times)

    def time_out_next_call(self, *, after_effect: bool = True) -> None:
        """Let the next operation end without an answer: after it took effect, or before."""
        self._next_fault = (None, after_effect)

    def fail_next_call(self, error: PaymentError) -> None:
        """Let the next operation end in this error, without any effect."""
        self._next_fault = (error, False)

    def deliver_next_twice(self) -> None:
        """Let the next :meth:`deliveries` hold its first delivery twice."""
        self._twice = True

    def shuffle_next_deliveries(self, seed: int = 0) -> None:
        """Let the next :meth:`deliveries` come out of order."""
        self._shuffled = random.Random(seed)  # noqa: S311 - a repeatable disorder, no secret

    def redeliver(self, event_id: str) -> None:
        """Put an event that was delivered before into the outbox again, as after a failed delivery."""
        with self._mutex:
            for event in self._world.events:
                if event.id == event_id:
                    self._world.outbox.append(event)
                    return
        message = "there is no such event"
        raise NotFound(message, provider=self._name)

    def deliveries(self) -> list[Delivery]:
        """The webhooks that wait, signed as of now; they leave the outbox."""
        with self._mutex:
            events, self._world.outbox = self._world.outbox, []
            if self._shuffled is not None:
                self._shuffled.shuffle(events)
                self._shuffled = None
            if self._twice and events:
                events.insert(0, events[0])
                self._twice = False
        secret, now = self._settings.webhook_secret[0], self._clock()
        found: list[Delivery] = []
        for event in events:
            payload = payload_of(event)
            headers = {"Content-Type": "application/json", SIGNATURE.header: SIGNATURE.signed(payload, secret, now)}
            found.append(Delivery(str(event.type), payload, headers, event.id))
        return found

    # --- faults and keys -----------------------------------------------------------------------------------------

    def _fault(self) -> tuple[PaymentError | None, bool] | None:
        fault, self._next_fault = self._next_fault, None
        if fault is not None and fault[0] is not None:
            raise fault[0]
        return fault

    def _read(self, find: Callable[[], T]) -> T:
        if self._fault() is not None:
            message = "no answer, as the test asked for"
            raise NetworkError(message)
        with self._mutex:
            return find()

    def _write(self, key: str | None, asked: object, effect: Callable[[], T]) -> T:
        fault = self._fault()
        message = "no answer, as the test asked for"
        if fault is not None and not fault[1]:
            raise NetworkOutcomeUnknown(message)
        with self._mutex:
            result = self._once(key or "", (current_operation(), asked), effect)
        if fault is not None:
            raise NetworkOutcomeUnknown(message)
        return result

    def _once(self, key: str, asked: object, effect: Callable[[], T]) -> T:
        if key in self._answers:
            before, answer = self._answers[key]
            if before != asked:
                message = "this key was used before with other parameters"
                raise IdempotencyMismatch(message, code="idempotency_mismatch")
            if isinstance(answer, PaymentError):
                raise answer
            stored: T = _replayed(answer)  # type: ignore[assignment]  # what this effect returned the first time
            return stored
        try:
            result = effect()
        except PaymentError as error:
            self._remember(key, asked, error)
            raise
        self._remember(key, asked, result)
        return result

    def _remember(self, key: str, asked: object, answer: object) -> None:
        self._answers[key] = (asked, answer)
        while len(self._answers) > _ANSWERS_KEPT:
            self._answers.popitem(last=False)


def _replayed(answer: object) -> object:
    if isinstance(answer, SubscriptionChange):
        return attrs.evolve(answer, subscription=attrs.evolve(answer.subscription, replayed=True))
    return attrs.evolve(answer, replayed=True) if isinstance(answer, Model) else answer
