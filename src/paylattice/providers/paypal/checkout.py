"""PayPal's pages: where the payer agrees to a subscription, or to one payment."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from ...errors import InvalidRequest, InvalidResponse
from ...jsonlike import JsonObject, children
from ...models import CheckoutSession, CheckoutStatus
from ...money import Money
from . import orders, requests, wire
from .amounts import v2_amount
from .api import PayPalAPI, path_of
from .payment_lookup import ORDERS
from .plans import Plans
from .subscriptions import Subscriptions
from .vault import Vault

__all__ = ["Checkout"]


class Checkout:
    """The operations on sessions.

    Args:
        api: how to ask PayPal.
        subscriptions: starts and reads those that a page is about.
        vault: knows the pages where a payment method is saved.
    """

    def __init__(self, api: PayPalAPI, subscriptions: Subscriptions, vault: Vault) -> None:
        self._api = api
        self._vault = vault
        self._subscriptions = subscriptions
        self._plans = Plans(api)

    async def subscribe(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None,
        quantity: int,
        trial_days: int | None,
        start_at: datetime | None,
        email: str | None,
        key: str,
    ) -> CheckoutSession:
        """Create a subscription that waits for the payer's consent."""
        if start_at is not None and trial_days is not None:
            message = "trial_days and start_at both say when the first payment is due: give one of them"
            raise InvalidRequest(message, param="start_at")
        if start_at is not None or trial_days == 0:
            await self._refuse_trial_of(plan_id, "trial_days" if start_at is None else "start_at")
        body = requests.subscription_request(
            customer_id=customer_id,
            plan_id=plan_id,
            success_url=success_url,
            cancel_url=cancel_url,
            quantity=quantity,
            trial_days=trial_days,
            start_at=start_at,
            email=email,
            now=self._api.now(),
        )
        session = await self._subscriptions.start(body, key)
        return attrs.evolve(session, metadata=metadata, customer_id=session.customer_id or customer_id)

    async def _refuse_trial_of(self, plan_id: str, param: str) -> None:
        """A trial cycle of a plan cannot be left out of a subscription.

        Raises:
            InvalidRequest: the plan has one.
        """
        plan = await self._plans.find(plan_id)
        if plan is not None and plan.trial_days:
            message = (
                f"PayPal's trial is a cycle of the plan (this one has {plan.trial_days} days), which {param}= cannot "
                "take away: sell a plan without a trial"
            )
            raise InvalidRequest(message, param=param)

    async def pay(
        self,
        amount: Money,
        success_url: str,
        cancel_url: str,
        customer_id: str | None,
        description: str | None,
        metadata: Mapping[str, str] | None,
        capture: bool,
        key: str,
    ) -> CheckoutSession:
        """Create an order that waits for the payer's consent."""
        body = requests.order_request(
            amount,
            capture=capture,
            customer_id=customer_id,
            description=description,
            invoice_id=key,
            source=requests.wallet_source(success_url, cancel_url),
        )
        session = await self._api.create(ORDERS, body, key, lambda data: _order_session(data, amount))
        return attrs.evolve(session, metadata=metadata, customer_id=session.customer_id or customer_id)

    async def find(self, session_id: str) -> CheckoutSession | None:
        """Read the session of any kind: ``I-...`` is a subscription's, everything else an order's or a setup token's."""
        if session_id.startswith("I-"):
            subscription = await self._subscriptions.read(session_id)
            return wire.subscription_session_from(subscription) if subscription is not None else None
        order = await self._api.get(f"{ORDERS}{path_of(session_id)}", named=session_id)
        return await self._vault.session(session_id) if order is None else orders.order_session_from(order)


def _order_session(data: JsonObject, amount: Money) -> CheckoutSession:
    if not any("amount" in unit for unit in children(data, "purchase_units")):
        data = {**data, "purchase_units": [{"amount": v2_amount(amount)}]}
    session = orders.order_session_from(data)
    if session.url is None and session.status in {CheckoutStatus.OPEN, CheckoutStatus.UNKNOWN}:
        message = "it holds no link for the payer to approve"
        raise InvalidResponse(message)
    if orders.payment_from_order(data).amount != amount:
        message = "it is of another amount than was asked for"
        raise InvalidResponse(message)
    return session
