"""Subscriptions: reading them with what tells their state, and the changes that Square schedules.

None of the changing endpoints knows a key. So each operation reads the subscription first and answers it as it is if it is
as wanted; it sends once; and where the outcome is not known, it reads again.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import partial

import attrs

from ...errors import Conflict, InvalidRequest, InvalidResponse, NotFound
from ...jsonlike import JsonObject, children, identity, integer, text
from ...models import Subscription, SubscriptionChange
from ...transport.messages import Request
from . import requests
from .api import SquareAPI, path_of, search, write
from .customers import Customers
from .plans import Plans
from .states import Known, invoices_that_tell, is_decided, subscription_from
from .times import day_of, moment_of, today, zone_of
from .wire import object_in

__all__ = ["Subscriptions"]

_ENDED = frozenset({"CANCELED", "COMPLETED"})
_STOPPED = frozenset({"PAUSED", "DEACTIVATED"})
_AT_ONCE = 4
_KEPT = (
    "start_date",
    "charged_through_date",
    "timezone",
    "invoice_ids",
    "card_id",
    "created_at",
    "monthly_billing_anchor_date",
)
"""What an answer to a change may leave out, and what the change does not touch."""


class Subscriptions:
    """What can be done with subscriptions.

    Args:
        api: where.
        plans: reads the catalogue.
        customers: knows merged profiles.
    """

    def __init__(self, api: SquareAPI, plans: Plans, customers: Customers) -> None:
        self._api = api
        self._plans = plans
        self._customers = customers

    # --- reading -----------------------------------------------------------------------------------------------------

    async def find(self, subscription_id: str) -> Subscription | None:
        """The subscription, with its scheduled actions and what its invoices say; None if there is none."""
        data = await self.read(subscription_id)
        return None if data is None else await self.model(data)

    async def all_of(self, customer_id: str) -> list[Subscription]:
        """All of the customer's, ended ones too, newest first."""
        found = await self._customers.followed(customer_id, self._search, lambda data: text(data, "customer_id"))
        calls = [_call(self.model, data) for data in found]
        models = await self._api.transport.gather(calls, limit=_AT_ONCE)
        never = datetime.min.replace(tzinfo=UTC)
        return sorted(models, key=lambda model: model.created_at or never, reverse=True)

    async def places_of(self, customer_id: str) -> list[str]:
        """The locations at which the customer has subscriptions."""
        return [place for data in await self._search(customer_id) if (place := text(data, "location_id"))]

    async def bought(self, customer_id: str, plan_id: str, since: datetime) -> list[JsonObject]:
        """The customer's subscriptions to a plan that were made since; those of the profile it was merged into, too."""
        found = await self._customers.followed(customer_id, self._search, lambda data: text(data, "customer_id"))
        return [
            data
            for data in found
            if text(data, "plan_variation_id") == plan_id
            and (made := moment_of(data, "created_at")) is not None
            and made >= since
        ]

    async def begins_free(self, plan_id: str) -> bool:
        """Whether the plan begins with a phase that costs nothing."""
        variation = await self._plans.variation(plan_id)
        return variation is not None and any(phase.is_free for phase in variation.phases[:1])

    async def _search(self, customer_id: str) -> list[JsonObject]:
        def ask(cursor: str | None) -> Request:
            return search("/v2/subscriptions/search", requests.subscriptions_request(customer_id, cursor))

        return await self._api.listed(ask, "subscriptions")

    async def read(self, subscription_id: str) -> JsonObject | None:
        """The subscription as Square has it, with its actions; None if there is none."""
        path = path_of("v2", "subscriptions", subscription_id)
        return await self._api.find(path, _checked, params={"include": "actions"})

    async def invoice(self, invoice_id: str) -> JsonObject | None:
        """An invoice as Square has it; None if there is none."""
        return await self._api.find(path_of("v2", "invoices", invoice_id), lambda data: object_in(data, "invoice"))

    async def model(self, data: JsonObject) -> Subscription:
        """The model of a subscription that was read."""
        return subscription_from(data, await self.known(data))

    async def known(self, data: JsonObject) -> Known:
        """What has to be known besides: the plan's phases, and as many invoices as it takes to tell the status."""
        now = self._api.now()
        timezone = None if text(data, "timezone") else (await self._api.location()).timezone
        known = Known(now, timezone=timezone)
        if text(data, "status") in _ENDED:
            return known
        plan_id = text(data, "plan_variation_id")
        variation = await self._plans.variation(plan_id) if plan_id else None
        known = attrs.evolve(known, variation=variation, invoices=())
        for invoice_id in invoices_that_tell(data):
            if is_decided(data, known):
                break
            invoice = await self.invoice(invoice_id)
            if invoice is not None:
                known = attrs.evolve(known, invoices=(*(known.invoices or ()), invoice))
        return known

    async def _existing(self, subscription_id: str) -> JsonObject:
        data = await self.read(subscription_id)
        if data is None:
            message = "Square has no such subscription, in this account and environment (sandbox or production)"
            raise NotFound(message, provider=self._api.name)
        return data

    # --- changing ----------------------------------------------------------------------------------------------------

    async def cancel(self, subscription_id: str) -> Subscription:
        """Let it end with the paid period: Square's only way."""
        data = await self._existing(subscription_id)
        if text(data, "status") in _ENDED or _is_canceling(data):
            return await self.model(data)
        return await self._act(data, "cancel", None, _is_canceled)

    async def uncancel(self, subscription_id: str) -> Subscription:
        """Take a scheduled cancellation back. What is not set to end is answered as it is."""
        try:
            return await self._uncancel(subscription_id)
        except Conflict as error:
            if error.http_status is None:
                raise
            return await self._uncancel(subscription_id)

    async def _uncancel(self, subscription_id: str) -> Subscription:
        data = await self._existing(subscription_id)
        self._refuse_ended(data)
        if not _is_canceling(data):
            return await self.model(data)
        if _ids_of(_actions(data, "CANCEL")):
            return await self._drop(data, "CANCEL")
        return await self._put(data, {"canceled_date": None}, lambda found: not _is_canceling(found))

    async def _put(
        self, data: JsonObject, changes: Mapping[str, object], done: Callable[[JsonObject], bool]
    ) -> Subscription:
        version = integer(data, "version")
        body = {"subscription": {**changes, **({} if version is None else {"version": version})}}
        path = path_of("v2", "subscriptions", identity(data, "id", "subscription"))
        return await self._change(data, "PUT", path, body, done)

    async def pay_with(self, subscription_id: str, card_id: str) -> Subscription:
        """Charge another card on file. What is charged to it already is answered as it is."""
        try:
            return await self._pay_with(subscription_id, card_id)
        except Conflict as error:
            if error.http_status is None:
                raise
            return await self._pay_with(subscription_id, card_id)  # another request was faster: the version has changed

    async def _pay_with(self, subscription_id: str, card_id: str) -> Subscription:
        data = await self._existing(subscription_id)
        self._refuse_ended(data)
        if text(data, "card_id") == card_id:
            return await self.model(data)
        return await self._put(data, {"card_id": card_id}, lambda found: text(found, "card_id") == card_id)

    async def pause(self, subscription_id: str) -> Subscription:
        """Schedule a pause for the next billing date. What is paused, or will be, is answered as it is."""
        data = await self._existing(subscription_id)
        self._refuse_ended(data)
        if text(data, "status") in _STOPPED or _actions(data, "PAUSE"):
            return await self.model(data)
        return await self._act(data, "pause", {}, _is_pausing)

    async def resume(self, subscription_id: str) -> Subscription:
        """Bill again: take a scheduled pause back, or schedule the end of one. What is not paused is answered as it is."""
        data = await self._existing(subscription_id)
        self._refuse_ended(data)
        if text(data, "status") not in _STOPPED:
            if not _ids_of(_actions(data, "PAUSE")):
                return await self.model(data)
            return await self._drop(data, "PAUSE")
        here = today(self._api.now(), zone_of(text(data, "timezone")))
        soon = here + timedelta(days=1)
        if _resumes_by(data, soon):
            return await self.model(data)
        return await self._act(
            data,
            "resume",
            requests.resumption(here.isoformat()),
            lambda found: text(found, "status") not in _STOPPED or _resumes_by(found, soon),
        )

    async def change(
        self, subscription_id: str, *, plan_id: str | None, quantity: int | None, key: str | None = None
    ) -> SubscriptionChange:
        """Schedule another plan for the next billing date. There is no quantity, and no proration.

        Only the order template of an item-based plan is made under the key: Square takes none for the change itself.
        """
        data = await self._existing(subscription_id)
        if quantity not in {None, 1}:
            message = (
                "a Square subscription has no quantity: make a plan variation with the price of several, "
                "or one subscription for each"
            )
            raise InvalidRequest(message, param="quantity")
        self._refuse_ended(data)
        if plan_id is None:
            if quantity is None:
                message = "change_subscription needs a plan_id"
                raise InvalidRequest(message, param="plan_id")
            return SubscriptionChange(await self.model(data))
        if _comes_to(data, plan_id):
            return SubscriptionChange(await self.model(data))
        swaps = _ids_of(_actions(data, "SWAP_PLAN"))
        if swaps and text(data, "plan_variation_id") == plan_id:  # back to the plan that it still has
            return SubscriptionChange(await self._drop(data, "SWAP_PLAN"))
        variation = await self._plans.to_subscribe_to(plan_id)
        location_id = text(data, "location_id") or (await self._api.location()).id
        phases = await self._plans.items.phases_of(variation, text(data, "customer_id"), location_id, key)
        if swaps:
            await self._drop(data, "SWAP_PLAN")
            data = await self._existing(subscription_id)
        body = {"new_plan_variation_id": plan_id, **phases}
        return SubscriptionChange(await self._act(data, "swap-plan", body, lambda found: _comes_to(found, plan_id)))

    async def keep_plan(self, subscription_id: str) -> Subscription:
        """Take scheduled swaps of plans back. Where there is none, the subscription is answered as it is."""
        data = await self._existing(subscription_id)
        self._refuse_ended(data)
        if not _ids_of(_actions(data, "SWAP_PLAN")):
            return await self.model(data)
        return await self._drop(data, "SWAP_PLAN")

    async def _act(
        self, data: JsonObject, action: str, body: JsonObject | None, done: Callable[[JsonObject], bool]
    ) -> Subscription:
        path = path_of("v2", "subscriptions", identity(data, "id", "subscription"), action)
        return await self._change(data, "POST", path, body, done)

    async def _drop(self, data: JsonObject, kind: str) -> Subscription:
        """Take the scheduled actions of a kind back: all of them, should there be several."""
        subscription_id = identity(data, "id", "subscription")
        *others, last = _ids_of(_actions(data, kind))
        for action_id in others:
            await self._undo(data, action_id, partial(_is_without, kind, action_id))
            data = await self._existing(subscription_id)
        return await self._undo(data, last, lambda found: not _is_set(found, kind))

    async def _undo(self, data: JsonObject, action_id: str, done: Callable[[JsonObject], bool]) -> Subscription:
        path = path_of("v2", "subscriptions", identity(data, "id", "subscription"), "actions", action_id)
        return await self._change(data, "DELETE", path, None, done, gone=action_id)

    async def _change(
        self,
        before: JsonObject,
        method: str,
        path: str,
        body: JsonObject | None,
        done: Callable[[JsonObject], bool],
        *,
        gone: str | None = None,
    ) -> Subscription:
        """Send a change once.

        Args:
            before: the subscription as it was read.
            method: of the request.
            path: of the request.
            body: of the request.
            done: whether a subscription is as the change makes it.
            gone: the action that the change takes back.
        """
        known = await self.known(before)
        subscription_id = identity(before, "id", "subscription")

        def answered(answer: JsonObject) -> Subscription:
            after = _after(before, answer, gone)
            if not done(after):
                message = "the answer does not show the change"
                raise InvalidResponse(message)
            return subscription_from(after, _about(known, after))

        async def send() -> Subscription:
            return await self._api.send(write(method, path, body), answered)

        async def look() -> Subscription | None:
            found = await self.read(subscription_id)
            return subscription_from(found, _about(known, found)) if found is not None and done(found) else None

        return await self._api.write_then_verify(send, look)

    def _refuse_ended(self, data: JsonObject) -> None:
        if text(data, "status") in _ENDED:
            message = "the subscription has ended, and Square brings none back: make a new one"
            raise Conflict(message, provider=self._api.name, retryable=False)


