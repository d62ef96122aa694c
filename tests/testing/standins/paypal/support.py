"""PayPal's stand-in and a provider in front of it, in both worlds, and requests of no library."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from paylattice import Money
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.testing.standins import PayPalStandIn
from tests.kit import BothWorlds

NOW = datetime(2026, 10, 31, 12, tzinfo=UTC)
OK, NO = "https://app.test/ok", "https://app.test/no"
URLS = {"return_url": OK, "cancel_url": NO}
WHOLE = {"Prefer": "return=representation"}
BASE = "https://api-m.sandbox.paypal.com"


class PayPalShop(BothWorlds):
    """The stand-in, a provider, and what most tests begin with."""

    def __init__(
        self, mode: str = "blocking", *, attempts: int = 4, stand_in: type[PayPalStandIn] = PayPalStandIn, **more: Any
    ) -> None:
        super().__init__(mode)
        self.server = stand_in(now=NOW, clock=lambda: self.server.now, **more)
        self.provider = self.another(attempts=attempts)
        self._client = httpx.Client(transport=self.server.transport(), base_url=BASE)
        self._token: str | None = None

    def another(self, *, attempts: int = 4, **settings: Any) -> PayPalProvider:
        """Another provider for the same account, as another process would have it."""
        config = PayPalConfig(
            client_id=self.server.client_id,
            client_secret=self.server.client_secret,
            webhook_id=self.server.webhook_id,
            trust_store=self.server.trust_store,
            **settings,
        )
        transport = self.transport(self.server.transport(), attempts=attempts)
        return PayPalProvider(config, transport=transport, clock=self._seconds)

    def _seconds(self) -> float:
        return self.server.now.timestamp()

    def told(self) -> list[str]:
        """The types of the webhooks that wait."""
        return [delivery.type for delivery in self.server.deliveries()]

    # --- requests of no library ----------------------------------------------------------------------------------

    def raw(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        **params: str,
    ) -> httpx.Response:
        """One request, with a token that was just granted."""
        sent = {"Authorization": f"Bearer {token or self.fresh_token()}", **(headers or {})}
        if key is not None:
            sent["PayPal-Request-Id"] = key
        return self._client.request(method, path, json=body, headers=sent, params=params or None)

    def fresh_token(self) -> str:
        answer = self._client.post(
            "/v1/oauth2/token",
            data={"grant_type": "client_credentials"},
            auth=(self.server.client_id, self.server.client_secret),
        )
        token = answer.json()["access_token"]
        assert isinstance(token, str)
        return token

    def post(self, path: str, body: object = None, *, key: str | None = None, whole: bool = True) -> Any:
        """The answer of a POST that is done."""
        answer = self.raw("POST", path, {} if body is None else body, key=key, headers=WHOLE if whole else {})
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def get(self, path: str, **params: str) -> Any:
        """The object."""
        answer = self.raw("GET", path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(
        self, path: str, body: object = None, *, method: str = "POST", key: str | None = None
    ) -> tuple[int, str]:
        """The status and the issue of a refusal."""
        answer = self.raw(method, path, body if body is not None or method == "GET" else {}, key=key)
        assert answer.is_error, answer.text
        said = answer.json()
        assert said["debug_id"] == answer.headers["paypal-debug-id"]
        details = said.get("details")
        return answer.status_code, details[0]["issue"] if details else said["name"]

    # --- what most tests begin with ------------------------------------------------------------------------------

    def plan(self, plan_id: str = "P-PRO", amount: str = "19.00", **more: Any) -> str:
        if plan_id not in {found["id"] for found in self.server.objects("plan")}:
            more |= {
                name: Money.from_decimal(more[name], "USD") for name in ("setup_fee", "trial_amount") if name in more
            }
            self.server.add_plan(plan_id, Money.from_decimal(amount, "USD"), **more)
        return plan_id

    def waiting_subscription(self, plan_id: str = "P-PRO", **more: Any) -> str:
        """A subscription that nobody has agreed to yet."""
        self.plan(plan_id)
        body = {"plan_id": plan_id, "application_context": URLS, **more}
        made = self.post("/v1/billing/subscriptions", body)
        assert made["status"] == "APPROVAL_PENDING"
        return str(made["id"])

    def subscription(self, plan_id: str = "P-PRO", **more: Any) -> str:
        """An active one."""
        identifier = self.waiting_subscription(plan_id, **more)
        self.server.complete_checkout(identifier)
        return identifier

    def subscription_data(self, identifier: str) -> Any:
        return self.get(f"/v1/billing/subscriptions/{identifier}", fields="plan,last_failed_payment")

    def order(self, value: str = "10.00", currency: str = "USD", *, intent: str = "CAPTURE", **unit: Any) -> str:
        """An order that the payer is asked to approve."""
        body = order_body(value, currency, intent=intent, **unit)
        made = self.post("/v2/checkout/orders", body, key=f"order-{len(self.server.requests)}")
        return str(made["id"])

    def approved(self, value: str = "10.00", currency: str = "USD", *, intent: str = "CAPTURE", **unit: Any) -> str:
        identifier = self.order(value, currency, intent=intent, **unit)
        self.server.complete_checkout(identifier)
        return identifier

    def captured(self, value: str = "10.00", currency: str = "USD", **unit: Any) -> str:
        """The id of a capture."""
        order = self.post(f"/v2/checkout/orders/{self.approved(value, currency, **unit)}/capture")
        return str(order["purchase_units"][0]["payments"]["captures"][0]["id"])

    def authorized(self, value: str = "10.00", currency: str = "USD") -> str:
        """The id of an authorization."""
        order = self.post(f"/v2/checkout/orders/{self.approved(value, currency, intent='AUTHORIZE')}/authorize")
        return str(order["purchase_units"][0]["payments"]["authorizations"][0]["id"])


def money(value: str, currency: str = "USD") -> dict[str, str]:
    return {"currency_code": currency, "value": value}


def order_body(value: str = "10.00", currency: str = "USD", *, intent: str = "CAPTURE", **unit: Any) -> dict[str, Any]:
    return {
        "intent": intent,
        "purchase_units": [{"amount": money(value, currency), **unit}],
        "payment_source": {"paypal": {"experience_context": URLS}},
    }


def links_of(data: Any) -> dict[str, str]:
    return {link["rel"]: link["href"] for link in data["links"]}
