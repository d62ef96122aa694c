"""Payment links.

The session is the link. Neither the link nor its payment names the subscription that comes of it, and the buyer becomes
whatever profile Square finds for the phone number they type. So the way goes link -> order -> payment -> the buyer's profile ->
that profile's subscriptions to the plan, made since the link was; and who started it stands in the link's description.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from ...arguments import is_id
from ...errors import InvalidRequest, InvalidResponse
from ...frozen import FrozenMap
from ...jsonlike import JsonObject, child, identity, text
from ...models import CheckoutSession, CheckoutStatus, Customer, Payment, PaymentStatus
from ...money import Money
from . import catalog, requests, wire
from .amounts import optional_money_from
from .api import SquareAPI, path_of, write
from .payments import Payments
from .requests import Started, mark_in, started_from
from .states import invoice_ids
from .subscriptions import Subscriptions
from .times import moment_of

__all__ = ["NO_EVIDENCE", "Evidence", "PaymentLinks"]

_LINKS = "/v2/online-checkout/payment-links"
_HEAD_START = timedelta(minutes=1)
"""How much earlier than its payment a subscription may have been made, by Square's own clocks."""

_A_DAY = timedelta(days=1)
_EVIDENCE = frozenset({"payment_id", "orderid", "transactionid"})
"""Square adds the last two to the URL to which the buyer comes back, in production only:
https://developer.squareup.com/forums/t/20871."""

_PAID = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
_DONE = _PAID | {PaymentStatus.AUTHORIZED}
_NOTHING = frozenset({PaymentStatus.FAILED, PaymentStatus.CANCELED})
_UNDER_WAY = _DONE | {PaymentStatus.PROCESSING}

ORDER_STATUS: Mapping[str | None, CheckoutStatus] = {
    None: CheckoutStatus.OPEN,
    "DRAFT": CheckoutStatus.OPEN,
    "OPEN": CheckoutStatus.OPEN,
    "COMPLETED": CheckoutStatus.OPEN,
    "CANCELED": CheckoutStatus.EXPIRED,
}
"""What the state of a link's order says as long as there is no payment; only a payment completes a checkout."""


@attrs.frozen
class Evidence:
    """What is known of a session besides.

    Args:
        params: where to look for a payment that is not on the link's order: ``payment_id``; or what Square adds to the URL to
            which the buyer comes back. A buyer can write it.
        claimed: subscriptions that other links have made.
        alone: whether no one else has a page for the plan that can be paid.
    """

    params: Mapping[str, str] = FrozenMap()
    claimed: frozenset[str] = frozenset()
    alone: bool = False


NO_EVIDENCE = Evidence()