def _checked(answer: JsonObject) -> JsonObject:
    data = object_in(answer, "subscription")
    identity(data, "id", "subscription")
    return data


def _call(
    model: Callable[[JsonObject], Awaitable[Subscription]], data: JsonObject
) -> Callable[[], Awaitable[Subscription]]:
    return lambda: model(data)


def _actions(data: JsonObject, kind: str) -> tuple[JsonObject, ...]:
    """The scheduled actions of a kind, the one that takes effect first before the others."""
    found = (action for action in children(data, "actions") if text(action, "type") == kind)
    return tuple(sorted(found, key=lambda action: day_of(action, "effective_date") or date.max))


def _ids_of(actions: Iterable[JsonObject]) -> tuple[str, ...]:
    return tuple(found for action in actions if (found := text(action, "id")))


def _is_without(kind: str, action_id: str, data: JsonObject) -> bool:
    return action_id not in _ids_of(_actions(data, kind))


def _is_set(data: JsonObject, kind: str) -> bool:
    return _is_canceling(data) if kind == "CANCEL" else bool(_actions(data, kind))


def _is_pausing(data: JsonObject) -> bool:
    return text(data, "status") == "PAUSED" or bool(_actions(data, "PAUSE"))


def _is_canceling(data: JsonObject) -> bool:
    return bool(text(data, "canceled_date")) or bool(_actions(data, "CANCEL"))


