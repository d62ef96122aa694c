"""The operations, in the order of the protocol."""

import time
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import attrs

from ...errors import (
    ConfigurationError,
    Diagnosis,
    InvalidResponse,
    MalformedPayload,
    NotFound,
    PaymentError,
    UnsupportedOperation,
    VerificationUnavailable,
)
from ...event_lists import first_of
from ...events import WebhookEvent
from ...frozen import FrozenMap
from ...guard import provider_specific
from ...idempotency import new_key, sub_key
from ...jsonlike import JsonObject, children, identity, text
from ...models import (
    CheckoutSession,
    CheckoutStatus,
    Customer,
    Invoice,
    Payment,
    PaymentMethod,
    Plan,
    Refund,
    Subscription,
    SubscriptionChange,
)
from ...money import Money
from ...provider import Capability, Headers, UnsupportedReason
from ...signatures import raw_body, refusal
from ...transport.primitives import mutex
from ..base import Request
from . import orders, requests, wire
from .access import TokenCache
from .amounts import v2_amount
from .api import PayPalAPI, path_of
from .chains import require_cryptography
from .confirmation import bears_out
from .event_list import EVENTS, EVENTS_KEPT, EventList
from .events import (
    ABOUT_SUBSCRIPTIONS,
    REREAD,
    capture_path_of,
    copy_bears_out,
    event_from,
    is_proven,
    subject_of,
    with_subject,
)
from .payments import ORDERS, SALES, Payments
from .postback import PATH as POSTBACK_PATH
from .subscriptions import Subscriptions
from .transmission import Signed, transmission_from
from .webhook_check import WEBHOOKS, WebhookCheck, tried
from .webhooks import WebhookVerifier

if TYPE_CHECKING:
    from ...transport import Transport
    from .config import PayPalConfig

__all__ = ["PayPalProvider"]

_C = Capability
_LISTED: Mapping[str, str] = {"page_size": "20", "page": "1", "total_required": "true"}


