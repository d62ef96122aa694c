"""PayPal's stand-in server: an account in this process, and what a test can do with it.

It simulates what PayPal documents. What it does not simulate it refuses, and it has never been compared with a live account.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from ..messages import Delivery
from . import billing, orders, payments, subscriptions, vault
from .access import Tokens
from .catalog import add_plan, add_product
from .invoices import add_invoice
from .money import PayPalMoney
from .notifications import delivery_of
from .refusals import body_of, conflict
from .sales import given_back
from .signing import authority
from .world import HOST, JSON, World, sendable

__all__ = ["PayPalStandIn"]

_PRODUCT = "STANDIN-PRODUCT"


class PayPalStandIn(PayPalMoney):
    """A PayPal account in this process.

    Args:
        client_id: the only one that is accepted.
        client_secret: of it.
        webhook_id: of the webhook that deliveries are signed for.
        now: the simulated time to begin with; an aware datetime. It moves only by :meth:`advance` and :meth:`renew`, and with
            it the lives of tokens, orders and idempotency keys.
        largest_page: how many objects a page of a list holds at most: a small number lets few objects fill many pages.
        retry_days: when a failed payment of a subscription is tried again, in days after the attempt before. Only after the
            last attempt does it count as a failed payment. ``()``: at once.
        token_lifetime: seconds that an access token lives.
        certificates: the address that deliveries name for their certificate, without a path; None: the stand-in's own while it
            serves on 127.0.0.1, which ``PayPalConfig(base_url=...)`` allows, else PayPal's.
        strict_keys: refuse an idempotency key that comes again with another body. PayPal documents only that it answers with
            what was made under the key: False does that.
        clock: the time that deliveries are signed with; None: the real one.
    """

    def __init__(
        self,
        client_id: str = "standin",
        client_secret: str = "standin-secret",  # noqa: S107 - not a secret: nothing but this object accepts it
        webhook_id: str = "STANDINWEBHOOK",
        *,
        now: datetime | None = None,
        largest_page: int = 300,
        retry_days: Sequence[int] = (5, 5),
        token_lifetime: int = 32_400,
        certificates: str | None = None,
        strict_keys: bool = True,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        begin = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
        super().__init__(
            Tokens(client_id, client_secret, token_lifetime),
            World(begin, webhook_id, largest_page, tuple(retry_days)),
            strict_keys=strict_keys,
        )
        self.certificates = certificates
        self._served: str | None = None
        self._clock = clock

    # --- what a test can look at ---------------------------------------------------------------------------------

    @property
    def client_id(self) -> str:
        """The only one that is accepted."""
        return self._tokens.client_id

    @property
    def client_secret(self) -> str:
        """Of the client id."""
        return self._tokens.client_secret

    @property
    def webhook_id(self) -> str:
        """Of the webhook that deliveries are signed for."""
        return self._world.webhook_id

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self._world.now

    @property
    def tokens_granted(self) -> int:
        """How many access tokens were asked for, and granted."""
        return self._tokens.granted

    @property
    def trust_store(self) -> str:
        """The authority behind the signing certificate, as PEM.

        ``PayPalConfig(trust_store=...)`` lets deliveries be verified with it. Without, the stand-in is asked about each, as
        PayPal is where its certificate leads to no trusted root; with ``verify="offline"`` it is needed.
        """
        return authority().root.decode("ascii")

    def objects(self, kind: str) -> list[Mapping[str, object]]:
        """All objects of a kind, oldest first, with all that is known of them.

        Args:
            kind: ``product``, ``plan``, ``subscription``, ``sale``, ``order``, ``authorization``, ``capture``, ``refund``,
                ``token``, ``setup_token``, ``invoice``, ``event``.
        """
        with self._lock:
            return [sendable(found) for found in self._world.all(kind)]

    def snapshot(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """All objects by kind, but for events: equal to a later one if nothing took effect in between."""
        with self._lock:
            return {kind: self.objects(kind) for kind in self._world.kinds if kind != "event"}

    def count(self, kind: str) -> int:
        """How many objects of a kind were ever made, deleted ones too."""
        with self._lock:
            return self._world.count(kind)

    def money_taken(self, currency: str = "USD") -> Decimal:
        """What was captured, and paid for subscriptions, and not given back.

        Args:
            currency: in which.
        """
        with self._lock:
            taken = Decimal(0)
            for capture in self._world.all("capture"):
                if capture["amount"]["currency_code"] == currency and capture["status"] not in {"PENDING", "DECLINED"}:
                    taken += Decimal(capture["amount"]["value"]) - given_back(self._world, capture)
            for sale in self._world.all("sale"):
                if sale["amount"]["currency"] == currency:
                    taken += Decimal(sale["amount"]["total"]) - given_back(self._world, sale)
            return taken

    def deliveries(self, *, at: datetime | None = None) -> list[Delivery]:
        """The webhooks that wait, signed; they leave the outbox.

        Args:
            at: the time of the signature; None: now, by the clock that the stand-in was made with.
        """
        with self._lock:
            events, self._world.outbox = self._world.outbox, []
        when = at or (self._clock() if self._clock else datetime.now(UTC))
        return [
            delivery_of(event, self.webhook_id, when, self.certificates or self._served or HOST) for event in events
        ]

    @contextmanager
    def serve(self, port: int = 0) -> Generator[str]:
        """Serve on 127.0.0.1 until the end of the ``with`` block, which gets the base URL; deliveries name it meanwhile.

        Args:
            port: 0: a free one.
        """
        with super().serve(port) as base:
            self._served = base
            try:
                yield base
            finally:
                self._served = None

    # --- the merchant --------------------------------------------------------------------------------------------

    def add_plan(
        self,
        plan_id: str,
        amount: str,
        currency: str = "USD",
        *,
        interval: str = "MONTH",
        interval_count: int = 1,
        trial_days: int | None = None,
        trial_amount: str | None = None,
        total_cycles: int = 0,
        setup_fee: str | None = None,
        quantity_supported: bool = True,
        failure_threshold: int = 2,
        product: str | None = None,
    ) -> str:
        """Be the merchant who makes a plan.

        Args:
            plan_id: what checkout takes; PayPal's own begin with ``P-``.
            amount: per unit and period, as PayPal writes it: ``"19.00"``.
            currency: in which.
            interval: ``DAY``, ``WEEK``, ``MONTH`` or ``YEAR``.
            interval_count: how many intervals make a period.
            trial_days: a trial before.
            trial_amount: what the trial costs; None: nothing.
            total_cycles: after how many periods it is over; 0: never.
            setup_fee: charged once, at the start.
            quantity_supported: whether it has quantities.
            failure_threshold: after how many failed payments it is suspended; 0: never.
            product: the id of its product: a subscription can change only between plans of one product.

        Returns:
            The plan's id.
        """
        regular: JSON = {
            "pricing_scheme": {"fixed_price": {"currency_code": currency, "value": amount}},
            "frequency": {"interval_unit": interval, "interval_count": interval_count},
            "tenure_type": "REGULAR",
            "sequence": 2 if trial_days else 1,
            "total_cycles": total_cycles,
        }
        trial: JSON = {
            "frequency": {"interval_unit": "DAY", "interval_count": trial_days},
            "tenure_type": "TRIAL",
            "sequence": 1,
            "total_cycles": 1,
        }
        if trial_amount is not None:
            trial["pricing_scheme"] = {"fixed_price": {"currency_code": currency, "value": trial_amount}}
        preferences: JSON = {"payment_failure_threshold": failure_threshold}
        if setup_fee is not None:
            preferences["setup_fee"] = {"currency_code": currency, "value": setup_fee}
        product_id = product or _PRODUCT
        with self._lock:
            if self._world.get("product", product_id) is None:
                add_product(self._world, {"name": product_id, "type": "SERVICE"}, product_id)
            sent: JSON = {
                "product_id": product_id,
                "name": plan_id,
                "billing_cycles": [trial, regular] if trial_days else [regular],
                "payment_preferences": preferences,
                "quantity_supported": quantity_supported,
            }
            return str(add_plan(self._world, sent, plan_id)["id"])

    def add_invoice(self, recipient: str, amount: str, currency: str = "USD", *, status: str = "SENT") -> str:
        """Be the merchant who writes an invoice with PayPal's Invoicing.

        Args:
            recipient: an e-mail address.
            amount: as PayPal writes it.
            currency: in which.
            status: PayPal's word.

        Returns:
            The invoice's id.
        """
        with self._lock:
            money = {"currency_code": currency, "value": amount}
            return str(add_invoice(self._world, recipient, money, status)["id"])

    # --- the payer -----------------------------------------------------------------------------------------------

    def complete_checkout(self, session_id: str) -> Mapping[str, object]:
        """Be the payer who agrees on PayPal's page: to a subscription, to an order, or to saving a payment method.

        Args:
            session_id: of the subscription, the order or the setup token.

        Returns:
            It, as it is then.

        Raises:
            ValueError: nobody is asked.
        """
        with self._lock:
            subscription = self._world.get("subscription", session_id)
            if subscription is not None:
                subscriptions.agree(self._world, subscription)
                return dict(sendable(subscription))
            setup = self._world.get("setup_token", session_id)
            if setup is not None:
                vault.agree_to_save(self._world, setup)
                return dict(sendable(setup))
            order = self._world.need("order", session_id)
            orders.approve(self._world, order)
            return dict(sendable(order))

    def approve_revision(self, subscription_id: str) -> Mapping[str, object]:
        """Be the payer who agrees to another plan or quantity.

        Raises:
            ValueError: nobody is asked.
        """
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            subscriptions.agree_to_revision(self._world, subscription)
            return dict(sendable(subscription))

    def add_payment_method(
        self,
        customer: str,
        *,
        kind: str = "card",
        brand: str = "visa",
        last4: str = "4242",
        declines: str | None = None,
        requires_action: bool = False,
        merchant_customer: str | None = None,
    ) -> str:
        """Be the customer who saves a payment method in the vault.

        Args:
            customer: the vault's id of the customer.
            kind: ``card``, ``paypal`` or ``venmo``.
            brand: of the card.
            last4: of its number.
            declines: the issue of every payment with it, for example ``INSTRUMENT_DECLINED``.
            requires_action: whether the payer must act at every payment with it.
            merchant_customer: the application's own id of the customer.

        Returns:
            The token.
        """
        with self._lock:
            details: JSON = {"name": "Pat Payer", "brand": brand.upper(), "last_digits": last4, "expiry": "2031-12"}
            owner = {"id": customer}
            if merchant_customer is not None:
                owner["merchant_customer_id"] = merchant_customer
            token = vault.new_token(
                self._world,
                owner,
                kind,
                details if kind == "card" else vault.wallet(self._world),
                declines=declines,
                requires_action=requires_action,
            )
            return str(token["id"])

    # --- the bank, and PayPal ------------------------------------------------------------------------------------

    def decline_next_payment(self, issue: str = "INSTRUMENT_DECLINED", *, times: int = 1) -> None:
        """Be the bank that says no, to an order, an authorization's capture, or a renewal.

        Args:
            issue: PayPal's word. ``"PENDING"``: the money is held for review, see :meth:`settle_payment`; ``"DECLINED"``: the
                order completes with a capture that was declined, as it does for cards. Of an order with several purchase
                units each is a payment of its own.
            times: how often.
        """
        with self._lock:
            self._world.declines += [issue] * times

    def settle_payment(self, payment_id: str, *, succeeded: bool = True) -> None:
        """End the review of a payment that is pending.

        Args:
            payment_id: of the capture, or of its order.
            succeeded: whether the money is released; otherwise the payment is denied.

        Raises:
            ValueError: it is not pending.
        """
        with self._lock:
            order = self._world.get("order", payment_id)
            captures = (
                [self._world.need("capture", payment_id)] if order is None else payments.payments_of(order, "captures")
            )
            for capture in [each for each in captures if each["status"] == "PENDING"] or captures:
                payments.settle(self._world, capture, succeeded=succeeded)

    def fail_payments(self, subscription_id: str, *, fail: bool = True) -> None:
        """Let every payment of a subscription fail from now on, or no longer."""
        with self._lock:
            (self._world.failing.add if fail else self._world.failing.discard)(subscription_id)

    def pay_outstanding(self, subscription_id: str) -> None:
        """Let what a subscription owes be paid."""
        with self._lock:
            billing.pay_outstanding(self._world, self._world.need("subscription", subscription_id))

    def tell_sale_again(self, sale_id: str) -> None:
        """Tell of a sale a second time, in another event, as PayPal does when a hold is released."""
        with self._lock:
            sale = self._world.need("sale", sale_id)
            self._world.tell("PAYMENT.SALE.COMPLETED", {**sale, "payment_hold_status": "RELEASED"}, "sale", "")

    def answer_in_progress(self, *, path: str = "/", times: int = 1) -> None:
        """Answer as if the same request were still being done: it takes effect, and the answer does not tell.

        Args:
            path: only requests whose path starts like this.
            times: how many of them.
        """
        said = conflict("PREVIOUS_REQUEST_IN_PROGRESS", "A previous request on this resource is currently in progress.")
        headers = {"Paypal-Debug-Id": "standin"}
        self.faults.answer_next(409, body_of(said, "standin"), headers, path=path, times=times, after_effect=True)

    def revoke_tokens(self) -> None:
        """Let PayPal forget all access tokens: the next request is answered with 401."""
        with self._lock:
            self._tokens.revoke()

    # --- time ----------------------------------------------------------------------------------------------------

    def advance(self, *, days: float = 0, hours: float = 0) -> datetime:
        """Let time pass, with everything that is due: renewals, retries, ends of trials, authorizations that lapse.

        Returns:
            The new simulated time.
        """
        with self._lock:
            self._pass_to(self._world.now + timedelta(days=days, hours=hours))
            return self.now

    def renew(self, subscription_id: str) -> Mapping[str, object]:
        """Let time pass until the subscription's period has ended, and it is charged again, or over.

        Returns:
            The subscription.
        """
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            when = billing.period_end(subscription)
            if when is not None:
                self._pass_to(when)
            return dict(sendable(subscription))

    def _pass_to(self, when: datetime) -> None:
        billing.advance_to(self._world, when)
        payments.lapse(self._world)
