"""What a change would cost: Stripe's preview of the invoices that it would bring.

https://docs.stripe.com/api/invoices/create_preview. A preview is the invoice that comes next: the one that the change itself
brings, if it brings one, else the one of the next period. So a change that is billed at once needs a second preview, of what
recurs (``preview_mode``), for the period after.
"""

from collections.abc import Mapping
from datetime import datetime

import attrs

from ...errors import Conflict, InvalidRequest, InvalidResponse, NotFound
from ...frozen import FrozenMap
from ...jsonlike import JsonObject, integer, text
from ...models import ChangePreview, InvoiceLine, Subscription, SubscriptionStatus
from ...money import Money
from .amounts import money_from, money_of, optional_money_from
from .api import StripeAPI
from .changes import WantedChange
from .invoice_parts import billed_period, lines_of
from .phases import plans_a_change
from .requests import Params
from .wire import subscription_from

__all__ = ["Previews"]

_PREVIEW = "/v1/invoices/create_preview"
_NONE = "invoice_upcoming_none"
_AS_IT_IS: Mapping[str, object] = FrozenMap()
_RECURRING: Mapping[str, object] = FrozenMap({"preview_mode": "recurring"})


class Previews:
    """Previews of changes.

    Args:
        api: what calculates them.
    """

    def __init__(self, api: StripeAPI) -> None:
        self._api = api

    async def of_change(self, wanted: WantedChange, prorate: bool, when: str | None, payment: str) -> ChangePreview:
        """What a change would cost.

        Raises:
            Conflict: the subscription has ended, or ends with its period.
            InvalidRequest: nothing would change, or it is to be paid, and nothing is to be charged.
        """
        before = subscription_from(wanted.subscription)
        later = when == "period_end"
        _check(before, wanted, payment, later=later)
        request = wanted.request(prorate=prorate, payment=payment)
        trialing = before.status is SubscriptionStatus.TRIALING
        restarts = wanted.restarts and not (later or trialing)
        now: JsonObject | None = None
        if restarts or (payment != "invoice" and not trialing):
            now = await self._invoice(before.id, request)
        if now is not None and (restarts or not _is_of_next_period(now, before.current_period_end)):
            return await self._billed_at_once(before, wanted, request, now, restarts=restarts)
        if later:
            other_rhythm = _RECURRING if wanted.restarts else _AS_IT_IS
            coming = await self._invoice(before.id, {**request, "proration_behavior": "none"}, other_rhythm)
        else:
            coming = now or await self._invoice(before.id, request)
        return _preview(before, _nothing(wanted.subscription), None, coming, before.current_period_end)

    async def _billed_at_once(
        self, before: Subscription, wanted: WantedChange, request: Params, now: JsonObject, *, restarts: bool
    ) -> ChangePreview:
        """What is due now, and what recurs, less the credit that is left then."""
        next_at = billed_period(now)[1] if restarts else before.current_period_end
        ends = before.cancel_at is not None and (next_at is None or before.cancel_at <= next_at)
        coming: JsonObject | None = None
        if not ends and before.status is not SubscriptionStatus.PAUSED:
            coming = await self._invoice(before.id, {**request, "proration_behavior": "none"}, _RECURRING)
        found = _preview(before, _nothing(wanted.subscription), now, coming, next_at)
        if coming is None:
            return found
        total, left = money_from(coming, "total", "invoice"), _balance_after(now, found.due_now.currency)
        return attrs.evolve(found, due_next=_at_least_nothing(Money(total.amount + left, total.currency)))

    async def _invoice(
        self, subscription_id: str, request: Params, more: Mapping[str, object] = _AS_IT_IS
    ) -> JsonObject | None:
        """The invoice that would come next; None: none would."""
        details = {name: request[name] for name in ("items", "proration_behavior")}
        try:
            return await self._api.calculated(
                _PREVIEW, {"subscription": subscription_id, "subscription_details": details, **more}
            )
        except (NotFound, InvalidRequest) as error:
            if error.code != _NONE:
                raise
        return None


def _check(before: Subscription, wanted: WantedChange, payment: str, *, later: bool) -> None:
    if before.status.is_terminal:
        message = "the subscription has ended: start a new one"
        raise Conflict(message)
    if later and payment != "invoice":
        message = "a change at the period's end is paid with the invoice of the next period: leave payment as it is"
        raise InvalidRequest(message, param="payment")
    if later and before.cancel_at is not None:
        message = "the subscription ends with its period: uncancel it first"
        raise Conflict(message)
    if wanted.is_same and not plans_a_change(wanted.subscription):
        message = "the subscription has this plan and quantity already"
        raise InvalidRequest(message, param="plan_id")


def _is_of_next_period(invoice: JsonObject, ends: datetime | None) -> bool:
    """Whether it is for the time after this period, or the usage up to the end of it: nothing is billed at once then."""
    whole = [line for line in lines_of(invoice) if not line.proration]
    return ends is not None and any(ends in (line.period_end, line.period_start) for line in whole)


def _preview(
    before: Subscription, nothing: Money, now: JsonObject | None, coming: JsonObject | None, next_at: datetime | None
) -> ChangePreview:
    return ChangePreview(
        subscription_id=before.id,
        due_now=nothing if now is None else _due(now),
        due_next=None if coming is None else _at_least_nothing(_due(coming)),
        next_at=None if coming is None else next_at,
        lines_now=_lines(now),
        lines_next=_lines(coming),
        provider="stripe",
        raw=FrozenMap({"now": now, "next": coming}),
    )


def _lines(invoice: JsonObject | None) -> tuple[InvoiceLine, ...]:
    return () if invoice is None else lines_of(invoice)


def _due(invoice: JsonObject) -> Money:
    """What it asks for once the customer's balance is in it; a credit, if that is what it comes to."""
    total, due = money_from(invoice, "total", "invoice"), optional_money_from(invoice, "amount_due")
    return total if due is None or (due.amount == 0 and total.amount < 0) else due


def _at_least_nothing(due: Money) -> Money:
    return Money(max(0, due.amount), due.currency)


def _balance_after(invoice: JsonObject, currency: str) -> int:
    """What the customer's balance is then, in smallest units: less than zero is a credit."""
    total, before = integer(invoice, "total") or 0, integer(invoice, "starting_balance") or 0
    left = money_of(min(0, before + total), currency)
    return 0 if left is None else left.amount


def _nothing(subscription: JsonObject) -> Money:
    nothing = money_of(0, text(subscription, "currency"))
    if nothing is None:
        message = "the answer is no subscription: its currency is missing or cannot be read"
        raise InvalidResponse(message)
    return nothing