class PayPalProvider(PayPalAPI):
    """PayPal.

    There are no customers at PayPal: ``create_customer`` makes an id of this library's own, which travels in the ``custom_id``
    of subscriptions and orders. A payment is known by the id of its order; the payments of subscriptions ("sales"), and
    captures and authorizations whose order is not known, by their own.

    Args:
        config: PayPal's settings; None: from the environment.
        transport: how to reach PayPal; None: one of its own, which :meth:`aclose` closes.
        tokens: access tokens, shared with other providers of the same process; None: its own.
        clock: the time: seconds since 1970, or an aware datetime.

    Raises:
        ConfigurationError: a setting is missing or wrong.
    """

    cancel_keeps_paid_period: bool = True
    browser_makes_subscriptions: bool = (
        True  # and orders: its JavaScript takes the client id, and any custom_id and price
    )
    idempotency_lifetime: timedelta = timedelta(hours=6)  # of an order; others are remembered for days
    events_kept: timedelta | None = EVENTS_KEPT
    capabilities: frozenset[Capability] = frozenset(_C) - {_C.CUSTOMERS, _C.CANCEL_AT_PERIOD_END, _C.METERED_USAGE}
    unsupported: Mapping[Capability, UnsupportedReason] = FrozenMap(
        {
            _C.CUSTOMERS: UnsupportedReason(
                "PayPal has no customers: only subscriptions, orders and vaults, each with the payer in it.",
                "Keep the customer in your own database, as BillingService does; create_customer makes an id for it.",
            ),
            _C.CANCEL_AT_PERIOD_END: UnsupportedReason(
                "PayPal ends a subscription at once, and for good.",
                "Cancel now: cancel_at of the answer is the day until which it is paid for, and access goes on until then. Or "
                "suspend it, and cancel it when the period is over.",
            ),
            _C.METERED_USAGE: UnsupportedReason(
                "PayPal's subscriptions meter no usage: they have quantities, which the payer has to agree to.",
                "Charge a saved payment method at the end of each period with create_payment.",
            ),
        }
    )

    def __init__(
        self,
        config: "PayPalConfig | None" = None,
        *,
        transport: "Transport | None" = None,
        tokens: TokenCache | None = None,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        super().__init__(config, transport=transport, tokens=tokens, clock=clock)
        if self.config.webhook_id and self.config.verify != "postback":
            require_cryptography()
        self._making = mutex()
        self._kept_verifier: WebhookVerifier | None = None

    def checkout_session_of(self, subscription_id: str) -> str:
        """A session of a subscription has the subscription's id."""
        return subscription_id

    @property
    def _events(self) -> EventList:
        return EventList(self)

    @property
    def _payments(self) -> Payments:
        return Payments(self)

    @property
    def _subscriptions(self) -> Subscriptions:
        return Subscriptions(self)

    # Customers

    async def create_customer(
        self,
        email: str,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Customer:
        """An id for a customer, made here: nothing is sent. The same key makes the same id."""
        identifier = f"cus_{sub_key(idempotency_key or new_key(), 'customer').replace('-', '')}"
        return Customer(identifier, email, name, metadata, provider=self.name)

    # Checkout

    async def create_checkout_session(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        quantity: int = 1,
        trial_days: int | None = None,
        customer_email: str | None = None,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """PayPal's page where the payer agrees to a subscription. The session has the subscription's id.

        Args:
            customer_id: kept in ``custom_id``, the one field that PayPal leaves to the application.
            plan_id: ``P-...``.
            success_url: where the payer comes back to.
            cancel_url: where the payer goes who gives up.
            metadata: PayPal cannot keep it: it is on the returned session only.
            quantity: needs a plan with ``quantity_supported``.
            trial_days: puts off the start: see :func:`~.requests.subscription_request`.
            customer_email: shown on the page. The payer may use any account.
            idempotency_key: see the class.
        """
        body = requests.subscription_request(
            customer_id=customer_id,
            plan_id=plan_id,
            success_url=success_url,
            cancel_url=cancel_url,
            quantity=quantity,
            trial_days=trial_days,
            email=customer_email,
            now=self.now(),
        )
        session = await self._subscriptions.start(body, idempotency_key or new_key())
        return attrs.evolve(session, metadata=metadata, customer_id=session.customer_id or customer_id)

    async def create_payment_session(
        self,
        amount: Money,
        success_url: str,
        cancel_url: str,
        *,
        customer_id: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        capture: bool = True,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """PayPal's page where the payer agrees to one payment. The session has the order's id, and so will the payment.

        That the payer has agreed moves no money: call :meth:`capture_payment` with the session's id when they are back, or
        at ``checkout.pending``; with ``capture=False`` first :meth:`authorize_payment`.
        """
        key = idempotency_key or new_key()
        body = requests.order_request(
            amount,
            capture=capture,
            customer_id=customer_id,
            description=description,
            invoice_id=key,
            source=requests.wallet_source(success_url, cancel_url),
        )
        session = await self.create(ORDERS, body, key, lambda data: _order_session(data, amount))
        return attrs.evolve(session, metadata=metadata, customer_id=session.customer_id or customer_id)

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        """The session of either kind: ``I-...`` is a subscription's, everything else an order's."""
        if session_id.startswith("I-"):
            return await self._subscriptions.session(session_id)
        order = await self.get(f"{ORDERS}{path_of(session_id)}", named=session_id)
        return orders.order_session_from(order) if order is not None else None

    # Subscriptions

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        """The subscription, ``I-...``; None if there is none."""
        return await self._subscriptions.find(subscription_id)

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        """The customer's subscriptions, newest first. PayPal cannot look for them: the whole account is gone through."""
        return await self._subscriptions.listed(customer_id)

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End it now, for good. ``cancel_at`` of the answer is the day until which it is paid for. Twice is no error."""
        return await self._subscriptions.cancel(subscription_id, reason)

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Another plan of the same product, or another quantity, from the next period on, once the payer agrees.

        PayPal prorates nothing: ``prorate`` makes no difference.
        """
        return await self._subscriptions.revise(subscription_id, plan_id, quantity)

    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Suspend it: nothing is charged until it is resumed."""
        return await self._subscriptions.suspend(subscription_id)

    async def resume_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Go on with a suspended one.

        One that PayPal suspended because payments failed has to be paid first: until what is owed is paid, PayPal refuses.
        """
        return await self._subscriptions.activate(subscription_id)

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> list[Invoice]:
        """The transactions of a subscription, newest first: PayPal writes no invoices for them.

        Raises:
            UnsupportedOperation: without ``subscription_id``: PayPal does not know what else is the customer's.
        """
        if subscription_id is None:
            raise UnsupportedOperation(
                reason="PayPal has no customers whose invoices could be listed.",
                alternative="Pass subscription_id=; BillingService does, for each of the organisation's subscriptions. "
                "Invoices that you wrote with PayPal's Invoicing: search_invoices(email).",
                provider=self.name,
                operation="get_invoices",
            )
        return await self._subscriptions.invoices(subscription_id, limit)

    @provider_specific(returns=Invoice, many=True)
    async def search_invoices(self, email: str, limit: int = 10) -> list[Invoice]:
        """The invoices that the merchant wrote with PayPal's Invoicing for an e-mail address. PayPal's alone.

        Args:
            email: of the recipient.
            limit: how many.
        """
        found: list[Invoice] = []
        page = 1
        while len(found) < limit:
            request = Request(
                "POST",
                "/v2/invoicing/search-invoices",
                params={"page": str(page), "page_size": "100", "total_required": "true"},
                json={"recipient_email": email},
                reads=True,
            )
            answer = await self.send(request)
            items = children(answer, "items")
            found += [wire.searched_invoice_from(item) for item in items]
            if not items or not any(text(link, "rel") == "next" for link in children(answer, "links")):
                break
            page += 1
        return sorted(found, key=lambda each: each.created_at.timestamp() if each.created_at else 0.0, reverse=True)[
            :limit
        ]

    # Payments

    async def get_payment(self, payment_id: str) -> Payment | None:
        """The payment: an order, a capture, an authorization, or a subscription's sale; None if there is none."""
        return await self._payments.find(payment_id)

    async def capture_payment(
        self, payment_id: str, amount: Money | None = None, *, idempotency_key: str | None = None
    ) -> Payment:
        """Take the money: of an order that the payer has approved, or of an authorization. Twice is no error.

        Raises:
            ActionRequired: the payer has not approved it, or has to choose another way to pay; ``url`` leads there.
            Declined: PayPal, or the payer's bank, said no.
        """
        return await self._payments.capture(payment_id, amount, idempotency_key or new_key())

    @provider_specific(returns=Payment, writes=True)
    async def authorize_payment(self, order_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Reserve the money of an order that was created with ``capture=False`` and approved. PayPal's alone.

        Args:
            order_id: the id of the payment session.
            idempotency_key: see the class.
        """
        return await self._payments.authorize(order_id, idempotency_key or new_key())

    async def cancel_payment(self, payment_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Release the money of an authorization. Twice is no error."""
        return await self._payments.cancel(payment_id, idempotency_key or new_key())

    async def create_payment(
        self,
        amount: Money,
        *,
        customer_id: str,
        payment_method_id: str,
        capture: bool = True,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Payment:
        """Charge a payment method of the vault while the payer is away.

        Args:
            amount: what to charge.
            customer_id: the customer of PayPal's vault, or the ``merchant_customer_id`` that it was saved with.
            payment_method_id: the token.
            capture: False: only reserve the money.
            description: for the payer.
            metadata: PayPal cannot keep it.
            idempotency_key: see the class.
        """
        return await self._payments.create(
            amount,
            customer_id=customer_id,
            payment_method_id=payment_method_id,
            capture=capture,
            description=description,
            key=idempotency_key or new_key(),
        )

    async def refund_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Give money back, of a payment or of a subscription's sale; None: all that is left."""
        return await self._payments.refund(payment_id, amount, reason, idempotency_key or new_key())

    async def get_payment_methods(self, customer_id: str) -> list[PaymentMethod]:
        """What is saved in the vault for a customer of the vault (PayPal's own id, not that of ``create_customer``)."""
        params = {"customer_id": customer_id, **_LISTED}
        try:
            found = [data async for data in self.pages("/v3/vault/payment-tokens", "payment_tokens", params)]
        except NotFound:
            return []
        return [attrs.evolve(wire.payment_method_from(data), customer_id=customer_id) for data in found]

    async def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete a token of the vault. Twice is no error."""
        path = f"/v3/vault{path_of('payment-tokens', payment_method_id)}"

        async def write() -> bool:
            try:
                await self.send(Request("DELETE", path))
            except NotFound:
                return True
            return True

        async def look() -> bool | None:
            return True if await self.get(path) is None else None

        await self.settle(write, look)

    # Plans and events

    async def get_plan(self, plan_id: str) -> Plan | None:
        """The plan, ``P-...``; None if there is none."""
        plan = await self.get(f"/v1/billing{path_of('plans', plan_id)}", named=plan_id, form="P-[A-Z0-9]+")
        return wire.plan_from(plan) if plan is not None else None

    async def list_plans(self) -> list[Plan]:
        """All active plans."""
        found = self.pages("/v1/billing/plans", "plans", _LISTED, headers={"Prefer": "return=representation"})
        plans = [wire.plan_from(data) async for data in found]
        return [plan for plan in plans if plan.active]

    async def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
        """Events since a time, oldest first. PayPal keeps them for about 30 days, and lists the newest first."""
        return await first_of(self._events.since(since), limit)

    async def events_since(self, since: datetime) -> AsyncGenerator[list[WebhookEvent]]:
        """All events since a time, oldest first, some at a time."""
        async for events in self._events.since(since):
            yield events

    # Webhooks

    @property
    def _verifier(self) -> WebhookVerifier:
        verifier = self._kept_verifier
        if verifier is None:
            with self._making:  # all deliveries share one: it keeps the certificates
                verifier = self._kept_verifier
                if verifier is None:
                    verifier = self._kept_verifier = WebhookVerifier(
                        self.config,
                        self.transport,
                        clock=self._clock,
                        diagnoses=self.diagnoses,
                        postback=self._post_back,
                    )
        return verifier

    @provider_specific(returns=type(None))
    async def preload_certificate(self, url: str) -> None:
        """Fetch a signing certificate before the first delivery, so that :meth:`verify_webhook_signature` can check with it.

        PayPal's alone.

        Args:
            url: the ``PAYPAL-CERT-URL`` of an earlier delivery.

        Raises:
            InvalidSignature: it is not PayPal's.
            VerificationUnavailable: it cannot be had now.
        """
        await self._verifier.preload(url)

    @provider_specific(returns=WebhookCheck)
    async def check_webhooks(self, cert_url: str | None = None) -> WebhookCheck:
        """Try out whether deliveries could be verified now; ``python -m paylattice check paypal`` shows it. PayPal's alone.

        Args:
            cert_url: the ``PAYPAL-CERT-URL`` of a delivery: without one, it cannot be told which certificate signs at present.

        Raises:
            PaymentError: PayPal cannot be asked for the webhooks.
            ConfigurationError: no webhook id is set, or something else that verifying needs is missing.
        """
        self.config.require("webhook_id")
        known: dict[str, str | None] = {}
        for webhook_id in self.config.webhook_id:
            webhook = await self.get(f"{WEBHOOKS}{path_of(webhook_id)}", named=webhook_id)
            known[webhook_id] = None if webhook is None else text(webhook, "url") or "an unknown URL"
        return await tried(self._verifier, self.config, known, cert_url)

    async def _post_back(self, content: bytes) -> JsonObject:
        headers = {"Content-Type": "application/json"}
        return await self.send(Request("POST", POSTBACK_PATH, content=content, headers=headers, reads=True))

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Check a delivery against one webhook id, with a certificate that was fetched before.

        Args:
            payload: the raw body.
            signature: all headers: PayPal signs with five of them.
            secret: the webhook id.

        Raises:
            VerificationUnavailable: the certificate is not here yet: use :meth:`parse_webhook`.
        """
        return self._verifier.verified_offline(payload, {} if isinstance(signature, str) else signature, secret)

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        """Verify a delivery, with PayPal's certificate or by asking PayPal, and read it."""
        body = raw_body(payload, self.title)
        transmission = transmission_from(headers)
        data = await self._verifier.verified(body, transmission)
        try:
            return event_from(data, self.now(), Signed(transmission, body), livemode=self.config.livemode)
        except InvalidResponse:  # well signed, and still no event
            refused = refusal(MalformedPayload, Diagnosis.BODY_NOT_AN_EVENT, sender=self.title)
        raise refused

    async def confirm_event(self, event: WebhookEvent) -> WebhookEvent:
        """The event with its sale, capture, authorization, refund, order or invoice read again from PayPal.

        Events about subscriptions stay as they are: call ``get_subscription``, as BillingService does. In the place of all
        others comes PayPal's own copy of the event.

        PayPal signs only a checksum of the body, for which whoever has seen one delivery can make another body.

        Raises:
            VerificationUnavailable: PayPal has no such object, or one in another state, or cannot be asked now.
        """
        name = event.provider_type or ""
        place = REREAD.get(name)
        if place is None:
            unproven = name not in ABOUT_SUBSCRIPTIONS and not is_proven(event) and not self.config.simulator
            return await self._copy_of(event) if unproven else event
        try:
            subject = await self.get(f"{place}{path_of(identity(subject_of(event), 'id', 'resource'))}")
            if subject is not None:
                confirmed = with_subject(event, await self._with_relations(event, subject), self.now())
                if bears_out(confirmed, event):
                    return confirmed
        except ConfigurationError:
            raise
        except PaymentError as error:
            why = error.message
        else:
            why = "PayPal has no such object, or has it in another state"
        message = f"what the delivery says cannot be confirmed: {why}. PayPal will deliver again"
        raise VerificationUnavailable(message)

    async def _copy_of(self, event: WebhookEvent) -> WebhookEvent:
        """PayPal's own copy of an event that was delivered."""
        try:
            data = await self.get(f"{EVENTS}{path_of(event.id)}")
            if data is not None:
                copy = event_from(data, self.now(), livemode=event.livemode, otherwise=event.created_at)
                if copy_bears_out(copy, event):
                    return attrs.evolve(copy, delivery_id=event.delivery_id, known_as=(event.dedupe_key,))
        except ConfigurationError:
            raise
        except PaymentError as error:
            why = error.message
        else:
            why = "PayPal has no such event yet, or has another one under this id"
        message = f"what the delivery says cannot be confirmed: {why}. PayPal will deliver again"
        raise VerificationUnavailable(message)

    async def _with_relations(self, event: WebhookEvent, subject: JsonObject) -> JsonObject:
        """The object with what it belongs to, where it does not say so itself."""
        if event.refund is None:
            return await self._with_subscription(event, subject)
        sale_id = text(subject, "sale_id")
        if sale_id is not None and text(subject, "billing_agreement_id") is None:
            sale = await self.get(f"{SALES}{path_of(sale_id)}")
            agreement = text(sale or {}, "billing_agreement_id")
            return {**subject, "billing_agreement_id": agreement} if agreement is not None else subject
        path = capture_path_of(subject)
        capture = await self.get(path) if path is not None else None
        related = capture.get("supplementary_data") if capture is not None else None
        return {**subject, "supplementary_data": related} if related is not None else subject

    async def _with_subscription(self, event: WebhookEvent, subject: JsonObject) -> JsonObject:
        """The sale with the subscription that the event says it is of, if it does not say so itself, and that is true."""
        told = event.subscription_id
        if told is None or event.payment is None or text(subject, "billing_agreement_id") is not None:
            return subject
        is_of = await self._subscriptions.has_transaction(told, event.payment.id, event.created_at)
        return {**subject, "billing_agreement_id": told} if is_of else subject


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