class PaymentLinks:
    """The pages of payment links.

    Args:
        api: how to ask Square.
        payments: reads payments.
        subscriptions: reads subscriptions and their invoices.
    """

    def __init__(self, api: SquareAPI, payments: Payments, subscriptions: Subscriptions) -> None:
        self._api = api
        self._payments = payments
        self._subscriptions = subscriptions

    async def subscribe(
        self,
        customer: Customer,
        customer_id: str,
        variation: catalog.Variation,
        plan_id: str,
        success_url: str,
        *,
        metadata: Mapping[str, str] | None,
        email: str | None,
        key: str | None,
    ) -> CheckoutSession:
        """Create a link that subscribes.

        Args:
            customer: whose e-mail address and phone number are filled in.
            customer_id: the id that was asked for, which a merged profile has no more.
            variation: what is sold.
            plan_id: the id that was asked for.
            success_url: where the buyer comes back to.
            metadata: kept in the link's description.
            email: filled in instead of the customer's.
            key: the idempotency key.
        """
        price = catalog.price_of_link(variation)
        started = Started(customer_id, plan_id, FrozenMap(metadata or {}))
        body = requests.link_request(
            started,
            name=variation.name,
            price=price,
            location_id=await self._payments.selling(price),
            success_url=success_url,
            email=email or customer.email,
            phone=text(customer.raw, "phone_number"),
            key=key,
        )
        return await self._api.create(_LINKS, body, key, _opened(started))

    async def location_for(self, amount: Money, *, capture: bool) -> str:
        """The location that sells in this currency.

        Raises:
            InvalidRequest: it sells in another one, or the money is not to be taken at once.
        """
        location_id = await self._payments.selling(amount)
        if not capture:
            message = (
                "a Square payment link always takes the money: charge a card on file with create_payment(capture=False) to "
                "take it later"
            )
            raise InvalidRequest(message, param="capture")
        return location_id

    async def pay(
        self,
        amount: Money,
        success_url: str,
        location_id: str,
        customer: Customer | None,
        customer_id: str | None,
        *,
        description: str | None,
        metadata: Mapping[str, str] | None,
        key: str | None,
    ) -> CheckoutSession:
        """Create a link for a one-off payment."""
        started = Started(customer_id, None, FrozenMap(metadata or {}))
        body = requests.order_link_request(
            started,
            amount=amount,
            location_id=location_id,
            success_url=success_url,
            description=description,
            email=customer.email if customer else None,
            phone=text(customer.raw, "phone_number") if customer else None,
        )
        return await self._api.create(_LINKS, body, key, _opened(started))

    async def find(self, link_id: str, evidence: Evidence = NO_EVIDENCE) -> CheckoutSession | None:
        """Read the session; None if there is no such link."""
        link = await self._api.find(f"{_LINKS}{path_of(link_id)}", _link)
        return None if link is None else await self._session(link, evidence)

    async def expire(self, link_id: str) -> CheckoutSession:
        """Delete the link of an open session; what is not open is answered as it is.

        Square cancels the order of a link that was not paid. Where it does not, the buyer was faster: the order tells.
        """
        path = f"{_LINKS}{path_of(link_id)}"
        link = await self._api.find(path, _link)
        if link is None:
            return CheckoutSession(id=link_id, status=CheckoutStatus.EXPIRED, provider="square")
        session = await self._session(link)
        if session.status is not CheckoutStatus.OPEN:
            return session

        async def delete() -> bool:
            await self._api.send(write("DELETE", path))
            return True

        async def look() -> bool | None:
            return True if await self._api.find(path, _link) is None else None

        await self._api.write_then_verify(delete, look)
        after = await self._session(link)
        return attrs.evolve(after, status=CheckoutStatus.EXPIRED, url=None) if after.url is not None else after

    async def _session(self, link: JsonObject, evidence: Evidence = NO_EVIDENCE) -> CheckoutSession:
        started = started_from(link)
        plan_id = text(child(link, "checkout_options"), "subscription_plan_id") or started.plan_id
        order_id = wire.order_of(link)
        order = await self._api.find(path_of("v2", "orders", order_id), wire.order_in) if order_id else None
        raw: dict[str, object] = {"payment_link": link, **({"order": order} if order else {})}
        named = wire.payments_of(order) if order else ()
        payments = [payment for payment_id in named if (payment := await self._payments.find(payment_id)) is not None]
        if not named and evidence.params and plan_id is not None:
            payments = await self._elsewhere(link, order or {}, evidence)
            named = tuple(payment.id for payment in payments)
        counting = [payment for payment in payments if payment.status not in _NOTHING]
        subscription: JsonObject | None = None
        if payments:
            raw |= {"payment": payments[0].raw} if len(payments) == 1 else {"payments": [each.raw for each in payments]}
        nothing_to_pay = not named and await self._is_free(order or {}, plan_id)
        paid = _is_paid_by(counting, order or {})
        if plan_id and (nothing_to_pay or paid):
            counted = [payment.raw for payment in counting]
            subscription = await self._bought(link, order or {}, counted, plan_id, evidence.claimed)
            if subscription is not None:
                raw["subscription"] = subscription
        status = CheckoutStatus.OPEN
        if nothing_to_pay and subscription is not None:
            status = CheckoutStatus.COMPLETE
        elif counting and not paid and all(payment.status in _UNDER_WAY for payment in counting):
            status = CheckoutStatus.PENDING
        elif paid:
            waits = plan_id is not None and subscription is None and self._api.config.livemode
            status = CheckoutStatus.PENDING if waits else CheckoutStatus.COMPLETE
        elif order is not None:
            status = ORDER_STATUS.get(text(order, "state"), CheckoutStatus.UNKNOWN)
        return CheckoutSession(
            id=identity(link, "id", "payment link"),
            url=_address(link) if status is CheckoutStatus.OPEN else None,
            customer_id=started.customer_id,
            metadata=started.metadata,
            status=status,
            subscription_id=identity(subscription, "id", "subscription") if subscription else None,
            payment_id=counting[0].id if len(counting) == 1 else None,
            raw_status=text(order, "state") if order else None,
            reference=order_id,
            provider="square",
            raw=raw,
        )

    async def _is_free(self, order: JsonObject, plan_id: str | None) -> bool:
        """Whether an order without a payment was bought: that of a free trial, which Square may leave open."""
        if text(order, "state") == "COMPLETED":
            return True
        if plan_id is None or text(order, "customer_id") is None or text(order, "state") == "CANCELED":
            return False
        return await self._subscriptions.begins_free(plan_id)

    async def _elsewhere(self, link: JsonObject, order: JsonObject, evidence: Evidence) -> list[Payment]:
        """The payments for the link that are on another order: each has the link's note, which no buyer can write.

        A payment without any note is the link's, too, if its order was named, it is of the link's place, amount and time, and
        no one else has a page on which it can have been made.
        """
        ours: dict[str, Payment] = {}
        for value, name in _ids_in(evidence.params).items():
            path = path_of("v2", "orders", value)
            other = await self._api.find(path, wire.order_in) if name != "payment_id" else None
            for payment_id in wire.payments_of(other) if other is not None else (value,):
                payment = await self._payments.find(payment_id)
                if payment is None:
                    continue
                fits = evidence.alone and other is not None and _may_be_for(link, order, payment)
                if _is_for(link, payment) or fits:
                    ours[payment.id] = payment
        return list(ours.values())

    async def _bought(
        self,
        link: JsonObject,
        order: JsonObject,
        payments: Sequence[JsonObject],
        plan_id: str,
        claimed: Collection[str],
    ) -> JsonObject | None:
        """The subscription that a paid link made; None while it is not there.

        The same buyer may have paid another link for the same plan a moment before. Where an invoice tells by which payment
        it was paid, that decides; otherwise the time does.
        """
        times = [when for payment in payments if (when := moment_of(payment, "created_at")) is not None]
        paid = min(times, default=None) or moment_of(order, "closed_at") or moment_of(link, "created_at")
        buyers = {buyer for payment in payments if (buyer := text(payment, "customer_id"))}
        buyer = buyers.pop() if len(buyers) == 1 else text(order, "customer_id")
        if buyer is None or paid is None:
            return None
        open_to_time: list[JsonObject] = []
        for data in await self._subscriptions.bought(buyer, plan_id, paid - _HEAD_START):
            if text(data, "id") in claimed:
                continue
            proof = await self._is_billed_by(data, order, {text(payment, "id") for payment in payments})
            if proof:
                return data
            if proof is None:
                open_to_time.append(data)
        return min(open_to_time, key=lambda data: _apart(moment_of(data, "created_at"), paid), default=None)

    async def _is_billed_by(
        self, subscription: JsonObject, order: JsonObject, payment_ids: Collection[str | None]
    ) -> bool | None:
        """Whether the subscription's first period was paid for by these very payments; None where nothing tells."""
        first = invoice_ids(subscription)[-1:]
        invoice = await self._subscriptions.invoice(first[0]) if first else None
        order_id = wire.order_of(invoice) if invoice else None
        if invoice is None or order_id is None:
            return None
        if order_id == text(order, "id"):
            return True
        billed = await self._api.find(path_of("v2", "orders", order_id), wire.order_in)
        paid_by = wire.payments_of(billed) if billed else ()
        if not paid_by:
            return None
        if any(payment_id in payment_ids for payment_id in paid_by):
            return True
        of_the_first_period = _apart(moment_of(invoice, "created_at"), moment_of(subscription, "created_at")) < _A_DAY
        return False if of_the_first_period else None


