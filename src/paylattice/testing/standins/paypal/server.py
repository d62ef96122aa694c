"""PayPal's stand-in server: an account in this process, and what a test can do with it.

It simulates what PayPal documents. What it does not simulate it refuses, and it has never been compared with a live account.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from ..amounts import Amount, currency_of
from ..messages import Delivery
from ..shapes import sendable
from . import billing, orders, payments, subscriptions, vault
from .access import Tokens
from .catalog import add_plan, add_product
from .money import PayPalMoney
from .notifications import delivery_of
from .refusals import body_of, conflict
from .signing import authority
from .world import HOST, JSON, World, written

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
        clock: the time that deliveries are signed with: seconds since 1970, or an aware datetime.
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
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        begin = (now or datetime.now(UTC)).astimezone(UTC).replace(microsecond=0)
        super().__init__(
            Tokens(client_id, client_secret, token_lifetime),
            World(begin, webhook_id, largest_page, tuple(retry_days)),
            clock=clock,
            strict_keys=strict_keys,
        )
        self.certificates = certificates

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

    # --- the merchant --------------------------------------------------------------------------------------------

    def add_plan(
        self,
        plan_id: str,
        amount: Amount,
        *,
        interval: str = "month",
        interval_count: int = 1,
        trial_days: int | None = None,
        metered: bool = False,
        trial_amount: Amount | None = None,
        total_cycles: int = 0,
        setup_fee: Amount | None = None,
        quantity_supported: bool = True,
        failure_threshold: int = 2,
        product: str | None = None,
    ) -> str:
        """Be the merchant who makes a plan.

        Args:
            plan_id: what checkout takes; PayPal's own begin with ``P-``.
            amount: per unit and period.
            interval: ``day``, ``week``, ``month`` or ``year``.
            interval_count: how many intervals make a period.
            trial_days: the length of a trial before.
            metered: PayPal bills no usage: only False.
            trial_amount: what the trial costs; None: nothing.
            total_cycles: after how many periods it is over; 0: never.
            setup_fee: charged once, at the start.
            quantity_supported: whether it has quantities.
            failure_threshold: after how many failed payments it is suspended; 0: never.
            product: the id of its product: a subscription can change only between plans of one product.

        Returns:
            The plan's id.

        Raises:
            ValueError: the plan is metered.
        """
        if metered:
            raise ValueError(self._has_no("plan that bills usage"))
        regular: JSON = {
            "pricing_scheme": {"fixed_price": {"currency_code": currency_of(amount), "value": written(amount)}},
            "frequency": {"interval_unit": interval.upper(), "interval_count": interval_count},
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
            trial["pricing_scheme"] = {
                "fixed_price": {"currency_code": currency_of(amount), "value": written(trial_amount)}
            }
        preferences: JSON = {"payment_failure_threshold": failure_threshold}
        if setup_fee is not None:
            preferences["setup_fee"] = {"currency_code": currency_of(amount), "value": written(setup_fee)}
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

    # --- the payer -----------------------------------------------------------------------------------------------

    def complete_checkout(self, session_id: str) -> Mapping[str, object]:
        """Play the payer who agrees on PayPal's page: to a subscription, to an order, or to saving a payment method.

        Args:
            session_id: of the subscription, the order or the setup token.

        Returns:
            It, as it is then.

        Raises:
            ValueError: nothing waits for the payer, or the payer has left.
        """
        with self._lock:
            kind, asked = self._page(session_id)
            if kind == "subscription":
                subscriptions.agree(self._world, asked)
            elif kind == "setup_token":
                vault.agree_to_save(self._world, asked)
            else:
                orders.approve(self._world, asked)
            return dict(sendable(asked))

    def abandon_checkout(self, session_id: str) -> Mapping[str, object]:
        """Play the payer who never returns. PayPal sends no event, and keeps the page for a while."""
        with self._lock:
            _, asked = self._page(session_id)
            asked["_abandoned"] = True
            return dict(sendable(asked))

    def _page(self, session_id: str) -> tuple[str, JSON]:
        for kind in ("subscription", "setup_token", "order"):
            found = self._world.get(kind, session_id)
            if found is not None:
                if found.get("_abandoned"):
                    message = "the payer has left this page"
                    raise ValueError(message)
                return kind, found
        message = f"there is no such page: {session_id}"
        raise ValueError(message)

    def approve_change(self, subscription_id: str) -> Mapping[str, object]:
        """Play the payer who agrees to another plan or quantity.

        Raises:
            ValueError: nothing waits for the payer.
        """
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            subscriptions.agree_to_revision(self._world, subscription)
            return dict(sendable(subscription))

    def require_authentication(self, *, times: int = 1) -> None:
        """Make the next payments with a saved method wait for the payer."""
        with self._lock:
            self._world.authentications += times

    def authenticate_payment(self, payment_id: str, *, succeeded: bool = True) -> Mapping[str, object]:
        """Play the payer who authenticates on PayPal's page, or does not; the merchant captures the order then.

        Args:
            payment_id: of the order.
            succeeded: whether the payer authenticated.

        Raises:
            ValueError: the order does not wait for that.
        """
        with self._lock:
            order = self._need("order", payment_id)
            if order["status"] != "PAYER_ACTION_REQUIRED":
                message = f"the order is {order['status']}: it does not wait for the payer"
                raise ValueError(message)
            if succeeded:
                orders.approve(self._world, order)
            return dict(sendable(order))

    def add_payment_method(
        self,
        customer_id: str,
        *,
        kind: str = "card",
        brand: str = "visa",
        last4: str = "4242",
        declines: str | None = None,
        requires_action: bool = False,
        merchant_customer: str | None = None,
    ) -> str:
        """Play the customer who saves a payment method in the vault.

        Args:
            customer_id: the vault's id of the customer.
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
            owner = {"id": customer_id}
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
        """Play the bank that declines an order, an authorization's capture, a renewal, or a balance.

        Args:
            issue: PayPal's word. ``"PENDING"``: the money is held for review, see :meth:`settle_payment`; ``"DECLINED"``: the
                order completes with a capture that was declined, as it does for cards. Of an order with several purchase
                units each is a payment of its own.
            times: how often.
        """
        with self._lock:
            self._world.declines += [issue] * times

    def fail_payments(self, subscription_id: str, *, fail: bool = True) -> None:
        """Let every payment of a subscription fail from now on, or no longer."""
        with self._lock:
            (self._world.failing.add if fail else self._world.failing.discard)(subscription_id)

    def pay_outstanding(self, subscription_id: str) -> Mapping[str, object]:
        """Let what a subscription owes be paid.

        Returns:
            The subscription.

        Raises:
            ValueError: nothing is owed, or the subscription was canceled.
        """
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            if subscription["status"] == "CANCELLED":
                message = "PayPal collects nothing for a subscription that was canceled"
                raise ValueError(message)
            if billing.pay_outstanding(self._world, subscription) is None:
                message = "the subscription owes nothing"
                raise ValueError(message)
            return dict(sendable(subscription))

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

    # --- what the frame asks -------------------------------------------------------------------------------------

    def _shown(self, kind: str, row: JSON) -> JSON:
        return dict(sendable(row))

    def _signed(self, event: JSON, at: datetime) -> Delivery:
        return delivery_of(event, self.webhook_id, at, self.certificates or self._served or HOST)

    def _again(self, event: JSON) -> JSON:
        return self._world.transmission(event)

    def _tell(self, name: str, about: JSON) -> None:
        self._world.tell(name, about, name.split(".")[-2].lower())

    def _advance_to(self, until: datetime) -> None:
        billing.advance_to(self._world, until)
        payments.lapse(self._world)

    def _next_turn(self, subscription: JSON) -> datetime | None:
        return billing.period_end(subscription)