def _is_canceled(data: JsonObject) -> bool:
    """Whether it ends: with a period, or at once, where no period is paid."""
    return _is_canceling(data) or text(data, "status") in _ENDED


def _resumes_by(data: JsonObject, day: date) -> bool:
    days = (day_of(action, "effective_date") for action in _actions(data, "RESUME"))
    return any(when is not None and when <= day for when in days)


def _about(known: Known, data: JsonObject) -> Known:
    """What is known, without the phases of a plan that the subscription has no more."""
    fits = known.variation is not None and known.variation.id == text(data, "plan_variation_id")
    return known if fits else attrs.evolve(known, variation=None)


def _comes_to(data: JsonObject, plan_id: str) -> bool:
    """Whether it will have the plan once all that is scheduled has come to pass."""
    swaps = _actions(data, "SWAP_PLAN")
    return (text(swaps[-1], "new_plan_variation_id") if swaps else text(data, "plan_variation_id")) == plan_id


def _after(before: JsonObject, answer: JsonObject, gone: str | None) -> JsonObject:
    """The subscription in the answer to a change, with all its actions: the answer may name the new one only."""
    data = _checked(answer)
    lists = (children(before, "actions"), children(data, "actions"), children(answer, "actions"))
    actions = {text(action, "id"): action for actions in lists for action in actions if text(action, "id") != gone}
    kept = {name: before[name] for name in _KEPT if name in before}
    return {**kept, **data, "actions": list(actions.values())}
