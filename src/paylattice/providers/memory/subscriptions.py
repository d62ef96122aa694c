"""The life of subscriptions: periods, renewals, dunning, changes, and how they end."""

from datetime import datetime, timedelta
from functools import partial

from ...errors import Conflict, NotFound
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
from .invoices import Invoices
from .lifecycle import Trigger, transition
from .payments import Payments
from .plans import price_of
from .state import PendingChange, SubscriptionRecord
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
            self.when_trial_ends_soon(record)
        else:
            record.next_period()
            self._bill_first_period(record, payment)
        self.when_period_ends(record)
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
                record.cancel_at_period_end, record.scheduled = True, None
                record.canceled_at = self._world.now
                self.changed(record, EventType.SUBSCRIPTION_UPDATED)
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
            self.changed(record, EventType.SUBSCRIPTION_UPDATED)

    def pay_with(self, record: SubscriptionRecord, payment_method_id: str) -> None:
        """Collect its invoices with this card."""
        if record.status.is_terminal:
            message = f"the subscription is {record.status}"
            raise Conflict(message)
        card = self._payments.card_of(record.customer_id, payment_method_id)
        if record.payment_method_id != card.id:
            record.payment_method_id = card.id
            self.changed(record, EventType.SUBSCRIPTION_UPDATED)

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
            self.renew(record)

    def add_usage(self, item_id: str, quantity: int, when: datetime | None) -> None:
        """Count usage of a metered item."""
        subscription_id = self._world.store.items.get(item_id)
        if subscription_id is None:
            message = "there is no such subscription item"
            raise NotFound(message, code="item_missing")
        record = self.get(subscription_id)
        check_usage(record, quantity, when, self._world.now)
        record.usage += quantity

    def pay(self, invoice_id: str, card: str | None = None) -> Invoice:
        """Try to collect an open invoice, with this card or the subscription's; a card is saved if there is none."""
        invoice = self._invoices.get(invoice_id)
        if invoice.status is not InvoiceStatus.OPEN or invoice.subscription_id is None:
            message = f"an invoice that is {invoice.status} cannot be paid"
            raise Conflict(message)
        record = self.get(invoice.subscription_id)
        if record.status is SubscriptionStatus.INCOMPLETE:
            message = "the payment of this invoice is under way"
            raise Conflict(message)
        self._payments.save_card(record.customer_id)
        if record.pending is not None and record.pending.invoice_id == invoice_id:
            if self._invoices.collect(record, invoice, card or ""):
                self._pending_is_paid(record, record.pending)
        else:
            self.collect(record, invoice, None, card or "")
        return self._invoices.get(invoice_id)

    def authenticated(self, payment_id: str) -> None:
        """The payer has authenticated a payment: if it was for an invoice, that is paid."""
        invoice = self._invoices.authenticated(payment_id)
        if invoice is not None and invoice.subscription_id is not None:
            record = self.get(invoice.subscription_id)
            self._invoices.paid(record, invoice, payment_id)
            if record.pending is not None and record.pending.invoice_id == invoice.id:
                self._pending_is_paid(record, record.pending)
            else:
                self.invoice_closed(record)

    def _pending_is_paid(self, record: SubscriptionRecord, pending: PendingChange) -> None:
        """The change that waited for this payment is made."""
        record.pending = None
        if record.take(pending.terms, self._world.now):
            record.next_period()
            self.when_period_ends(record)
        record.billed, record.paid_through = True, record.period_end
        self.changed(record, EventType.SUBSCRIPTION_UPDATED)

    def drop_pending(self, record: SubscriptionRecord, pending: PendingChange) -> None:
        """Wait no longer for the payment of a change."""
        if record.pending is pending:
            self._invoices.void(record, self._invoices.get(pending.invoice_id))

    # --- time ----------------------------------------------------------------------------------------------------

    def when_period_ends(self, record: SubscriptionRecord) -> None:
        """Note what happens at the end of the present period."""
        self._world.agenda.at(record.period_end, partial(self._period_ends, record, record.period_end))

    def _period_ends(self, record: SubscriptionRecord, end: datetime) -> None:
        if record.status.is_terminal or record.period_end != end:
            return
        if record.cancel_at_period_end:
            self._bill_the_rest(record)
            self._end(record, Trigger.CANCELED)
        elif record.status is not SubscriptionStatus.PAUSED:
            self.renew(record)

    def when_trial_ends_soon(self, record: SubscriptionRecord) -> None:
        """Note the notice some days before the end of the trial; one that ends sooner is told now."""
        notice = (record.trial_end or self._world.now) - _TRIAL_NOTICE
        if notice > self._world.now:
            self._world.agenda.at(notice, partial(self._trial_notice, record, record.trial_end))
        else:
            self._trial_notice(record, record.trial_end)

    def _trial_notice(self, record: SubscriptionRecord, end: datetime | None) -> None:
        if record.status is SubscriptionStatus.TRIALING and record.trial_end == end:
            self._told(record, EventType.SUBSCRIPTION_TRIAL_ENDING)

    def _first_payment_window_closes(self, record: SubscriptionRecord) -> None:
        if record.status is SubscriptionStatus.INCOMPLETE:
            self._end(record, Trigger.FIRST_PAYMENT_FAILED)

    def _retry_falls_due(self, record: SubscriptionRecord, invoice_id: str, attempt: int) -> None:
        invoice = self._invoices.get(invoice_id)
        if record.status is SubscriptionStatus.PAST_DUE and invoice.status is InvoiceStatus.OPEN:
            self.collect(record, invoice, attempt)

    # --- money ---------------------------------------------------------------------------------------------------

    def renew(self, record: SubscriptionRecord, reason: InvoiceReason = InvoiceReason.RENEWAL) -> None:
        """Let the next period begin, with the plan that is scheduled for it, and bill it."""
        record.roll_over(self._world.now)
        self.when_period_ends(record)
        record.billed = record.status is not SubscriptionStatus.UNPAID
        if record.billed:
            self.collect(record, self._invoices.bill(record, record.amount_per_period(), reason), 0)
        else:
            self.changed(record, EventType.SUBSCRIPTION_UPDATED)

    def _bill_the_rest(self, record: SubscriptionRecord) -> None:
        """The last invoice: usage and changes that nothing has asked for yet. It is tried once."""
        record.bring_usage()
        if record.carried > 0 and record.status not in {SubscriptionStatus.PAUSED, SubscriptionStatus.UNPAID}:
            self._invoices.collect(record, self._invoices.bill(record, 0, InvoiceReason.CHANGE))

    def collect(self, record: SubscriptionRecord, invoice: Invoice, attempt: int | None, card: str = "") -> None:
        """Try to collect an invoice. Attempt 0 schedules the retries, the last of them decides; None does neither."""
        if self._invoices.collect(record, invoice, card):
            self.invoice_closed(record)
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

    def invoice_closed(self, record: SubscriptionRecord, *, paid: bool = True) -> None:
        """What a paid, or void, invoice means: with the last open one the subscription is in order again."""
        if record.open_invoices:
            self.changed(record, EventType.SUBSCRIPTION_UPDATED)
            return
        if not record.billed:
            # it was unpaid when the period began: what is left of the period goes on the next invoice
            record.carried += record.share_left(record.amount_per_period(), self._world.now)
            record.billed = True
        record.paid_through = record.period_end if paid else record.paid_through
        record.payment_failed_at = None
        self._move(record, Trigger.PAYMENT_SUCCEEDED if paid else Trigger.DEBT_FORGIVEN)

    # --- status --------------------------------------------------------------------------------------------------

    def _begin(self, record: SubscriptionRecord, trigger: Trigger) -> None:
        row = transition(None, trigger)
        record.status = row.end
        self._told(record, row.event)

    def _move(self, record: SubscriptionRecord, trigger: Trigger) -> None:
        row = transition(record.status, trigger)
        record.status = row.end
        self.changed(record, row.event)

    def _end(self, record: SubscriptionRecord, trigger: Trigger) -> None:
        incomplete = record.status is SubscriptionStatus.INCOMPLETE
        if incomplete and record.first_payment_id is not None:
            canceled = trigger is Trigger.CANCELED
            self._payments.give_up(
                record.first_payment_id, PaymentStatus.CANCELED if canceled else PaymentStatus.FAILED
            )
        self._invoices.void_all(record)
        if record.pending is not None:
            self.drop_pending(record, record.pending)
        record.scheduled = None
        record.ended_at, record.payment_failed_at = self._world.now, None
        self._move(record, trigger)
        if incomplete and record.session_id is not None:
            self._world.end_session(record.session_id, succeeded=False)

    def changed(self, record: SubscriptionRecord, event_type: EventType) -> None:
        """Tell a change."""
        record.version += 1
        self._told(record, event_type)

    def _told(self, record: SubscriptionRecord, event_type: EventType) -> None:
        self._world.tell(event_type, customer_id=record.customer_id, subscription=record.model())
