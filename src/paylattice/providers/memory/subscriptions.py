"""The billing of subscriptions: periods, renewals, dunning, changes, and how they end."""

from datetime import datetime, timedelta
from functools import partial

import attrs

from ...errors import Conflict, InvalidRequest, NotFound
from ...events import EventType
from ...frozen import FrozenMap
from ...models import Invoice, InvoiceStatus, PaymentStatus, Plan, SubscriptionStatus
from ...money import Money
from .calendar import period_boundary
from .lifecycle import Trigger, transition
from .payments import Payments
from .state import SubscriptionRecord
from .world import World

__all__ = ["Subscriptions"]

_TRIAL_NOTICE = timedelta(days=3)
_FIRST_PAYMENT_WINDOW = timedelta(hours=23)
_LATEST_USAGE = timedelta(minutes=5)
_OLDEST_USAGE = timedelta(days=35)


class Subscriptions:
    """All subscriptions of the world.

    Args:
        world: where they live.
        payments: what takes their money.
        retry_days: when a failed payment is tried again, in days after the renewal.
        cancel_when_unpaid: what happens after the last retry: True cancels, False leaves the subscription unpaid.
    """

    def __init__(
        self, world: World, payments: Payments, *, retry_days: tuple[int, ...], cancel_when_unpaid: bool
    ) -> None:
        self._world = world
        self._payments = payments
        self._retry_days = retry_days
        self._cancel_when_unpaid = cancel_when_unpaid

    # --- beginning -----------------------------------------------------------------------------------------------

    def start(
        self,
        customer_id: str,
        plan: Plan,
        quantity: int,
        trial_days: int | None,
        metadata: FrozenMap[str, str],
        *,
        delayed: bool = False,
    ) -> SubscriptionRecord:
        """Begin a subscription: with a trial, or with a first payment that has succeeded or is under way."""
        now = self._world.now
        if plan.amount is None or plan.interval is None:
            message = "the plan has no price"
            raise InvalidRequest(message, param="plan_id")
        days = plan.trial_days if trial_days is None else trial_days
        trial_end = now + timedelta(days=days) if days else None
        record = SubscriptionRecord(
            id=self._world.new_id("sub"),
            item_id=self._world.new_id("si"),
            customer_id=customer_id,
            plan=plan,
            price=plan.amount,
            quantity=quantity,
            status=SubscriptionStatus.INCOMPLETE,
            anchor=trial_end or now,
            period_start=now,
            period_end=trial_end or now,
            created_at=now,
            metadata=metadata,
            provider=self._world.name,
            trial_end=trial_end,
        )
        store = self._world.store
        store.subscriptions[record.id] = record
        store.subscriptions_of.setdefault(customer_id, []).append(record.id)
        store.items[record.item_id] = record.id
        if trial_end is not None:
            self._begin(record, Trigger.TRIAL_STARTED)
            self._when_period_ends(record)
            if trial_end - _TRIAL_NOTICE > now:
                self._world.agenda.at(trial_end - _TRIAL_NOTICE, partial(self._trial_notice, record))
            return record
        self._next_period(record)
        self._begin(record, Trigger.FIRST_PAYMENT_PENDING if delayed else Trigger.FIRST_PAYMENT_SUCCEEDED)
        invoice = self._new_invoice(record)
        if delayed:
            self._world.agenda.at(now + _FIRST_PAYMENT_WINDOW, partial(self._first_payment_window_closes, record))
        else:
            self._mark_paid(record, invoice)
        self._when_period_ends(record)
        return record

    def settle_first(self, record: SubscriptionRecord, *, succeeded: bool) -> None:
        """End the wait for a delayed first payment."""
        if succeeded:
            self._move(record, Trigger.PAYMENT_SUCCEEDED)
            for invoice_id in tuple(record.open_invoices):
                self._mark_paid(record, self._world.store.invoices[invoice_id])
        else:
            self._end(record, Trigger.FIRST_PAYMENT_FAILED)

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

    def cancel(self, record: SubscriptionRecord, *, at_period_end: bool) -> None:
        """End it now, or when what is paid for is used up. What has ended already stays as it is."""
        if record.status.is_terminal:
            return
        if at_period_end and record.period_end > self._world.now:
            if not record.cancel_at_period_end:
                record.cancel_at_period_end = True
                record.canceled_at = self._world.now
                self._changed(record, EventType.SUBSCRIPTION_UPDATED)
            return
        record.canceled_at = record.canceled_at or self._world.now
        self._end(record, Trigger.CANCELED)

    def change(self, record: SubscriptionRecord, plan: Plan | None, quantity: int | None, *, prorate: bool) -> None:
        """Another plan, another quantity, or both."""
        if record.status.is_terminal:
            message = f"a subscription that is {record.status} cannot be changed: start a new one"
            raise Conflict(message)
        plan = plan or record.plan
        quantity = quantity or record.quantity
        if plan.id == record.plan.id and quantity == record.quantity:
            message = "the subscription has this plan and quantity already"
            raise InvalidRequest(message, param="plan_id", code="nothing_changes")
        if plan.amount is None or plan.interval is None or plan.amount.currency != record.price.currency:
            message = "the plan has no price in the subscription's currency"
            raise InvalidRequest(message, param="plan_id")
        in_trial = record.status is SubscriptionStatus.TRIALING
        same_rhythm = (plan.interval, plan.interval_count) == (record.plan.interval, record.plan.interval_count)
        before = record.amount_per_period()
        record.carried += self._usage_charge(record)
        record.usage = 0
        record.plan, record.price, record.quantity = plan, plan.amount, quantity
        if prorate and not in_trial:
            after = record.amount_per_period() if same_rhythm else 0
            record.carried += self._share_left(record, after) - self._share_left(record, before)
        if same_rhythm or in_trial:
            self._changed(record, EventType.SUBSCRIPTION_UPDATED)
        else:
            record.anchor, record.period_number = self._world.now, 0
            self._renew(record)

    def pause(self, record: SubscriptionRecord) -> None:
        """Stop billing."""
        if record.status is not SubscriptionStatus.PAUSED:
            self._move(record, Trigger.PAUSED)

    def resume(self, record: SubscriptionRecord) -> None:
        """Bill again; a period that ran out in the pause is followed by a new one from now."""
        if record.status is not SubscriptionStatus.PAUSED:
            return
        in_trial = record.trial_end is not None and record.trial_end > self._world.now
        self._move(record, Trigger.RESUMED_IN_TRIAL if in_trial else Trigger.RESUMED)
        if record.period_end <= self._world.now:
            record.anchor, record.period_number = self._world.now, 0
            self._renew(record)

    def add_usage(self, item_id: str, quantity: int, when: datetime | None) -> None:
        """Count usage of a metered item."""
        subscription_id = self._world.store.items.get(item_id)
        if subscription_id is None:
            message = "there is no such subscription item"
            raise NotFound(message, code="item_missing")
        record = self.get(subscription_id)
        if not record.plan.metered:
            message = "the item's plan is not metered: it is billed by quantity"
            raise InvalidRequest(message, param="subscription_item_id", code="not_metered")
        if record.status.is_terminal:
            message = f"the subscription is {record.status}"
            raise Conflict(message)
        moment = when or self._world.now
        if not self._world.now - _OLDEST_USAGE <= moment <= self._world.now + _LATEST_USAGE:
            message = "usage can be reported for the past 35 days, and at most 5 minutes ahead"
            raise InvalidRequest(message, param="timestamp")
        record.usage += quantity

    def pay(self, invoice_id: str) -> Invoice:
        """Try to collect an open invoice now."""
        invoice = self._world.store.invoices.get(invoice_id)
        if invoice is None:
            message = "there is no such invoice"
            raise NotFound(message, code="invoice_missing")
        if invoice.status is not InvoiceStatus.OPEN or invoice.subscription_id is None:
            message = f"an invoice that is {invoice.status} cannot be paid"
            raise Conflict(message)
        self._collect(self.get(invoice.subscription_id), invoice, attempt=None)
        return self._world.store.invoices[invoice_id]

    # --- time ----------------------------------------------------------------------------------------------------

    def _when_period_ends(self, record: SubscriptionRecord) -> None:
        self._world.agenda.at(record.period_end, partial(self._period_ends, record, record.period_end))

    def _period_ends(self, record: SubscriptionRecord, end: datetime) -> None:
        if record.status.is_terminal or record.period_end != end:
            return
        if record.cancel_at_period_end:
            self._end(record, Trigger.CANCELED)
        elif record.status is SubscriptionStatus.INCOMPLETE:
            self._end(record, Trigger.FIRST_PAYMENT_FAILED)
        elif record.status is not SubscriptionStatus.PAUSED:
            self._renew(record)

    def _trial_notice(self, record: SubscriptionRecord) -> None:
        if record.status is SubscriptionStatus.TRIALING:
            self._told(record, EventType.SUBSCRIPTION_TRIAL_ENDING)

    def _first_payment_window_closes(self, record: SubscriptionRecord) -> None:
        if record.status is SubscriptionStatus.INCOMPLETE:
            self._end(record, Trigger.FIRST_PAYMENT_FAILED)

    def _retry_falls_due(self, record: SubscriptionRecord, invoice_id: str, attempt: int) -> None:
        invoice = self._world.store.invoices[invoice_id]
        if record.status is SubscriptionStatus.PAST_DUE and invoice.status is InvoiceStatus.OPEN:
            self._collect(record, invoice, attempt=attempt)

    # --- money ---------------------------------------------------------------------------------------------------

    def _next_period(self, record: SubscriptionRecord) -> None:
        plan = record.plan
        start = period_boundary(record.anchor, plan.interval or "month", plan.interval_count, record.period_number)
        record.period_number += 1
        record.period_start = start
        record.period_end = period_boundary(record.anchor, plan.interval or "month", plan.interval_count, record.period_number)

    def _renew(self, record: SubscriptionRecord) -> None:
        record.carried += self._usage_charge(record)
        record.usage = 0
        self._next_period(record)
        self._when_period_ends(record)
        if record.status is SubscriptionStatus.UNPAID:
            self._changed(record, EventType.SUBSCRIPTION_UPDATED)
            return
        self._collect(record, self._new_invoice(record), attempt=0)

    def _usage_charge(self, record: SubscriptionRecord) -> int:
        return record.price.amount * record.usage if record.plan.metered else 0

    def _share_left(self, record: SubscriptionRecord, amount: int) -> int:
        """The part of a period's amount that falls on the time that is left of the period, rounded down."""
        whole = int((record.period_end - record.period_start).total_seconds())
        left = int((record.period_end - self._world.now).total_seconds())
        return amount * max(left, 0) // whole if whole else 0

    def _new_invoice(self, record: SubscriptionRecord) -> Invoice:
        total = record.amount_per_period() + record.carried
        record.carried = min(total, 0)
        amount = Money(max(total, 0), record.price.currency)
        invoice_id = self._world.new_id("in")
        invoice = Invoice(
            id=invoice_id,
            customer_id=record.customer_id,
            amount=amount,
            status=InvoiceStatus.OPEN,
            amount_due=amount,
            amount_paid=Money(0, amount.currency),
            subscription_id=record.id,
            number=f"M-{len(self._world.store.invoices) + 1:05d}",
            hosted_url=f"https://checkout.paylattice.invalid/invoice/{invoice_id}",
            created_at=self._world.now,
            raw_status="open",
            provider=self._world.name,
        )
        record.open_invoices.append(invoice_id)
        self._world.store.invoices_of.setdefault(record.customer_id, []).append(invoice_id)
        self._keep(invoice, EventType.INVOICE_CREATED)
        return invoice

    def _collect(self, record: SubscriptionRecord, invoice: Invoice, *, attempt: int | None) -> None:
        """Try to collect an invoice. Attempt 0 schedules the retries, the last of them decides; None does neither."""
        paid = invoice.amount.amount == 0
        if not paid:
            payment, _ = self._payments.charge(invoice.amount, record.customer_id)
            paid = payment.status is PaymentStatus.SUCCEEDED
        if paid:
            self._mark_paid(record, invoice)
            if not record.open_invoices:
                self._move(record, Trigger.PAYMENT_SUCCEEDED)
            return
        self._keep(invoice, EventType.INVOICE_PAYMENT_FAILED)
        if record.status is SubscriptionStatus.UNPAID:
            return
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

    def _mark_paid(self, record: SubscriptionRecord, invoice: Invoice) -> None:
        record.open_invoices.remove(invoice.id)
        paid = attrs.evolve(
            invoice,
            status=InvoiceStatus.PAID,
            raw_status="paid",
            amount_paid=invoice.amount,
            paid_at=self._world.now,
        )
        self._keep(paid, EventType.INVOICE_PAID)

    def _keep(self, invoice: Invoice, event_type: EventType) -> None:
        self._world.store.invoices[invoice.id] = invoice
        self._world.tell(event_type, customer_id=invoice.customer_id, invoice=invoice)

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
        for invoice_id in record.open_invoices:
            invoice = self._world.store.invoices[invoice_id]
            self._keep(attrs.evolve(invoice, status=InvoiceStatus.VOID, raw_status="void"), EventType.INVOICE_VOIDED)
        record.open_invoices.clear()
        record.ended_at = self._world.now
        self._move(record, trigger)

    def _changed(self, record: SubscriptionRecord, event_type: EventType) -> None:
        record.version += 1
        self._told(record, event_type)

    def _told(self, record: SubscriptionRecord, event_type: EventType) -> None:
        self._world.tell(event_type, customer_id=record.customer_id, subscription=record.model())
