"""Square's stand-in server: an account in this process, and what a test can do with it.

It simulates what Square documents, and what others found out about it. What it does not simulate it refuses, and it has never
been compared with a live account.
"""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from ..messages import Delivery
from ..shapes import sendable
from . import billing, disputes, links, refunds
from .cards import new_card
from .catalog import shown_object
from .clock import advance_to
from .events import delivery_of
from .lifecycle import next_turn, shown
from .locations import new_location
from .seller import SquareSeller
from .world import JSON, Variants, World

__all__ = ["SquareStandIn"]

_MERCHANT = "MSTANDIN"
_DECIDED: Mapping[bool | None, str] = {True: "WON", False: "LOST", None: "INQUIRY_CLOSED"}


class SquareStandIn(SquareSeller):
    """A Square account in this process.

    Args:
        access_token: the account's own token.
        signature_key: signs the deliveries.
        webhook_url: where deliveries go; it is a part of what is signed.
        oauth_token: a token that the seller granted by OAuth, which may do less; None: there is none.
        location_id: of the main location.
        currency: of the main location: every amount must be in it.
        timezone: of the main location: its days are those of subscriptions.
        now: the simulated time to begin with; an aware datetime. It moves only by :meth:`advance` and :meth:`renew`.
        largest_page: how many objects a page of a list holds at most: a small number lets few objects fill many pages.
        sandbox: whether addresses and deliveries are those of Square's sandbox.
        variants: what Square does in one way or another, and its documentation does not say; None: the usual.
        clock: the real time; signatures of Square's hold none.
    """

    def __init__(
        self,
        access_token: str = "standin-token",  # noqa: S107 - not a secret: nothing but this object accepts it
        signature_key: str = "standin-signature-key",
        webhook_url: str = "https://app.test/webhooks/square",
        *,
        oauth_token: str | None = None,
        location_id: str = "LSTANDIN",
        currency: str = "USD",
        timezone: str = "America/Los_Angeles",
        now: datetime | None = None,
        largest_page: int = 1000,
        sandbox: bool = True,
        variants: Variants | None = None,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        world = World(now or datetime.now(UTC), _MERCHANT, sandbox, largest_page, variants or Variants())
        new_location(world, location_id, name="Stand-in", currency=currency, timezone=timezone, active=True)
        super().__init__(access_token, oauth_token, world, clock=clock)
        self.signature_key = signature_key
        self.webhook_url = webhook_url
        self.location_id = location_id

    # --- what a test can look at ---------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self._world.now

    @property
    def variants(self) -> Variants:
        """What Square does in one way or another: they can be changed at any time."""
        return self._world.variants

    def objects(self, kind: str) -> list[Mapping[str, object]]:
        """Return all objects of a kind, oldest first, as the API sends them.

        Args:
            kind: ``customer``, ``card``, ``payment``, ``refund``, ``payment_link``, ``order``, ``subscription`` (with its
                actions), ``invoice``, ``catalog``, ``location``, ``event``.
        """
        with self._lock:
            return [self._shown(kind, row) for row in self._world.rows(kind) if "_merged_into" not in row]

    def money_taken(self, *, customer: str | None = None) -> int:
        """What was captured and not given back, in the smallest unit of the main location's currency.

        Args:
            customer: the id of the profile that paid; None: everybody.
        """
        with self._lock:
            payments = self._world.all(
                "payment", lambda row: row["status"] == "COMPLETED" and customer in {None, row.get("customer_id")}
            )
            ids = {payment["id"] for payment in payments}
            given = self._world.all("refund", lambda row: row["status"] == "COMPLETED" and row["payment_id"] in ids)
            taken = sum(int(payment["total_money"]["amount"]) for payment in payments)
            return taken - sum(int(refund["amount_money"]["amount"]) for refund in given)

    def redeliver(self, event_id: str, *, reason: str = "http_timeout") -> None:
        """Put an event that was delivered before into the outbox again, as after a failed delivery.

        Args:
            event_id: of the event.
            reason: ``http_timeout``, ``http_error``, ``ssl_error`` or ``other_error``.

        Raises:
            ValueError: there is no such event.
        """
        with self._lock:
            self._need("event", event_id)["_reason"] = reason
            super().redeliver(event_id)

    # --- what a test can do: customers and their banks -----------------------------------------------------------

    def add_payment_method(
        self, customer_id: str, *, brand: str = "VISA", last4: str = "1111", declines: str | None = None
    ) -> str:
        """Play the customer whose card is kept on file.

        Args:
            customer_id: the id of the profile.
            brand: of the card.
            last4: of its number.
            declines: the code of every payment with it, for example ``GENERIC_DECLINE``.

        Returns:
            The card's id.
        """
        with self._lock:
            owner = str(self._world.need("customer", customer_id)["id"])
            return str(new_card(self._world, owner, brand=brand, last4=last4, declines=declines)["id"])

    def complete_checkout(
        self,
        session_id: str,
        *,
        phone: str | None = None,
        as_new_customer: bool | None = None,
        capture: bool = True,
        traceable: bool = True,
        declines: str | None = None,
        gift_card: int = 0,
    ) -> Mapping[str, object] | None:
        """Play the buyer who pays on a payment link's page, or on the page of a subscription's first invoice.

        The buyer of a link becomes the profile with the phone number, or a new one: whatever customer the link was made for. Of
        a link for a plan comes a subscription, unless ``variants.links_subscribe`` is False, as in Square's sandbox.

        Args:
            session_id: of the link, the invoice or the subscription. What follows is for links only.
            phone: what the buyer types; None: what the link filled in, or else always the same number.
            as_new_customer: True: the buyer is new to Square; False: Square knows the buyer; None: as configured.
            capture: whether the payment is taken at once; otherwise it is only authorized.
            traceable: whether the order of the subscription's first invoice names the payment. It is not known whether Square
                does that; without it, only the time tells which subscription came of which link.
            declines: the code of every later payment with the buyer's card.
            gift_card: how much a gift card pays first, as a payment of its own; the card pays the rest.

        Returns:
            The payment with the card, ``FAILED`` if the bank refused: then the page can be tried again. None: the plan begins
            with a free phase, and nothing was paid.

        Raises:
            ValueError: the page was paid or left already, or Square knows no such buyer.
        """
        with self._lock:
            link = self._page(session_id)
            if link is None:
                return self.pay_invoice(session_id)
            payment = links.buy(
                self._world,
                link,
                phone=phone,
                as_new_customer=as_new_customer,
                capture=capture,
                traceable=traceable,
                declines=declines,
                gift_card=gift_card,
            )
            return None if payment is None else dict(sendable(payment))

    def returned_with(self, session_id: str) -> Mapping[str, str]:
        """What Square adds to the URL to which the buyer of a link comes back; in the sandbox nothing."""
        with self._lock:
            link = self._world.need("payment_link", session_id)
            if self._world.sandbox or "_paid_on" not in link:
                return {}
            return {"orderId": link["_paid_on"], "transactionId": link["_paid_on"]}

    def abandon_checkout(self, session_id: str) -> Mapping[str, object]:
        """Play the buyer who never returns. Square sends no event, and keeps the page."""
        with self._lock:
            page = self._page(session_id)
            kind = "invoice" if self._world.get("invoice", session_id) is not None else "subscription"
            asked = self._need(kind, session_id) if page is None else page
            asked["_abandoned"] = True
            return dict(sendable(asked))

    def _page(self, session_id: str) -> JSON | None:
        for kind in ("payment_link", "invoice", "subscription"):
            found = self._world.get(kind, session_id)
            if found is not None and found.get("_abandoned"):
                message = "the buyer has left this page"
                raise ValueError(message)
        return self._world.get("payment_link", session_id)

    def pay_outstanding(self, subscription_id: str) -> Mapping[str, object]:
        """Play the customer who pays the open invoices of a subscription on their pages, oldest first.

        Returns:
            The subscription.

        Raises:
            ValueError: nothing is owed.
        """
        with self._lock:
            subscription = self._world.need("subscription", subscription_id)
            invoices = [self._world.need("invoice", each) for each in reversed(subscription.get("invoice_ids", []))]
            owed = [invoice for invoice in invoices if billing.is_open(invoice)]
            if not owed:
                message = "the subscription owes nothing"
                raise ValueError(message)
            for invoice in owed:
                billing.pay_invoice(self._world, invoice, links.CARD)
            return self._shown("subscription", subscription)

    def pay_invoice(self, invoice_id: str, *, amount: int | None = None) -> Mapping[str, object]:
        """Play the customer who pays an invoice on its page.

        Args:
            invoice_id: of the invoice; or of a subscription, for its newest one.
            amount: how much of it; None: all that is due.

        Returns:
            The payment, ``FAILED`` if the bank refused.

        Raises:
            ValueError: there is nothing to pay.
        """
        with self._lock:
            subscription = self._world.get("subscription", invoice_id)
            identifier = subscription["invoice_ids"][0] if subscription is not None else invoice_id
            invoice = self._world.need("invoice", identifier)
            return dict(sendable(billing.pay_invoice(self._world, invoice, links.CARD, amount)))

    def decline_next_payment(
        self, code: str = "GENERIC_DECLINE", *, customer_id: str | None = None, times: int = 1
    ) -> None:
        """Play the bank that declines a payment, a renewal or a page.

        Args:
            code: Square's word: https://developer.squareup.com/docs/payments-api/error-codes.
            customer_id: the id of the profile that pays; None: any.
            times: how often.
        """
        with self._lock:
            self._world.declines += [(code, customer_id)] * times

    def delay_next_refund(self, *, times: int = 1) -> None:
        """Do nothing: every refund at Square is pending, and without :meth:`settle_refund` it succeeds after a day."""

    def settle_refund(self, refund_id: str, *, succeeded: bool = True) -> Mapping[str, object]:
        """Play the bank that decides about a pending refund.

        Returns:
            The refund.

        Raises:
            ValueError: it is not pending.
        """
        with self._lock:
            refund = self._need("refund", refund_id)
            if refund["status"] != "PENDING":
                message = f"the refund is {refund['status']}: the bank has decided"
                raise ValueError(message)
            refunds.settle(self._world, refund, succeeded=succeeded)
            return self._shown("refund", refund)

    def open_dispute(
        self, payment_id: str, *, amount: int | None = None, reason: str = "NO_KNOWLEDGE", inquiry: bool = False
    ) -> Mapping[str, object]:
        """Play the cardholder's bank that wants the money of a payment back.

        Args:
            payment_id: of the payment.
            amount: how much, in the smallest unit; None: all.
            reason: Square's word for why.
            inquiry: only ask, and take no money yet.

        Returns:
            The dispute.

        Raises:
            ValueError: the payment has not taken any money.
        """
        with self._lock:
            payment = self._need("payment", payment_id)
            return dict(sendable(disputes.open_dispute(self._world, payment, amount, reason, inquiry=inquiry)))

    def move_dispute(self, dispute_id: str, state: str) -> Mapping[str, object]:
        """Let a dispute come into another of Square's states, for example ``PROCESSING`` or ``EVIDENCE_REQUIRED``.

        Returns:
            The dispute.

        Raises:
            ValueError: it is over already.
        """
        with self._lock:
            return dict(sendable(disputes.move(self._world, self._need("dispute", dispute_id), state)))

    def decide_dispute(self, dispute_id: str, *, won: bool | None) -> Mapping[str, object]:
        """Play the bank that decides.

        Args:
            dispute_id: of the dispute.
            won: by the seller; None: it was an inquiry, and is closed.

        Returns:
            The dispute.

        Raises:
            ValueError: it is over already.
        """
        return self.move_dispute(dispute_id, _DECIDED[won])

    # --- what a test can do: time --------------------------------------------------------------------------------

    def expire_cursors(self) -> None:
        """Let all cursors become too old: lists have to be begun anew."""
        with self._lock:
            self._world.cursors_since = self._world.now

    # --- what the frame asks -------------------------------------------------------------------------------------

    def _shown(self, kind: str, row: JSON) -> JSON:
        if kind == "subscription":
            row = shown({**row, "_unseen": 0}, actions=True)
        elif kind == "catalog":
            row = shown_object(self._world, row)
        found: JSON = sendable(row)
        return found

    def _signed(self, event: JSON, at: datetime) -> Delivery:
        return delivery_of(
            event,
            self.signature_key,
            self.webhook_url,
            sandbox=self._world.sandbox,
            retry=event.get("_retry", 0),
            reason=event.get("_reason", ""),
        )

    def _again(self, event: JSON) -> JSON:
        event["_retry"] = event.get("_retry", 0) + 1
        return dict(event)

    def _tell(self, name: str, about: JSON) -> None:
        self._world.tell(name, about)

    def _advance_to(self, until: datetime) -> None:
        advance_to(self._world, until)

    def _next_turn(self, subscription: JSON) -> datetime | None:
        return next_turn(subscription)
