"""Changes of plan and quantity: at once, once they are paid, or with the next period."""

from datetime import datetime, timedelta
from functools import partial

import attrs

from ...errors import Conflict, InvalidRequest
from ...events import EventType
from ...models import ChangePayment, ChangeTime, InvoiceReason, Plan, SubscriptionChange, SubscriptionStatus
from .invoices import Invoices
from .payments import authentication_url
from .plans import check_start
from .state import PendingChange, SubscriptionRecord, Terms
from .subscriptions import Subscriptions
from .terms import advance_of, bills_at_once, schedule, take_terms, wanted_terms
from .world import World

__all__ = ["Changes"]

_PAYMENT_WINDOW = timedelta(hours=23)


class Changes:
    """Changes what subscriptions are to.

    Args:
        world: where they live.
        invoices: what bills them.
        subscriptions: them.
    """

    def __init__(self, world: World, invoices: Invoices, subscriptions: Subscriptions) -> None:
        self._world = world
        self._invoices = invoices
        self._subscriptions = subscriptions

    def change(
        self,
        record: SubscriptionRecord,
        plan: Plan | None,
        quantity: int | None,
        *,
        prorate: bool,
        when: ChangeTime | None,
        payment: ChangePayment,
    ) -> SubscriptionChange:
        """Another plan, another quantity, or both. A period of another length begins at once, but after a trial.

        Raises:
            Conflict: it has ended, or ends with its period, or has not begun.
            InvalidRequest: nothing would change, or what would cannot be sold, or paid so.
        """
        wanted = wanted_terms(record, plan, quantity, prorate=prorate, when=when, payment=payment)
        if when == "period_end":
            return self._change_later(record, wanted)
        if record.pending is not None:
            self._subscriptions.drop_pending(record, record.pending)
        if payment == "first":
            return self._change_once_paid(record, wanted)
        return self._change_now(record, wanted, prorate=prorate, payment=payment)

    def keep(self, record: SubscriptionRecord) -> None:
        """Take back what is scheduled. Where nothing is, it stays as it is."""
        if record.status.is_terminal:
            message = f"a subscription that is {record.status} does not change any more"
            raise Conflict(message)
        if record.scheduled is not None:
            record.scheduled = None
            self._subscriptions.changed(record, EventType.SUBSCRIPTION_UPDATED)

    def extend_trial(self, record: SubscriptionRecord, until: datetime) -> None:
        """Let its trial end later.

        Raises:
            Conflict: it is in none.
            InvalidRequest: it ends later already, or would be too long.
        """
        if record.status is not SubscriptionStatus.TRIALING or record.trial_end is None:
            message = "the subscription is in no trial that could last longer"
            raise Conflict(message)
        if until < record.trial_end:
            message = f"the trial ends on {record.trial_end:%Y-%m-%d} already, which is later"
            raise InvalidRequest(message, param="until")
        check_start(until, self._world.now, has_trial=False, name="until")
        if until != record.trial_end:
            record.trial_end = record.period_end = record.anchor = record.paid_through = until
            self._subscriptions.when_period_ends(record)
            self._subscriptions.when_trial_ends_soon(record)
            self._subscriptions.changed(record, EventType.SUBSCRIPTION_UPDATED)

    def _change_later(self, record: SubscriptionRecord, wanted: Terms) -> SubscriptionChange:
        if wanted != record.scheduled:
            schedule(record, wanted)
            self._subscriptions.changed(record, EventType.SUBSCRIPTION_UPDATED)
        return SubscriptionChange(record.model())

    def _change_now(
        self, record: SubscriptionRecord, wanted: Terms, *, prorate: bool, payment: ChangePayment
    ) -> SubscriptionChange:
        restarts = take_terms(record, wanted, self._world.now, prorate=prorate)
        if restarts:
            self._subscriptions.renew(record, InvoiceReason.CHANGE)
        elif bills_at_once(record, payment, restarts=False):
            invoice = self._invoices.bill(record, 0, InvoiceReason.CHANGE)
            self._subscriptions.collect(record, invoice, 0)
        else:
            self._subscriptions.changed(record, EventType.SUBSCRIPTION_UPDATED)
        owed = record.open_invoices[-1] if payment == "now" and record.open_invoices else None
        return SubscriptionChange(record.model(), None if owed is None else self._page_of(owed))

    def _change_once_paid(self, record: SubscriptionRecord, wanted: Terms) -> SubscriptionChange:
        """Change it if the payment for it comes now; else it stays as it is until the invoice is paid."""
        names = [field.name for field in attrs.fields(SubscriptionRecord)]
        before = {name: getattr(record, name) for name in names if name != "open_invoices"}
        restarts = take_terms(record, wanted, self._world.now, prorate=True)
        if restarts:
            record.next_period()
        if not bills_at_once(record, "first", restarts=restarts):
            if restarts:
                self._subscriptions.when_period_ends(record)
            self._subscriptions.changed(record, EventType.SUBSCRIPTION_UPDATED)
            return SubscriptionChange(record.model())
        invoice = self._invoices.bill(record, advance_of(record, restarts=restarts), InvoiceReason.CHANGE)
        if self._invoices.collect(record, invoice):
            if restarts:
                record.paid_through, record.billed = record.period_end, True
                self._subscriptions.when_period_ends(record)
            self._subscriptions.changed(record, EventType.SUBSCRIPTION_UPDATED)
            return SubscriptionChange(record.model())
        for name, value in before.items():
            setattr(record, name, value)
        record.open_invoices.remove(invoice.id)  # it is not owed: nothing happens if nobody pays it
        record.pending = PendingChange(wanted, invoice.id)
        expire = partial(self._subscriptions.drop_pending, record, record.pending)
        self._world.agenda.at(self._world.now + _PAYMENT_WINDOW, expire)
        return SubscriptionChange(record.model(), self._page_of(invoice.id))

    def _page_of(self, invoice_id: str) -> str:
        """Where the payer authenticates, or pays, what an invoice asks for."""
        payment_id = self._world.store.waiting_payment.get(invoice_id)
        hosted = f"https://checkout.paylattice.invalid/invoice/{invoice_id}"
        return hosted if payment_id is None else authentication_url(payment_id)
