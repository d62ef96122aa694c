"""Subscriptions at PayPal. None of their changes takes a key: the state is read before, and after an unknown outcome."""

from collections.abc import Callable

from ...errors import Conflict, InvalidRequest, InvalidResponse, NotFound
from ...jsonlike import JsonObject, child, children, text
from ...models import CheckoutSession, CheckoutStatus, Invoice, Subscription, SubscriptionChange
from . import requests, wire
from .api import PayPalAPI, path_of

__all__ = ["Subscriptions", "created", "path_to"]

PATH = "/v1/billing/subscriptions"
_WITH_PLAN = {"fields": "plan,last_failed_payment"}
"""What PayPal leaves out unless it is asked for."""
_ENDED = frozenset({"CANCELLED", "EXPIRED"})
_PAGE = "20"


class Subscriptions:
    """The operations on subscriptions.

    Args:
        api: how to ask PayPal.
    """

    def __init__(self, api: PayPalAPI) -> None:
        self._api = api

    async def read(self, subscription_id: str) -> JsonObject | None:
        """The subscription as PayPal has it, with its plan; None if there is none."""
        return await self._api.get(path_to(subscription_id), _WITH_PLAN, named=subscription_id, form="I-[A-Z0-9]+")

    async def find(self, subscription_id: str) -> Subscription | None:
        """Return the subscription, or None if it does not exist."""
        data = await self.read(subscription_id)
        return wire.subscription_from(data, self._api.now()) if data is not None else None

    async def start(self, body: dict[str, object], key: str) -> CheckoutSession:
        """A subscription that waits for consent."""

        def read(data: JsonObject) -> CheckoutSession:
            if text(data, "plan_id") not in {None, body["plan_id"]}:
                message = "it is for another plan than was asked for"
                raise InvalidResponse(message)
            return _session_with_a_link(data)

        return await self._api.create(PATH, body, key, read)

    async def listed(self, customer_id: str) -> list[Subscription]:
        """The customer's subscriptions, newest first.

        PayPal's list knows no customers: all subscriptions of the account are gone through, page by page.
        """
        found: list[Subscription] = []
        params = {"page_size": _PAGE, "page": "1"}
        async for data in self._api.pages(PATH, "subscriptions", params):
            owner = text(data, "custom_id")
            whole: JsonObject | None = data
            identifier = text(data, "id")
            if identifier is not None and owner in {None, customer_id}:
                whole = await self.read(identifier)
            if whole is not None and text(whole, "custom_id") == customer_id:
                found.append(wire.subscription_from(whole, self._api.now()))
        return sorted(found, key=created, reverse=True)

    async def cancel(self, subscription_id: str, reason: str | None) -> Subscription:
        """End it now. What is paid for stays paid for."""
        return await self._moved(
            subscription_id,
            "cancel",
            requests.note(reason, "Canceled at the customer's request"),
            wanted=lambda word: word in _ENDED,
        )

    async def suspend(self, subscription_id: str) -> Subscription:
        """Pause it."""
        return await self._moved(
            subscription_id, "suspend", requests.note(None, "Paused"), wanted=lambda word: word == "SUSPENDED"
        )

    async def activate(self, subscription_id: str) -> Subscription:
        """Go on with it."""
        return await self._moved(
            subscription_id, "activate", requests.note(None, "Resumed"), wanted=lambda word: word == "ACTIVE"
        )

    async def _moved(
        self, subscription_id: str, step: str, body: dict[str, object], *, wanted: Callable[[str | None], bool]
    ) -> Subscription:
        before = await self.required(subscription_id)
        if wanted(text(before, "status")):
            return wire.subscription_from(before, self._api.now())
        if text(before, "status") in _ENDED:
            message = "the subscription has ended: PayPal cannot bring it back. Start a new one"
            raise Conflict(message)

        async def write() -> bool:
            await self._api.act(f"{path_to(subscription_id)}/{step}", body)
            return True

        async def look() -> bool | None:
            now = await self.read(subscription_id)
            return True if now is not None and wanted(text(now, "status")) else None

        await self._api.write_then_verify(write, look)
        after = await self._api.read_after_write(lambda: self.required(subscription_id))
        return wire.subscription_from(_with_what_was_known(after, before), self._api.now())

    async def revise(self, subscription_id: str, plan_id: str | None, quantity: int | None) -> SubscriptionChange:
        """Ask the payer to agree to another plan or quantity. Asking twice is no harm: only the payer's yes counts."""
        if plan_id is None and quantity is None:
            message = "change_subscription needs a plan_id, a quantity or both"
            raise InvalidRequest(message, param="plan_id")
        before = await self.required(subscription_id)
        subscription = wire.subscription_from(before, self._api.now())
        if text(before, "status") in _ENDED:
            message = "the subscription has ended: start a new one"
            raise Conflict(message)
        if plan_id in {None, subscription.plan_id} and quantity in {None, subscription.quantity or 1}:
            return SubscriptionChange(subscription)  # perhaps by an earlier attempt, whose answer got lost
        answer = await self._api.act(f"{path_to(subscription_id)}/revise", requests.revision_request(plan_id, quantity))
        url = wire.approval_url(answer, "approve")
        if url is not None:
            return SubscriptionChange(subscription, url)
        after = await self._api.read_after_write(lambda: self.required(subscription_id))
        return SubscriptionChange(wire.subscription_from(after, self._api.now()))

    async def required(self, subscription_id: str) -> JsonObject:
        """Read the subscription as PayPal has it.

        Raises:
            NotFound: there is none.
        """
        data = await self.read(subscription_id)
        if data is None:
            message = "PayPal has no such subscription, in this account and environment"
            raise NotFound(message)
        return data


def _session_with_a_link(data: JsonObject) -> CheckoutSession:
    session = wire.subscription_session_from(data)
    if session.url is None and session.status in {CheckoutStatus.OPEN, CheckoutStatus.UNKNOWN}:
        message = "it holds no link for the payer to approve"
        raise InvalidResponse(message)
    return session


def path_to(subscription_id: str) -> str:
    """Where the subscription is."""
    return f"{PATH}{path_of(subscription_id)}"


def _with_what_was_known(after: JsonObject, before: JsonObject) -> JsonObject:
    """The subscription after it ended, with the last payment that it was known for, and the plan, if PayPal left them out."""
    billing = {**child(after, "billing_info")}
    known = child(before, "billing_info")
    if "last_payment" not in billing and "last_payment" in known:
        billing["last_payment"] = known["last_payment"]
    plan = child(after, "plan") if children(child(after, "plan"), "billing_cycles") else child(before, "plan")
    return {**after, "billing_info": billing, "plan": plan}


def created(model: Subscription | Invoice) -> float:
    """When it was made, in seconds since 1970, to sort by."""
    return model.created_at.timestamp() if model.created_at is not None else 0.0
