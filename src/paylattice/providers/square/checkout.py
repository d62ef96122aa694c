"""Hosted pages: payment links, and the pages of first invoices.

A link's session is the link. Neither the link nor its payment names the subscription that comes of it, and the buyer becomes
whatever profile Square finds for the phone number they type. So the way goes link -> order -> payment -> the buyer's profile ->
that profile's subscriptions to the plan, made since the link was; and who started it stands in the link's description.

An invoice's session is the subscription, made without a card: its first invoice has a page where it is paid, and everything
stays with the customer. Square drops nothing when nobody pays: the subscription goes on being invoiced until it is canceled.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from ...errors import InvalidRequest, InvalidResponse, OutcomeUnknown
from ...frozen import FrozenMap
from ...jsonlike import JsonObject, child, identity, text
from ...models import CheckoutSession, CheckoutStatus, Customer, Payment, PaymentStatus, SubscriptionStatus
from ...money import Money
from . import catalog, requests, wire
from .amounts import optional_money_from
from .api import SquareAPI, path_of
from .customers import Customers
from .payments import Payments
from .plans import Plans
from .requests import Started, started_from
from .states import invoice_ids
from .subscriptions import Subscriptions
from .times import moment_of

__all__ = ["Checkout"]

PREFIX = "subscription:"
"""Before the id of the subscription, in the id of a session whose page is an invoice's."""

_POLLS = (0.3, 0.7, 1.0, 2.0, 4.0)
"""Seconds to wait for a subscription's first invoice, which Square makes a moment later."""

_HEAD_START = timedelta(minutes=1)
"""How much earlier than its payment a subscription may have been made, by Square's own clocks."""

_A_DAY = timedelta(days=1)

_PAID = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
_DONE = _PAID | {PaymentStatus.AUTHORIZED}

INVOICE_STATUS: Mapping[str | None, CheckoutStatus] = {
    "DRAFT": CheckoutStatus.OPEN,
    "SCHEDULED": CheckoutStatus.OPEN,
    "UNPAID": CheckoutStatus.OPEN,
    "PARTIALLY_PAID": CheckoutStatus.OPEN,
    "PAYMENT_PENDING": CheckoutStatus.PENDING,
    "PAID": CheckoutStatus.COMPLETE,
    "REFUNDED": CheckoutStatus.COMPLETE,
    "PARTIALLY_REFUNDED": CheckoutStatus.COMPLETE,
    "CANCELED": CheckoutStatus.EXPIRED,
    "FAILED": CheckoutStatus.EXPIRED,
}
"""What the status of a first invoice says about the checkout."""


ORDER_STATUS: Mapping[str | None, CheckoutStatus] = {
    None: CheckoutStatus.OPEN,
    "DRAFT": CheckoutStatus.OPEN,
    "OPEN": CheckoutStatus.OPEN,
    "COMPLETED": CheckoutStatus.OPEN,
    "CANCELED": CheckoutStatus.EXPIRED,
}
"""What the state of a link's order says as long as there is no payment; only a payment completes a checkout."""


