"""The operations on subscriptions that take several requests: reading all items, canceling, changing, pausing."""

from contextlib import suppress
from datetime import datetime

import attrs

from ...errors import Conflict, InvalidRequest, NotFound, OutcomeUnknown, PaymentError, ResponseOutcomeUnknown
from ...idempotency import sub_key
from ...jsonlike import JsonObject, child, children, flag, integer, reference, text
from ...models import Subscription, SubscriptionChange, SubscriptionStatus
from .api import Answer, StripeAPI, path_of
from .changes import WantedChange, change_from, expanded_for_change, item_to_change
from .invoices import void_open
from .lookups import Lookups
from .phases import plans_a_change, terms_of
from .requests import Params, PriceFacts, cancellation
from .schedules import plan_items, release
from .standing import SUBSCRIPTION_STATUS
from .wire import is_metered, price_of, subscription_from

__all__ = ["Subscriptions"]

_INVOICE = "latest_invoice"
"""What Stripe answers in full only if it is asked to, in the same request: it tells what is paid and what is owed."""
_MAY_BE_MANAGED = frozenset({None, "cancel_at", "cancel_at_period_end"})
"""The parameters that Stripe names, or not, where it refuses to end what a schedule manages: that has no code of its own."""


class Subscriptions:
    """Subscriptions at Stripe.

    Args:
        api: where they are.
        lookups: for the prices that they change to.
        api_version: which the API speaks.
    """

    def __init__(self, api: StripeAPI, lookups: Lookups, api_version: str) -> None:
        self._expanded = expanded_for_change(api_version)
        self._api_version = api_version
        self._api = api
        self._lookups = lookups

    async def find(self, subscription_id: str) -> Subscription | None:
        """Return the subscription, or None if it does not exist."""
        found = await self._api.find(path_of("subscriptions", subscription_id), {"expand": [_INVOICE]})
        return None if found is None else subscription_from(await self._whole(found))

    async def all_of(self, customer_id: str) -> list[Subscription]:
        """All subscriptions of the customer, as Stripe orders them: newest first."""
        params = {"customer": customer_id, "status": "all", "expand": [f"data.{_INVOICE}"]}
        found = await self._api.listed("/v1/subscriptions", params)
        return [subscription_from(await self._whole(data)) for data in found]

    async def cancel(
        self,
        subscription_id: str,
        at_period_end: bool,
        reason: str | None,
        final_invoice: bool,
        void_open_invoices: bool,
        key: str | None,
    ) -> Subscription:
        """Let it end when the paid period does; or end it, and then void what it owed before. What has ended is as it is.

        Raises:
            InvalidRequest: invoices are to be voided that do not exist yet.
            ResponseOutcomeUnknown: it has ended, and not all of its open invoices are voided.
        """
        if at_period_end and void_open_invoices:
            message = "void_open_invoices needs at_period_end=False: what is open when the period ends is not known yet"
            raise InvalidRequest(message, param="void_open_invoices")
        if at_period_end:
            return await self._end_with_period(subscription_id, reason, key)
        ended = await self._end(subscription_id, reason, key, final_invoice=final_invoice)
        try:
            if void_open_invoices:
                await void_open(self._api, ended)
        except PaymentError as error:
            why = error.message
        else:
            return ended
        message = f"the subscription has ended, but not all of its open invoices are voided: {why}. Cancel it again"
        raise ResponseOutcomeUnknown(message)

    async def _end_with_period(self, subscription_id: str, reason: str | None, key: str | None) -> Subscription:
        found = await self._read(subscription_id)
        if _has_ended(found):
            return subscription_from(await self._whole(found))
        params: Params = {"cancel_at_period_end": True, **cancellation(reason)}
        try:
            return await self._update(subscription_id, params, key)
        except InvalidRequest as error:
            if error.param not in _MAY_BE_MANAGED:
                raise
        # Stripe has refused only because a schedule decides the end, or did when this was first sent under the key
        await release(self._api, found, key)
        return await self._update(subscription_id, params, None if key is None else sub_key(key, "released"))

    async def _end(
        self, subscription_id: str, reason: str | None, key: str | None, *, final_invoice: bool
    ) -> Subscription:
        """End it. Stripe has no idempotency key for this, so the state is read before, and after an unknown outcome."""
        found = await self._read(subscription_id)
        if _has_ended(found):
            return subscription_from(await self._whole(found))
        failure: PaymentError
        try:
            params = cancellation(reason, final_invoice=final_invoice)
            return await self._answered(await self._delete(subscription_id, found, params, key))
        except (OutcomeUnknown, NotFound) as error:
            failure = error
        ended = await self._ended(subscription_id)
        if ended is not None:
            return ended
        raise failure

    async def _delete(self, subscription_id: str, found: JsonObject, params: Params, key: str | None) -> Answer:
        """End it, and then its schedule; the other way round where Stripe refuses to end what a schedule manages.

        So a cancellation that is refused for any other reason leaves what the schedule had planned.
        """
        path = path_of("subscriptions", subscription_id)
        managed = reference(found, "schedule") is not None
        try:
            answer = await self._api.delete(path, params)
        except InvalidRequest as error:
            if not managed or error.param not in _MAY_BE_MANAGED:
                raise
            await release(self._api, found, key)
            return await self._api.delete(path, params)
        if managed:
            with suppress(PaymentError):  # it has ended with the subscription, as a rule
                await release(self._api, found, key)
        return answer

    async def uncancel(self, subscription_id: str, key: str | None) -> Subscription:
        """Take back an end that is set, by period or by date. What is not set to end is answered as it is.

        Raises:
            Conflict: it has ended.
        """
        found = await self._read(subscription_id)
        if _has_ended(found):
            message = "the subscription has ended, and Stripe brings none back: start a new one"
            raise Conflict(message)
        if flag(found, "cancel_at_period_end"):
            return await self._update(subscription_id, {"cancel_at_period_end": False}, key)
        if integer(found, "cancel_at") is not None:
            await release(self._api, found, key)  # a schedule has set the end, and would set it again
            return await self._update(subscription_id, {"cancel_at": ""}, key)
        return subscription_from(await self._whole(found))

    async def pay_with(self, subscription_id: str, payment_method_id: str, key: str | None) -> Subscription:
        """Pay its invoices with a payment method of its own."""
        return await self._update(subscription_id, {"default_payment_method": payment_method_id}, key)

    async def change(
        self,
        subscription_id: str,
        plan_id: str | None,
        quantity: int | None,
        prorate: bool,
        when: str | None,
        payment: str,
        item_id: str | None,
        key: str | None,
    ) -> SubscriptionChange:
        """Change the plan or the quantity of the item that is meant, now or with the period.

        Raises:
            InvalidRequest: nothing would change, or it cannot be told which of several items is meant; or it is to be paid, and
                nothing is to be charged.
        """
        wanted = await self.wanted(subscription_id, plan_id, quantity, item_id)
        found = wanted.subscription
        if when == "period_end":
            return await self._change_later(found, wanted.item, (wanted.plan_id, wanted.quantity), payment, key)
        params = {**wanted.request(prorate=prorate, payment=payment), "expand": self._expanded}
        answer = await self._api.post(path_of("subscriptions", subscription_id), params, key)
        released = await self._released_after(answer, found, key)  # not before: a refusal must leave the schedule
        if wanted.is_same and not answer.replayed and not released:
            # Sent anyway: if it is the repetition of a change that was made, Stripe says so and gives its answer.
            message = "the subscription has this plan and quantity already; nothing was changed"
            raise InvalidRequest(message, param="quantity" if plan_id is None else "plan_id")
        self._lookups.forget_item(wanted.item_id)
        return change_from(answer.data, found, await self._answered(answer), replayed=answer.replayed)

    async def wanted(
        self, subscription_id: str, plan_id: str | None, quantity: int | None, item_id: str | None
    ) -> WantedChange:
        """Read the subscription, and find the item that is meant.

        Raises:
            InvalidRequest: nothing is to be changed, or it cannot be told which of several items is meant.
        """
        if plan_id is None and quantity is None:
            message = "give a plan_id, a quantity or both"
            raise InvalidRequest(message, param="plan_id")
        found = await self._whole(await self._read(subscription_id))
        price = PriceFacts() if plan_id is None else await self._lookups.price(plan_id)
        item = item_to_change(found, item_id, metered=price.metered)
        if plan_id is None and is_metered(price_of(item)):
            message = "a metered item has no quantity: report usage with create_usage_record"
            raise InvalidRequest(message, param="quantity")
        present = terms_of(item)
        units = present[1] if quantity is None else quantity
        return WantedChange(found, item, plan_id or present[0], units, price, changes_plan=plan_id is not None)

    async def _released_after(self, answer: Answer, found: JsonObject, key: str | None) -> bool:
        """Release the schedule of a subscription that was changed already: what fails now does not undo the change."""
        try:
            return await release(self._api, found, key, keep_end=True)
        except PaymentError as error:
            why = f"it is changed, but its schedule could not be released, and would set it back: {error.message}"
        raise answer.incomplete(why)

    async def _change_later(
        self, found: JsonObject, item: JsonObject, wanted: tuple[str | None, int | None], payment: str, key: str | None
    ) -> SubscriptionChange:
        """Change an item with the period.

        Raises:
            Conflict: the subscription ends then, or has ended.
            InvalidRequest: nothing would change, or the change is to be paid now.
        """
        if payment != "invoice":
            message = "a change at the period's end is paid with the invoice of the next period: leave payment as it is"
            raise InvalidRequest(message, param="payment")
        before = subscription_from(found)
        if before.status.is_terminal or before.cancel_at is not None or before.current_period_end is None:
            message = "the subscription ends with its period, or has ended: uncancel it, or start a new one"
            raise Conflict(message)
        price = await self._lookups.price(str(wanted[0]))
        terms = wanted[0], None if price.metered else wanted[1]
        planned = [change for change in before.scheduled_changes if change.action == "change_plan"]
        if terms == terms_of(item):
            if not plans_a_change(found):
                message = "the subscription has this plan and quantity already; nothing was changed"
                raise InvalidRequest(message, param="plan_id")
            return SubscriptionChange(await self.unplan(before.id, key))
        if planned and (planned[-1].plan_id, planned[-1].quantity) == terms:
            return SubscriptionChange(before)  # by an earlier attempt
        new = {**item, "price": terms[0], "quantity": terms[1]}
        items = [new if each == item else each for each in children(found, "items", "data")]
        ends = int(before.current_period_end.timestamp())
        answer = await plan_items(self._api, found, items, price, ends=ends, api_version=self._api_version, key=key)
        return SubscriptionChange(await self._read_after(answer, before.id))

    async def unplan(self, subscription_id: str, key: str | None) -> Subscription:
        """Take back what its schedule plans: the schedule is released. An end that it has set stays.

        Raises:
            Conflict: it has ended.
        """
        found = await self._whole(await self._read(subscription_id))
        if _has_ended(found):
            message = "the subscription has ended: nothing is scheduled any more"
            raise Conflict(message)
        if not plans_a_change(found):
            return subscription_from(found)
        await release(self._api, found, key, keep_end=True)
        try:
            return subscription_from(await self._whole(await self._read(subscription_id)))
        except PaymentError as error:
            why = error.message
        message = f"the scheduled change is taken back, but the subscription cannot be read: {why}"
        raise ResponseOutcomeUnknown(message)

    async def extend_trial(self, subscription_id: str, until: datetime, key: str | None) -> Subscription:
        """Move the end of its trial.

        Raises:
            Conflict: it is in no trial, or a change is scheduled.
            InvalidRequest: its trial ends later already.
        """
        found = await self._whole(await self._read(subscription_id))
        before = subscription_from(found)
        ends, wanted = before.trial_end, until.replace(microsecond=0)
        if before.status is not SubscriptionStatus.TRIALING or ends is None:
            message = "the subscription is in no trial that could last longer"
            raise Conflict(message)
        if wanted == ends:
            return before
        if wanted < ends:
            message = f"the trial ends on {ends:%Y-%m-%d} already, which is later"
            raise InvalidRequest(message, param="until")
        if plans_a_change(found):
            message = (
                "a change is scheduled for the end of the trial: cancel_scheduled_change first, and schedule it again"
            )
            raise Conflict(message)
        await release(self._api, found, key, keep_end=True)
        params: Params = {"trial_end": int(wanted.timestamp()), "proration_behavior": "none"}
        return await self._update(subscription_id, params, key)

    async def _read_after(self, answer: Answer, subscription_id: str) -> Subscription:
        """The subscription, whose schedule a write has answered."""
        try:
            data = await self._whole(await self._read(subscription_id))
        except PaymentError as error:
            why = error.message
        else:
            return attrs.evolve(answer, data=data).into(subscription_from)
        raise answer.incomplete(why)

    async def pause(self, subscription_id: str, key: str | None) -> Subscription:
        """Stop billing. What is paused already, in either way, is answered as it is."""
        found = await self._read(subscription_id)
        if text(found, "status") == "paused" or child(found, "pause_collection"):
            return subscription_from(await self._whole(found))
        if text(child(found, "billing_mode"), "type") == "flexible":
            return await self._update(subscription_id, {"type": "subscription"}, key, "pause")
        return await self._update(subscription_id, {"pause_collection": {"behavior": "void"}}, key)

    async def resume(self, subscription_id: str, key: str | None) -> Subscription:
        """Resume billing. What is not paused is answered as it is."""
        found = await self._read(subscription_id)
        if text(found, "status") == "paused":
            return await self._update(subscription_id, {}, key, "resume")
        if child(found, "pause_collection"):
            return await self._update(subscription_id, {"pause_collection": ""}, key)
        return subscription_from(await self._whole(found))

    async def _read(self, subscription_id: str) -> JsonObject:
        return await self._api.get(path_of("subscriptions", subscription_id))

    async def _update(self, subscription_id: str, params: Params, key: str | None, *action: str) -> Subscription:
        return await self._answered(
            await self._api.post(path_of("subscriptions", subscription_id, *action), params, key)
        )

    async def _ended(self, subscription_id: str) -> Subscription | None:
        """The subscription if it has ended; None if it has not, or cannot be read."""
        try:
            found = await self._read(subscription_id)
            return subscription_from(await self._whole(found)) if _has_ended(found) else None
        except PaymentError:
            return None

    async def _answered(self, answer: Answer) -> Subscription:
        """The subscription that a write answered. That the rest of its items cannot be read does not undo the write."""
        try:
            data = await self._whole(answer.data)
        except PaymentError as error:
            why = error.message
        else:
            return attrs.evolve(answer, data=data).into(subscription_from)
        raise answer.incomplete(why)

    async def _whole(self, data: JsonObject) -> JsonObject:
        """The subscription with its schedule, and all its items: Stripe embeds only the first page of them."""
        schedule_id = text(data, "schedule")
        if schedule_id is not None:
            data = {
                **data,
                "schedule": await self._api.find(path_of("subscription_schedules", schedule_id)) or schedule_id,
            }
        items = child(data, "items")
        subscription_id = text(data, "id")
        if not flag(items, "has_more") or not subscription_id:
            return data
        every = await self._api.listed("/v1/subscription_items", {"subscription": subscription_id})
        return {**data, "items": {**items, "data": every, "has_more": False}}


def _has_ended(data: JsonObject) -> bool:
    status = SUBSCRIPTION_STATUS.get(text(data, "status"))
    return status is not None and status.is_terminal
