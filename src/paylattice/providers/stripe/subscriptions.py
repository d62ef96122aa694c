"""The operations on subscriptions that take several requests: reading all items, canceling, changing, pausing."""

import attrs

from ...errors import Conflict, InvalidRequest, NotFound, OutcomeUnknown, PaymentError, ResponseOutcomeUnknown
from ...jsonlike import JsonObject, child, flag, integer, reference, text
from ...models import Subscription, SubscriptionChange
from .api import Answer, StripeAPI, path_of
from .changes import change_from, expanded_for_change, item_to_change
from .invoices import void_open
from .lookups import Lookups
from .requests import Params, cancellation, change_request
from .schedules import release
from .standing import SUBSCRIPTION_STATUS
from .wire import is_metered, price_of, subscription_from

__all__ = ["Subscriptions"]

_INVOICE = "latest_invoice"
"""What Stripe answers in full only if it is asked to, in the same request: it tells what is paid and what is owed."""


class Subscriptions:
    """Subscriptions at Stripe.

    Args:
        api: where they are.
        lookups: for the prices that they change to.
        api_version: which the API speaks.
    """

    def __init__(self, api: StripeAPI, lookups: Lookups, api_version: str) -> None:
        self._expanded = expanded_for_change(api_version)
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
        await release(self._api, found, key)
        return await self._update(subscription_id, {"cancel_at_period_end": True, **cancellation(reason)}, key)

    async def _end(
        self, subscription_id: str, reason: str | None, key: str | None, *, final_invoice: bool
    ) -> Subscription:
        """End it. Stripe has no idempotency key for this, so the state is read before, and after an unknown outcome."""
        found = await self._read(subscription_id)
        if _has_ended(found):
            return subscription_from(await self._whole(found))
        await release(self._api, found, key)
        failure: PaymentError
        try:
            params = cancellation(reason, final_invoice=final_invoice)
            answer = await self._api.delete(path_of("subscriptions", subscription_id), params)
            return await self._answered(answer)
        except (OutcomeUnknown, NotFound) as error:
            failure = error
        ended = await self._ended(subscription_id)
        if ended is not None:
            return ended
        raise failure

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
        payment: str,
        item_id: str | None,
        key: str | None,
    ) -> SubscriptionChange:
        """Change the plan or the quantity of the item that is meant.

        Raises:
            InvalidRequest: nothing would change, or it cannot be told which of several items is meant; or it is to be paid, and
                nothing is to be charged.
        """
        if plan_id is None and quantity is None:
            message = "give a plan_id, a quantity or both"
            raise InvalidRequest(message, param="plan_id")
        found = await self._whole(await self._read(subscription_id))
        metered = plan_id is not None and (await self._lookups.price(plan_id)).metered
        item = item_to_change(found, item_id, metered=metered)
        changed_id = text(item, "id") or ""
        present = reference(item, "price") or reference(item, "plan"), integer(item, "quantity")
        if plan_id is None and is_metered(price_of(item)):
            message = "a metered item has no quantity: report usage with create_usage_record"
            raise InvalidRequest(message, param="quantity")
        wanted = plan_id or present[0], present[1] if quantity is None else quantity
        request = change_request(
            changed_id, plan_id=wanted[0], quantity=wanted[1], metered=metered, prorate=prorate, payment=payment
        )
        same = wanted[0] == present[0] and (metered or wanted[1] == present[1])
        params = {**request, "expand": self._expanded}
        answer = await self._api.post(path_of("subscriptions", subscription_id), params, key)
        released = await release(self._api, found, key, keep_end=True)  # not before: a refusal must leave the schedule
        if same and not answer.replayed and not released:
            # Sent anyway: if it is the repetition of a change that was made, Stripe says so and gives its answer.
            message = "the subscription has this plan and quantity already; nothing was changed"
            raise InvalidRequest(message, param="quantity" if plan_id is None else "plan_id")
        self._lookups.forget_item(changed_id)
        return change_from(answer.data, found, await self._answered(answer), replayed=answer.replayed)

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
        """The subscription with all its items: Stripe embeds only the first page of them."""
        items = child(data, "items")
        subscription_id = text(data, "id")
        if not flag(items, "has_more") or not subscription_id:
            return data
        every = await self._api.listed("/v1/subscription_items", {"subscription": subscription_id})
        return {**data, "items": {**items, "data": every, "has_more": False}}


def _has_ended(data: JsonObject) -> bool:
    status = SUBSCRIPTION_STATUS.get(text(data, "status"))
    return status is not None and status.is_terminal