class Checkout:
    """What can be done with hosted pages.

    Args:
        api: where.
        customers: reads profiles.
        plans: reads the catalogue.
        payments: reads payments.
        subscriptions: reads subscriptions.
    """

    def __init__(
        self, api: SquareAPI, customers: Customers, plans: Plans, payments: Payments, subscriptions: Subscriptions
    ) -> None:
        self._api = api
        self._customers = customers
        self._plans = plans
        self._payments = payments
        self._subscriptions = subscriptions

    # --- beginning ---------------------------------------------------------------------------------------------------

    async def subscribe(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        *,
        metadata: Mapping[str, str] | None,
        quantity: int,
        trial_days: int | None,
        email: str | None,
        key: str | None,
    ) -> CheckoutSession:
        """A page for a subscription, of the kind that the settings choose."""
        variation = await self._plans.to_subscribe_to(plan_id)
        _refuse_what_square_has_not(variation, quantity, trial_days)
        customer = await self._customer(customer_id)
        if self._api.config.checkout == "invoice":
            return await self._subscribe_by_invoice(customer, variation, key)
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
        )
        return await self._api.create("/v2/online-checkout/payment-links", body, key, _opened(started))

    async def _subscribe_by_invoice(
        self, customer: Customer, variation: catalog.Variation, key: str | None
    ) -> CheckoutSession:
        if not customer.email or not customer.name:
            message = (
                "without a card, Square subscribes customers only with name and e-mail address: update_customer first"
            )
            raise InvalidRequest(message, param="customer_id")
        if any(phase.relative for phase in variation.phases):
            message = (
                "the plan variation has relative prices, which need an order template: subscribe with Square's own API"
            )
            raise InvalidRequest(message, param="plan_id")
        location = await self._api.location()
        body = requests.subscription_request(customer.id, variation.id, location.id)
        data = await self._api.create("/v2/subscriptions", body, key, _subscription)
        return await self._api.afterwards(lambda: self._with_first_invoice(data))

    async def _with_first_invoice(self, data: JsonObject) -> CheckoutSession:
        """The session, as soon as there is an invoice to pay."""
        subscription_id = identity(data, "id", "subscription")
        for wait in (0.0, *_POLLS):
            if wait:
                await self._api.transport.sleep(wait)
                data = await self._subscriptions.read(subscription_id) or data
            session = await self._invoice_session(data)
            if session.url is not None or session.status is not CheckoutStatus.OPEN:
                return session
        message = (
            "the subscription was made, and Square has not made its first invoice yet, where it is to be paid: "
            "provider.recover(error) looks again"
        )
        raise OutcomeUnknown(message, provider=self._api.name)

    async def pay(
        self,
        amount: Money,
        success_url: str,
        *,
        customer_id: str | None,
        description: str | None,
        metadata: Mapping[str, str] | None,
        capture: bool,
        key: str | None,
    ) -> CheckoutSession:
        """A payment link for a one-off payment."""
        location_id = await self._payments.selling(amount)
        if not capture:
            message = (
                "a Square payment link always takes the money: charge a card on file with create_payment(capture=False) to "
                "take it later"
            )
            raise InvalidRequest(message, param="capture")
        customer = await self._customer(customer_id) if customer_id else None
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
        return await self._api.create("/v2/online-checkout/payment-links", body, key, _opened(started))

    async def _customer(self, customer_id: str) -> Customer:
        customer = await self._customers.find(customer_id)
        if customer is None:
            message = "Square has no such customer, in this account and environment (sandbox or production)"
            raise InvalidRequest(message, param="customer_id")
        return customer

    # --- reading -----------------------------------------------------------------------------------------------------

    async def find(self, session_id: str) -> CheckoutSession | None:
        """The session of either kind; None if there is none."""
        if session_id.startswith(PREFIX):
            subscription_id = session_id.removeprefix(PREFIX)
            data = await self._subscriptions.read(subscription_id) if subscription_id.strip(".") else None
            return None if data is None else await self._invoice_session(data)
        path = path_of("v2", "online-checkout", "payment-links", session_id)
        link = await self._api.find(path, _link)
        return None if link is None else await self._link_session(link)

    async def _link_session(self, link: JsonObject) -> CheckoutSession:
        started = started_from(link)
        plan_id = text(child(link, "checkout_options"), "subscription_plan_id") or started.plan_id
        order_id = wire.order_of(link)
        order = await self._api.find(path_of("v2", "orders", order_id), _order) if order_id else None
        raw: dict[str, object] = {"payment_link": link, **({"order": order} if order else {})}
        named = wire.payments_of(order) if order else ()
        payments = [payment for payment_id in named if (payment := await self._payments.find(payment_id)) is not None]
        counting = [payment for payment in payments if payment.status not in _NOTHING]
        subscription: JsonObject | None = None
        if payments:
            raw |= {"payment": payments[0].raw} if len(payments) == 1 else {"payments": [each.raw for each in payments]}
        nothing_to_pay = not named and text(order or {}, "state") == "COMPLETED"  # a free trial
        paid = _is_paid_by(counting, order or {})
        if plan_id and (nothing_to_pay or paid):
            subscription = await self._bought(link, order or {}, [payment.raw for payment in counting], plan_id)
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

    async def _bought(
        self, link: JsonObject, order: JsonObject, payments: Sequence[JsonObject], plan_id: str
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
        billed = await self._api.find(path_of("v2", "orders", order_id), _order)
        paid_by = wire.payments_of(billed) if billed else ()
        if not paid_by:
            return None
        if any(payment_id in payment_ids for payment_id in paid_by):
            return True
        of_the_first_period = _apart(moment_of(invoice, "created_at"), moment_of(subscription, "created_at")) < _A_DAY
        return False if of_the_first_period else None

    async def _invoice_session(self, data: JsonObject) -> CheckoutSession:
        subscription_id = identity(data, "id", "subscription")
        first = invoice_ids(data)[-1:]
        invoice = await self._subscriptions.invoice(first[0]) if first else None
        status = _invoice_checkout(data, invoice)
        if invoice is None and (await self._subscriptions.model(data)).status is SubscriptionStatus.TRIALING:
            status = CheckoutStatus.COMPLETE  # there is nothing to pay yet
        order_id = wire.order_of(invoice) if invoice else None
        order: JsonObject | None = None
        if order_id and status is CheckoutStatus.COMPLETE:
            order = await self._api.find(path_of("v2", "orders", order_id), _order)
        raw: dict[str, object] = {"subscription": data}
        raw |= {name: value for name, value in (("invoice", invoice), ("order", order)) if value is not None}
        return CheckoutSession(
            id=PREFIX + subscription_id,
            url=wire.https(text(invoice, "public_url")) if invoice and status is CheckoutStatus.OPEN else None,
            customer_id=text(data, "customer_id"),
            status=status,
            subscription_id=subscription_id,
            payment_id=wire.payment_of(order) if order else None,
            raw_status=text(invoice, "status") if invoice else None,
            reference=order_id,
            provider="square",
            raw=raw,
        )


_NOTHING = frozenset({PaymentStatus.FAILED, PaymentStatus.CANCELED})
_UNDER_WAY = _DONE | {PaymentStatus.PROCESSING}


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


def _refuse_what_square_has_not(variation: catalog.Variation, quantity: int, trial_days: int | None) -> None:
    if quantity != 1:
        message = "a Square subscription has no quantity: make a plan variation with the price of several"
        raise InvalidRequest(message, param="quantity")
    own = catalog.plan_from(variation.data).trial_days or 0
    if trial_days is not None and trial_days != own:
        message = (
            f"Square's trial is a free phase of the plan variation (this one has {own} days): "
            "make a variation with the trial that is wanted"
        )
        raise InvalidRequest(message, param="trial_days")


def _invoice_checkout(subscription: JsonObject, invoice: JsonObject | None) -> CheckoutStatus:
    word = text(invoice, "status") if invoice is not None else "UNPAID"  # that there is none yet
    status = INVOICE_STATUS.get(word, CheckoutStatus.UNKNOWN)
    if text(subscription, "status") in {"CANCELED", "DEACTIVATED"} and status is CheckoutStatus.OPEN:
        return CheckoutStatus.EXPIRED
    return status


def _apart(one: datetime | None, other: datetime | None) -> timedelta:
    return abs(one - other) if one is not None and other is not None else timedelta.max


def _address(link: JsonObject) -> str:
    url = wire.https(text(link, "url")) or wire.https(text(link, "long_url"))
    if url is None:
        message = "the answer is no payment link: it has no https address"
        raise InvalidResponse(message)
    return url


def _link(answer: JsonObject) -> JsonObject:
    link = wire.object_in(answer, "payment_link")
    identity(link, "id", "payment link")
    return link


def _order(answer: JsonObject) -> JsonObject:
    return wire.object_in(answer, "order")


def _subscription(answer: JsonObject) -> JsonObject:
    data = wire.object_in(answer, "subscription")
    path_of(identity(data, "id", "subscription"))
    return data


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
