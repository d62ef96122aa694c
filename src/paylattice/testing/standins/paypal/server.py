"""PayPal's stand-in server: an account in this process, and what a test can do with it.

It simulates what PayPal documents. What it does not simulate it refuses, and it has never been compared with a live account.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from ..messages import Delivery
from . import billing, orders
from .catalog import add_plan
from .dispatch import PayPalRequests
from .notifications import delivery_of
from .signing import authority
from .subscriptions import agree, agree_to_revision
from .vault import new_token
from .world import HOST, JSON, World, sendable

__all__ = ["PayPalStandIn"]

_PRODUCT = "PROD-STANDIN"


class PayPalStandIn(PayPalRequests):
    """A PayPal account in this process.

    Args:
        client_id: the only one that is accepted.
        client_secret: of it.
        webhook_id: of the webhook that deliveries are signed for.
        now: the simulated time to begin with; an aware datetime. It moves only by :meth:`advance` and :meth:`renew`.
        largest_page: how many objects a page of a list holds at most: a small number lets few objects fill many pages.
        token_lifetime: seconds that an access token lives.
        certificates: the address that deliveries name for their certificate, without a path.
        clock: the time that deliveries are signed with; None: the real one.
    """

    def __init__(
        self,
        client_id: str = "standin",
        client_secret: str = "standin-secret",  # noqa: S107 - not a secret: nothing but this object accepts it
        webhook_id: str = "STANDINWEBHOOK",
        *,
        now: datetime | None = None,
        largest_page: int = 20,
        token_lifetime: int = 32_400,
        certificates: str = HOST,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        super().__init__(client_id, client_secret, token_lifetime, World(now or datetime.now(UTC), largest_page))
        self.webhook_id = webhook_id
        self.certificates = certificates
        self._clock = clock

    # --- what a test can look at ---------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self._world.now

    @property
    def trust_store(self) -> str:
        """The authority behind the signing certificate, as PEM: ``PayPalConfig(trust_store=...)``."""
        return authority().root.decode("ascii")

    def objects(self, kind: str) -> list[Mapping[str, object]]:
        """All objects of a kind, oldest first.

        Args:
            kind: ``plan``, ``subscription``, ``sale``, ``order``, ``authorization``, ``capture``, ``refund``, ``token``, ...
        """
        with self._lock:
            return [sendable(found) for found in self._world.all(kind)]

    def snapshot(self) -> Mapping[str, Sequence[Mapping[str, object]]]:
        """All objects by kind, but for events: equal to a later one if nothing took effect in between."""
        with self._lock:
            return {kind: self.objects(kind) for kind in self._world.kinds if kind != "event"}

    def deliveries(self) -> list[Delivery]:
        """The webhooks that wait, signed as of now; they leave the outbox."""
        with self._lock:
            events, self._world.outbox = self._world.outbox, []
        at = self._clock() if self._clock else datetime.now(UTC)
        return [delivery_of(event, self.webhook_id, at, self.certificates) for event in events]

    # --- what a test can do --------------------------------------------------------------------------------------

    def add_plan(
        self,
        plan_id: str,
        amount: str,
        currency: str = "USD",
        *,
        interval: str = "MONTH",
        interval_count: int = 1,
        trial_days: int | None = None,
        total_cycles: int = 0,
        quantity_supported: bool = True,
        failure_threshold: int = 2,
    ) -> str:
        """Be the merchant who makes a plan.

        Args:
            plan_id: what checkout takes; PayPal's own begin with ``P-``.
            amount: per unit and period, as PayPal writes it: ``"19.00"``.
            currency: in which.
            interval: ``DAY``, ``WEEK``, ``MONTH`` or ``YEAR``.
            interval_count: how many intervals make a period.
            trial_days: a free trial before.
            total_cycles: after how many periods it is over; 0: never.
            quantity_supported: whether it has quantities.
            failure_threshold: after how many failed payments it is suspended; 0: never.

        Returns:
            The plan's id.
        """
        price = {"fixed_price": {"currency_code": currency, "value": amount}}
        regular: JSON = {
            "pricing_scheme": price,
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
        with self._lock:
            if self._world.get("product", _PRODUCT) is None:
                self._world.add("product", "", {"name": "Product", "type": "SERVICE"}, known_as=_PRODUCT)
            made = add_plan(
                self._world,
                {
                    "product_id": _PRODUCT,
                    "name": plan_id,
                    "billing_cycles": [trial, regular] if trial_days else [regular],
                    "payment_preferences": {"payment_failure_threshold": failure_threshold},
                    "quantity_supported": quantity_supported,
                },
                plan_id,
            )
            return str(made["id"])

    def complete_checkout(self, session_id: str) -> Mapping[str, object]:
        """Be the payer who agrees on PayPal's page: to a subscription, or to an order.

        Returns:
            The subscription, or the order.

        Raises:
            ValueError: nobody is asked.
        """
        with self._lock:
            subscription = self._world.get("subscription", session_id)
            if subscription is not None:
                agree(self._world, subscription)
                return dict(sendable(subscription))
            order = self._world.need("order", session_id)
            orders.approve(self._world, order)
            return dict(sendable(order))

    def approve_revision(self, subscription_id: str) -> Mapping[str, object]:
        """Be the payer who agrees to another plan or quantity."""
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            agree_to_revision(self._world, subscription)
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
    ) -> str:
        """Be the customer who saves a payment method in the vault.

        Args:
            customer: the vault's id of the customer.
            kind: ``card``, ``paypal`` or ``venmo``.
            brand: of the card.
            last4: of its number.
            declines: the issue of every payment with it, for example ``INSTRUMENT_DECLINED``.
            requires_action: whether the payer must act at every payment with it.

        Returns:
            The token.
        """
        with self._lock:
            token = new_token(
                self._world,
                customer,
                kind=kind,
                last4=last4,
                brand=brand,
                declines=declines,
                requires_action=requires_action,
            )
            return str(token["id"])

    def decline_next_payment(self, issue: str = "INSTRUMENT_DECLINED", *, times: int = 1) -> None:
        """Be the bank that says no, to an order or a renewal. ``"PENDING"``: the capture is held for review.

        Args:
            issue: PayPal's word.
            times: how often.
        """
        with self._lock:
            self._world.declines += [issue] * times

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

    def advance(self, *, days: float = 0, hours: float = 0) -> datetime:
        """Let time pass, with everything that is due.

        Returns:
            The new simulated time.
        """
        with self._lock:
            billing.advance_to(self._world, self._world.now + timedelta(days=days, hours=hours))
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
                billing.advance_to(self._world, when)
            return dict(sendable(subscription))