def _ids_in(params: Mapping[str, str]) -> Mapping[str, str]:
    """The ids of orders and payments that the evidence names, each once, with its name: no more than there are names."""
    named = {name.lower(): value for name, value in params.items() if name.lower() in _EVIDENCE and is_id(value)}
    return {value: name for name, value in named.items()}


def _is_for(link: JsonObject, payment: Payment) -> bool:
    """Whether a payment has the link's note: its mark, which no other link has."""
    note = text(payment.raw, "note")
    return mark_in(note) is not None and note == text(link, "payment_note")


def _may_be_for(link: JsonObject, order: JsonObject, payment: Payment) -> bool:
    """Whether a payment without any note can be for the link: by time, place and amount."""
    begun, paid = moment_of(link, "created_at"), payment.created_at
    return (
        text(payment.raw, "note") is None
        and begun is not None
        and paid is not None
        and paid >= begun - _HEAD_START
        and optional_money_from(order, "total_money") == payment.amount
        and text(payment.raw, "location_id") == text(order, "location_id")
    )


def _is_paid_by(payments: Sequence[Payment], order: JsonObject) -> bool:
    """Whether the payments, each of which is in or reserved, pay for the whole order: a gift card may pay for a part of it."""
    if not payments or any(payment.status not in _DONE for payment in payments):
        return False
    total = optional_money_from(order, "total_money")
    if total is None:
        return True
    return (
        sum(payment.amount.amount for payment in payments if payment.amount.currency == total.currency) >= total.amount
    )


def _apart(one: datetime | None, other: datetime | None) -> timedelta:
    return abs(one - other) if one is not None and other is not None else timedelta.max


def _address(link: JsonObject) -> str:
    url = wire.page_url(text(link, "url")) or wire.page_url(text(link, "long_url"))
    if url is None:
        message = "the answer is no payment link: it has no https address"
        raise InvalidResponse(message)
    return url


def _link(answer: JsonObject) -> JsonObject:
    link = wire.object_in(answer, "payment_link")
    identity(link, "id", "payment link")
    return link


def _opened(started: Started) -> Callable[[JsonObject], CheckoutSession]:
    """Makes the session of a link that has just been made."""

    def session_from(answer: JsonObject) -> CheckoutSession:
        link = _link(answer)
        return CheckoutSession(
            id=identity(link, "id", "payment link"),
            url=_address(link),
            customer_id=started.customer_id,
            metadata=started.metadata,
            status=CheckoutStatus.OPEN,
            reference=wire.order_of(link),
            provider="square",
            raw=answer,
        )

    return session_from
