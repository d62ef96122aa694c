"""A stand-in for Square and a provider in front of it, in both worlds; and requests of no library."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import httpx

from paylattice import Money
from paylattice.providers.square import API_VERSION, SquareConfig, SquareProvider
from paylattice.testing import SquareStandIn
from tests.kit import BothWorlds

NOW = datetime(2026, 10, 31, 18, 30, 15, 123456, tzinfo=UTC)
"""The 31st, in Los Angeles too."""
OK, NO = "https://app.test/ok", "https://app.test/no"
LOCATION = "LSTANDIN"


def usd(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "USD"}


class Market(BothWorlds):
    """The stand-in, a provider, and what most tests begin with."""

    def __init__(self, mode: str = "blocking", *, attempts: int = 4, **stand_in: Any) -> None:
        super().__init__(mode)
        self.server = SquareStandIn(**{"now": NOW, **stand_in})
        self.provider = self.another(attempts=attempts)
        self._keys = itertools.count(1)

    def another(self, *, attempts: int = 4, **settings: Any) -> SquareProvider:
        """Another provider for the same account, as another process would have it."""
        usual: dict[str, Any] = {
            "access_token": self.server.access_token,
            "location_id": self.server.location_id,
            "webhook_signature_key": self.server.signature_key,
            "webhook_url": self.server.webhook_url,
        }
        transport = self.transport(self.server.transport(), attempts=attempts)
        return SquareProvider(SquareConfig(**{**usual, **settings}), transport=transport, clock=self._seconds)

    def _seconds(self) -> float:
        return self.server.now.timestamp()

    @property
    def faults_of_requests(self) -> list[tuple[str, str]]:
        """The requests that Square found something wrong with."""
        return [(seen.method, seen.path) for seen in self.server.requests if seen.status in {400, 405}]

    # --- requests of no library ----------------------------------------------------------------------------------

    def raw(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        version: str | None = API_VERSION,
        **query: Any,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token or self.server.access_token}"}
        if version:
            headers["Square-Version"] = version
        with httpx.Client(transport=self.server.transport(), base_url="https://connect.squareupsandbox.com") as client:
            return client.request(method, path, headers=headers, params=query or None, json=body)

    def ok(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = self.raw(method, path, body, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str, str | None]:
        """The status, code and field of a refusal."""
        answer = self.raw(method, path, body, **query)
        assert answer.status_code >= 400, answer.text
        error = answer.json()["errors"][0]
        return answer.status_code, error["code"], error.get("field")

    def key(self) -> str:
        return f"key-{next(self._keys)}"

    # --- what is there -------------------------------------------------------------------------------------------

    def customer(self, **about: Any) -> str:
        return self.server.add_customer("ada@example.com", **about)

    def payment(self, amount: int = 1900, **more: Any) -> Any:
        """A payment, made by hand."""
        body = {"source_id": "cnon:card-nonce-ok", "idempotency_key": self.key(), "amount_money": usd(amount), **more}
        return self.ok("POST", "/v2/payments", body)["payment"]

    def link(self, plan_id: str | None = "PRO", amount: int = 1900, **more: Any) -> Any:
        """A payment link, made by hand: to a plan, or with an order."""
        if plan_id is None:
            item = {"name": "Book", "quantity": "1", "base_price_money": usd(amount)}
            body: dict[str, Any] = {"order": {"location_id": LOCATION, "line_items": [item]}}
        else:
            body = {
                "quick_pay": {"name": "Pro", "price_money": usd(amount), "location_id": LOCATION},
                "checkout_options": {"subscription_plan_id": plan_id, "redirect_url": OK},
            }
        body |= {"idempotency_key": self.key(), **more}
        return self.ok("POST", "/v2/online-checkout/payment-links", body)["payment_link"]

    def subscription(self, identifier: str) -> Any:
        return self.ok("GET", f"/v2/subscriptions/{identifier}", include="actions")["subscription"]

    def invoice(self, subscription_id: str, number: int = 0) -> Any:
        """One of a subscription's invoices; the newest is number 0."""
        identifier = self.subscription(subscription_id)["invoice_ids"][number]
        return self.ok("GET", f"/v2/invoices/{identifier}")["invoice"]

    def draft_invoice(self, customer_id: str, amount: int = 1900) -> str:
        """The id of an invoice that the seller has written, and not published."""
        item = {"name": "Boots", "quantity": "1", "base_price_money": usd(amount)}
        order = {"location_id": LOCATION, "line_items": [item], "customer_id": customer_id}
        order_id = self.ok("POST", "/v2/orders", {"order": order, "idempotency_key": self.key()})["order"]["id"]
        invoice = {
            "location_id": LOCATION,
            "order_id": order_id,
            "primary_recipient": {"customer_id": customer_id},
            "payment_requests": [{"request_type": "BALANCE", "due_date": "2030-01-01"}],
            "delivery_method": "SHARE_MANUALLY",
            "accepted_payment_methods": {"card": True},
        }
        made = self.ok("POST", "/v2/invoices", {"invoice": invoice, "idempotency_key": self.key()})
        return str(made["invoice"]["id"])

    def settle_refunds(self, *, succeeded: bool = True) -> None:
        """The bank decides about every refund that is pending."""
        for refund in self.server.objects("refund"):
            if refund["status"] == "PENDING":
                self.server.settle_refund(str(refund["id"]), succeeded=succeeded)

    def subscribed(self, plan_id: str = "PRO", amount: int = 1900, *, card: bool = True, **plan: Any) -> str:
        """A new customer's subscription."""
        if plan_id not in {found["id"] for found in self.server.objects("catalog")}:
            self.server.add_plan(plan_id, Money(amount, "USD"), **plan)
        customer = self.customer()
        return self.server.add_subscription(
            customer, plan_id, card=self.server.add_payment_method(customer) if card else None
        )

    def told(self) -> list[str]:
        """The types of the webhooks that wait."""
        return [delivery.type for delivery in self.server.deliveries()]

    def bodies(self) -> list[Any]:
        """The bodies of the webhooks that wait."""
        return [json.loads(delivery.payload) for delivery in self.server.deliveries()]
