"""The life of subscriptions: periods, renewals, dunning, changes, and how they end."""

from datetime import datetime, timedelta
from functools import partial

from ...errors import Conflict, InvalidRequest, NotFound
from ...events import EventType
from ...frozen import FrozenMap
from ...models import (
    CheckoutSession,
    Invoice,
    InvoiceReason,
    InvoiceStatus,
    Payment,
    PaymentStatus,
    Plan,
    SubscriptionStatus,
)
from .calendar import period_boundary
from .invoices import Invoices
from .lifecycle import Trigger, transition
from .payments import Payments
from .plans import check_price, price_of
from .state import SubscriptionRecord
from .usage import check_usage
from .world import World

__all__ = ["Subscriptions"]

_TRIAL_NOTICE = timedelta(days=3)
_FIRST_PAYMENT_WINDOW = timedelta(hours=23)


class Subscriptions:
    """All subscriptions of the world.

    Args:
        world: where they live.
        payments: what takes their money.
        invoices: what bills them.
        retry_days: when a failed payment is tried again, in days after the renewal.
        cancel_when_unpaid: what happens after the last retry: True cancels, False leaves the subscription unpaid.
    """

    def __init__(
        self,
        world: World,
        payments: Payments,
        invoices: Invoices,
        *,
        retry_days: tuple[int, ...],
        cancel_when_unpaid: bool,
    ) -> None:
        self._world = world
        self._payments = payments
        self._invoices = invoices
        self._retry_days = retry_days
        self._cancel_when_unpaid = cancel_when_unpaid

    # --- beginning -----------------------------------------------------------------------------------------------

    def start(
        self,
        session: CheckoutSession | None,
        customer_id: str,
        plan: Plan,
        quantity: int,
        trial_end: datetime | None,
        payment: Payment | None,
        subscription_id: str,
        *,
        metadata: FrozenMap[str, str] | None = None,
        payment_method_id: str | None = None,
    ) -> SubscriptionRecord:
        """Begin a subscription: with a trial, or with a first payment that has succeeded or is under way."""
        now = self._world.now
        record = SubscriptionRecord(
            id=subscription_id,
            item_id=self._world.new_id("si"),
            customer_id=customer_id,
            session_id=session.id if session else None,
            plan=plan,
            price=price_of(plan),
            quantity=quantity,
            status=SubscriptionStatus.INCOMPLETE,
            anchor=trial_end or now,
            period_start=now,
            period_end=trial_end or now,
            created_at=now,
            metadata=session.metadata if session else metadata or FrozenMap({}),
            provider=self._world.name,
            trial_end=trial_end,
            paid_through=trial_end,
            first_payment_id=payment.id if payment else None,
            payment_method_id=payment_method_id,
        )
        store = self._world.store
        store.subscriptions[record.id] = record
        store.subscriptions_of.setdefault(customer_id, []).append(record.id)
        store.items[record.item_id] = record.id
        if trial_end is not None:
            self._begin(record, Trigger.TRIAL_STARTED)
            if trial_end - _TRIAL_NOTICE > now:
                self._world.agenda.at(trial_end - _TRIAL_NOTICE, partial(self._trial_notice, record))
            else:
                self._trial_notice(record)
        else:
            self._next_period(record)
            self._bill_first_period(record, payment)
        self._when_period_ends(record)
        return record

    def _bill_first_period(self, record: SubscriptionRecord, payment: Payment | None) -> None:
        delayed = payment is not None and payment.status is not PaymentStatus.SUCCEEDED
        record.paid_through = None if delayed else record.period_end
        self._begin(record, Trigger.FIRST_PAYMENT_PENDING if delayed else Trigger.FIRST_PAYMENT_SUCCEEDED)
        record.billed = True
        invoice = self._invoices.bill(
            record, record.amount_per_period(), InvoiceReason.FIRST, payment.invoice_id if payment else None
        )
        if delayed:
            closes = self._world.now + _FIRST_PAYMENT_WINDOW
            self._world.agenda.at(closes, partial(self._first_payment_window_closes, record))
            if payment is not None and payment.status is PaymentStatus.REQUIRES_ACTION:
                self._invoices.wait_for(payment, invoice)
        else:
            self._invoices.paid(record, invoice, record.first_payment_id)

    def settle_first(self, record: SubscriptionRecord, *, succeeded: bool) -> None:
        """End the wait for a delayed first payment."""
        if not succeeded or record.first_payment_id is None:
            self._end(record, Trigger.FIRST_PAYMENT_FAILED)
            return
        self._payments.settle(record.first_payment_id, succeeded=True)
        record.paid_through = record.period_end
        self._move(record, Trigger.PAYMENT_SUCCEEDED)
        for invoice_id in tuple(record.open_invoices):
            self._invoices.paid(record, self._invoices.get(invoice_id), record.first_payment_id)
        if record.session_id is not None:
            self._world.end_session(record.session_id, succeeded=True)

    # --- reading -------------------------------------------------------------------------------------------------

    def get(self, subscription_id: str) -> SubscriptionRecord:
        """The subscription.

        Raises:
            NotFound: there is none.
        """
        found = self._world.store.subscriptions.get(subscription_id)
        if found is None:
            message = "there is no such subscription"
            raise NotFound(message, code="subscription_missing")
        return found

    def of_customer(self, customer_id: str) -> list[SubscriptionRecord]:
        """The customer's subscriptions, oldest first."""
        store = self._world.store
        return [store.subscriptions[id_] for id_ in store.subscriptions_of.get(customer_id, ())]

    # --- changing ------------------------------------------------------------------------------------------------

    def cancel(self, record: SubscriptionRecord, *, at_period_end: bool, final_invoice: bool = False) -> None:
        """End it now, or with the paid period. A subscription that has ended stays as it is.

        At the period's end a last invoice asks for usage and changes that have not been billed; now, with ``final_invoice``,
        and otherwise they are dropped.
        """
        if record.status.is_terminal:
            return
        if at_period_end and record.period_end > self._world.now:
            if not record.cancel_at_period_end:
                record.cancel_at_period_end = True
                record.canceled_at = self._world.now
                self._changed(record, EventType.SUBSCRIPTION_UPDATED)
            return
        if final_invoice and record.status is not SubscriptionStatus.INCOMPLETE:
            self._bill_the_rest(record)
        record.canceled_at = record.canceled_at or self._world.now
        self._end(record, Trigger.CANCELED)

    def uncancel(self, record: SubscriptionRecord) -> None:
        """Let it go on after the period. One that is not set to end stays as it is."""
        if record.status.is_terminal:
            message = f"a subscription that is {record.status} does not come back: start a new one"
            raise Conflict(message)
        if record.cancel_at_period_end:
            record.cancel_at_period_end, record.canceled_at = False, None
            self._changed(record, EventType.SUBSCRIPTION_UPDATED)

    def pay_with(self, record: SubscriptionRecord, payment_method_id: str) -> None:
        """Collect its invoices with this card."""
        if record.status.is_terminal:
            message = f"the subscription is {record.status}"
            raise Conflict(message)
        card = self._payments.card_of(record.customer_id, payment_method_id)
        if record.payment_method_id != card.id:
            record.payment_method_id = card.id
            self._changed(record, EventType.SUBSCRIPTION_UPDATED)

    def change(self, record: SubscriptionRecord, plan: Plan | None, quantity: int | None, *, prorate: bool) -> None:
        """Another plan, another quantity, or both. A period of another length begins at once, but after a trial."""
        if record.status.is_terminal or record.status is SubscriptionStatus.INCOMPLETE:
            message = f"a subscription that is {record.status} cannot be changed"
            raise Conflict(message)
        if plan is None and quantity is not None and record.plan.metered:
            message = "a metered plan has no quantity: report usage with create_usage_record"
            raise InvalidRequest(message, param="quantity", code="metered")
        plan = plan or record.plan
        quantity = quantity or record.quantity
        if plan.id == record.plan.id and (plan.metered or quantity == record.quantity):
            message = "the subscription has this plan and quantity already"
            raise InvalidRequest(message, param="plan_id", code="nothing_changes")
        price = price_of(plan)
        if price.currency != record.price.currency:
            message = f"the plan has no price in {record.price.currency}, which the subscription is in"
            raise InvalidRequest(message, param="plan_id", code="currency_mismatch")
        check_price(plan, quantity)
        same_rhythm = (plan.interval, plan.interval_count) == (record.plan.interval, record.plan.interval_count)
        restarts = not same_rhythm and not record.in_trial
        if restarts and record.status is SubscriptionStatus.PAUSED:
            message = "a subscription that is paused cannot take up another billing period: resume it first"
            raise Conflict(message)
        before = record.amount_per_period()
        record.carried += record.usage_charge()
        record.usage = 0
        record.plan, record.price, record.quantity = plan, price, quantity
        if prorate and record.billed:
            after = 0 if restarts else record.amount_per_period()
            record.carried += record.share_left(after, self._world.now) - record.share_left(before, self._world.now)
        if restarts:
            record.anchor, record.period_number = self._world.now, 0
            self._renew(record, InvoiceReason.CHANGE)
        else:
            self._changed(record, EventType.SUBSCRIPTION_UPDATED)

    def pause(self, record: SubscriptionRecord) -> None:
        """Stop billing."""
        if record.status is not SubscriptionStatus.PAUSED:
            self._move(record, Trigger.PAUSED)

    def resume(self, record: SubscriptionRecord) -> None:
        """Bill again; a period that ran out in the pause is followed by a new one from now."""
        if record.status is not SubscriptionStatus.PAUSED:
            return
        over = record.period_end <= self._world.now
        self._move(record, Trigger.RESUMED_IN_TRIAL if record.in_trial and not over else Trigger.RESUMED)
        if over:
            record.anchor, record.period_number = self._world.now, 0
            self._renew(record)

    def add_usage(self, item_id: str, quantity: int, when: datetime | None) -> None:
        """Count usage of a metered item."""
        subscription_id = self._world.store.items.get(item_id)
        if subscription_id is None:
            message = "there is no such subscription item"
            raise NotFound(message, code="item_missing")
        record = self.get(subscription_id)
        check_usage(record, quantity, when, self._world.now)
        record.usage += quantity

    def pay(self, invoice_id: str) -> Invoice:
        """The customer tries to pay an open invoice; a card is saved if there is none."""
        invoice = self._invoices.get(invoice_id)
        if invoice.status is not InvoiceStatus.OPEN or invoice.subscription_id is None:
            message = f"an invoice that is {invoice.status} cannot be paid"
            raise Conflict(message)
        record = self.get(invoice.subscription_id)
        if record.status is SubscriptionStatus.INCOMPLETE:
            message = "the payment of this invoice is under way"
            raise Conflict(message)
        self._payments.save_card(record.customer_id)
        self._collect(record, invoice, attempt=None)
        return self._invoices.get(invoice_id)

    def authenticated(self, payment_id: str) -> None:
        """The payer has authenticated a payment: if it was for an invoice, that is paid."""
        invoice = self._invoices.authenticated(payment_id)
        if invoice is not None and invoice.subscription_id is not None:
            record = self.get(invoice.subscription_id)
            self._invoices.paid(record, invoice, payment_id)
            self._invoice_paid(record)

    # --- time ----------------------------------------------------------------------------------------------------

    def _when_period_ends(self, record: SubscriptionRecord) -> None:
        self._world.agenda.at(record.period_end, partial(self._period_ends, record, record.period_end))

    def _period_ends(self, record: SubscriptionRecord, end: datetime) -> None:
        if record.status.is_terminal or record.period_end != end:
            return
        if record.cancel_at_period_end:
            self._bill_the_rest(record)
            self._end(record, Trigger.CANCELED)
        elif record.status is not SubscriptionStatus.PAUSED:
            self._renew(record)

    def _trial_notice(self, record: SubscriptionRecord) -> None:
        if record.status is SubscriptionStatus.TRIALING:
            self._told(record, EventType.SUBSCRIPTION_TRIAL_ENDING)

    def _first_payment_window_closes(self, record: SubscriptionRecord) -> None:
        if record.status is SubscriptionStatus.INCOMPLETE:
            self._end(record, Trigger.FIRST_PAYMENT_FAILED)

    def _retry_falls_due(self, record: SubscriptionRecord, invoice_id: str, attempt: int) -> None:
        invoice = self._invoices.get(invoice_id)
        if record.status is SubscriptionStatus.PAST_DUE and invoice.status is InvoiceStatus.OPEN:
            self._collect(record, invoice, attempt=attempt)

    # --- money ---------------------------------------------------------------------------------------------------

    def _next_period(self, record: SubscriptionRecord) -> None:
        interval, count = record.plan.interval or "month", record.plan.interval_count
        record.period_start = period_boundary(record.anchor, interval, count, record.period_number)
        record.period_number += 1
        record.period_end = period_boundary(record.anchor, interval, count, record.period_number)

    def _renew(self, record: SubscriptionRecord, reason: InvoiceReason = InvoiceReason.RENEWAL) -> None:
        record.carried += record.usage_charge()
        record.usage = 0
        self._next_period(record)
        self._when_period_ends(record)
        record.billed = record.status is not SubscriptionStatus.UNPAID
        if record.billed:
            self._collect(record, self._invoices.bill(record, record.amount_per_period(), reason), attempt=0)
        else:
            self._changed(record, EventType.SUBSCRIPTION_UPDATED)

    def _bill_the_rest(self, record: SubscriptionRecord) -> None:
        """The last invoice: usage and changes that nothing has asked for yet. It is tried once."""
        record.carried += record.usage_charge()
        record.usage = 0
        if record.carried > 0 and record.status not in {SubscriptionStatus.PAUSED, SubscriptionStatus.UNPAID}:
            self._invoices.collect(record, self._invoices.bill(record, 0, InvoiceReason.CHANGE))

    def _collect(self, record: SubscriptionRecord, invoice: Invoice, *, attempt: int | None) -> None:
        """Try to collect an invoice. Attempt 0 schedules the retries, the last of them decides; None does neither."""
        if self._invoices.collect(record, invoice):
            self._invoice_paid(record)
            return
        if record.status is SubscriptionStatus.UNPAID:
            return
        record.payment_failed_at = record.payment_failed_at or self._world.now
        self._move(record, Trigger.PAYMENT_FAILED)
        if attempt == len(self._retry_days):
            if self._cancel_when_unpaid:
                record.canceled_at = self._world.now
                self._end(record, Trigger.RETRIES_EXHAUSTED_FOR_GOOD)
            else:
                self._move(record, Trigger.RETRIES_EXHAUSTED)
        elif attempt == 0:
            for number, days in enumerate(self._retry_days, start=1):
                due = self._world.now + timedelta(days=days)
                self._world.agenda.at(due, partial(self._retry_falls_due, record, invoice.id, number))

    def _invoice_paid(self, record: SubscriptionRecord) -> None:
        """What a paid invoice means: with the last open one the subscription is in order again."""
        if record.open_invoices:
            self._changed(record, EventType.SUBSCRIPTION_UPDATED)
            return
        if (
            not record.billed
        ):  # it was unpaid when the period began: what is left of the period goes on the next invoice
            record.carried += record.share_left(record.amount_per_period(), self._world.now)
            record.billed = True
        record.paid_through, record.payment_failed_at = record.period_end, None
        self._move(record, Trigger.PAYMENT_SUCCEEDED)

    # --- status --------------------------------------------------------------------------------------------------

    def _begin(self, record: SubscriptionRecord, trigger: Trigger) -> None:
        row = transition(None, trigger)
        record.status = row.end
        self._told(record, row.event)

    def _move(self, record: SubscriptionRecord, trigger: Trigger) -> None:
        row = transition(record.status, trigger)
        record.status = row.end
        self._changed(record, row.event)

    def _end(self, record: SubscriptionRecord, trigger: Trigger) -> None:
        incomplete = record.status is SubscriptionStatus.INCOMPLETE
        if incomplete and record.first_payment_id is not None:
            canceled = trigger is Trigger.CANCELED
            self._payments.give_up(
                record.first_payment_id, PaymentStatus.CANCELED if canceled else PaymentStatus.FAILED
            )
        self._invoices.void_all(record)
        record.ended_at, record.payment_failed_at = self._world.now, None
        self._move(record, trigger)
        if incomplete and record.session_id is not None:
            self._world.end_session(record.session_id, succeeded=False)

    def _changed(self, record: SubscriptionRecord, event_type: EventType) -> None:
        record.version += 1
        self._told(record, event_type)

    def _told(self, record: SubscriptionRecord, event_type: EventType) -> None:
        self._world.tell(event_type, customer_id=record.customer_id, subscription=record.model())
