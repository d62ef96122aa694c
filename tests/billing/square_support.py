"""A shop that sells by Square's payment links, in front of the stand-in, and what others sell at the same account."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from paylattice import BillingService, CheckoutSession, InMemoryRepository, Money
from paylattice.billing.owners import RefusedSubscription
from paylattice.billing.store import Store
from paylattice.config import Secret
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.square.webhooks import HEADER, signed
from paylattice.testing import SquareStandIn
from paylattice.testing.standins.square import Variants
from paylattice.transport import AsyncTransport

from .support import PAGES

NOW = datetime(2026, 1, 10, 12, tzinfo=UTC)


async def no_wait(_seconds: float) -> None:
    pass


@attrs.frozen
class Account:
    """An account at Square that does something in one of the ways that its documentation leaves open.

    Args:
        does: see :class:`~paylattice.testing.standins.square.Variants`.
        settings: of the provider.
        locations: more of them.
    """

    does: dict[str, Any] = attrs.field(factory=dict[str, Any])
    settings: dict[str, Any] = attrs.field(factory=dict[str, Any])
    locations: tuple[str, ...] = ()

    @property
    def pays_another_order(self) -> bool:
        """Whether nothing but its note ties a link's payment to the link."""
        return bool(self.does.get("links_pay_another_order"))


VARIANTS: dict[str, Account] = {
    "the order stays open": Account(),
    "the order is completed": Account({"link_orders_complete": True}),
    "another order is paid": Account({"links_pay_another_order": True}),
    "the subscription comes late": Account({"links_subscribe_after": timedelta(minutes=30)}),
    "another order, and late": Account(
        {"links_pay_another_order": True, "links_subscribe_after": timedelta(minutes=30)}
    ),
    "the next billing date": Account({"charged_through_next": True}),
    "empty pages": Account({"empty_pages": True}),
    "without the note": Account({"links_copy_notes": False}),
    "the buyer is merged": Account({"links_merge_buyers": True}),
    "merged, and another order": Account({"links_merge_buyers": True, "links_pay_another_order": True}),
    "main of several locations": Account(settings={"location_id": "main"}, locations=("LEAST", "LWEST")),
    "keys are forgotten at once": Account({"keys_kept": timedelta()}),
}
"""What the documentation leaves open: https://developer.squareup.com/docs/checkout-api/subscription-plan-checkout. In each of
these ways something ties a link's subscription to the link."""

every_variant = pytest.mark.parametrize("account", VARIANTS.values(), ids=list(VARIANTS))


def shop_at(account: Account, *, trial: bool = False, **does: Any) -> "SquareShop":
    """A shop in production, at an account that is as given."""
    variants = Variants(**{**account.does, **does})
    settings = {"environment": "production", **account.settings}
    shop = SquareShop(trial=trial, settings=settings, sandbox=False, variants=variants)
    for location in account.locations:
        shop.account.add_location(location)
    return shop


class SquareShop:
    """Organisations that buy one plan.

    Args:
        trial: whether the plan begins with a free month.
        settings: of the provider.
        stand_in: of the account.
    """

    def __init__(self, *, trial: bool = False, settings: dict[str, Any] | None = None, **stand_in: Any) -> None:
        self.account = SquareStandIn(**{"now": NOW, **stand_in})
        about: dict[str, Any] = {"trial_periods": 1} if trial else {}
        self.plan = self.account.add_plan("Basic", Money(1000, "USD"), **about)
        self.settings = settings or {}
        self.provider = self.another()
        self.repository = InMemoryRepository()
        self.store = Store(self.repository)
        self.refused: list[RefusedSubscription] = []
        self.billing = BillingService(
            self.provider, self.repository, clock=lambda: self.account.now, on_refused=self.refused.append
        )
        self.told: list[tuple[str, str | None, str | None]] = []

    def another(self) -> SquareProvider:
        """Another provider for the same account, as another process would have it."""
        config = SquareConfig(
            **{
                "access_token": self.account.access_token,
                "webhook_signature_key": self.account.signature_key,
                "webhook_url": self.account.webhook_url,
                "location_id": self.account.location_id,
                **self.settings,
            }
        )
        transport = AsyncTransport(transport=self.account.transport(), sleep=no_wait)
        return SquareProvider(config, transport=transport, clock=lambda: self.account.now)

    def note(self, *words: str) -> None:
        """Keep who is told of which subscription by events."""
        for word in words:
            self.billing.on(word)(self._handler(word))

    def _handler(self, word: str) -> Any:
        def handler(_event: Any, context: Any) -> None:
            owner = context.customer.org_id if context.customer else None
            named = context.subscription.external_subscription_id if context.subscription else None
            self.told.append((word, owner, named))

        return handler

    async def page(self, org: str, **about: Any) -> CheckoutSession:
        return await self.billing.start_checkout(org, self.plan, email=f"{org}@example.com", **{**PAGES, **about})

    async def deliver(self) -> list[str]:
        """Deliver what Square has told. Returns what became of it."""
        hooks = self.account.deliveries()
        return [await self.billing.handle_webhook("square", hook.payload, hook.headers) for hook in hooks]

    async def tell(self, kind: str, event_id: str, subject: dict[str, Any]) -> str:
        """Deliver an event about something that is not there: what becomes of it."""
        word = kind.partition(".")[0]
        about = {"type": word, "id": subject["id"], "object": {word: subject}}
        created_at = self.account.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {"merchant_id": "MSTANDIN", "type": kind, "event_id": event_id, "created_at": created_at, "data": about}
        body = json.dumps(event).encode()
        headers = {HEADER: signed(body, Secret(self.account.signature_key), self.account.webhook_url)}
        return await self.billing.handle_webhook("square", body, headers)

    async def stranger(self, number: int, plan: str) -> list[str]:
        """Somebody subscribes elsewhere: in the dashboard, or by another application. What becomes of the events."""
        name, buyer = f"theirs_{number}", f"buyer_{number}"
        made_at = self.account.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        subscription = {
            "id": name,
            "customer_id": buyer,
            "plan_variation_id": plan,
            "status": "ACTIVE",
            "created_at": made_at,
            "start_date": made_at[:10],
        }
        invoice = {
            "id": f"inv:{number}",
            "subscription_id": name,
            "order_id": f"order_{number}",
            "status": "PAID",
            "primary_recipient": {"customer_id": buyer},
            "payment_requests": [{"computed_amount_money": {"amount": 500, "currency": "USD"}}],
        }
        return [
            await self.tell("subscription.created", f"created_{number}", subscription),
            await self.tell("invoice.payment_made", f"paid_{number}", invoice),
        ]

    async def sale(self, number: int) -> str:
        """Somebody buys at the till, and is in the seller's directory."""
        payment = {
            "id": f"sale_{number}",
            "status": "COMPLETED",
            "customer_id": f"walk_in_{number}",
            "order_id": f"till_{number}",
            "amount_money": {"amount": 700, "currency": "USD"},
        }
        return await self.tell("payment.updated", f"sold_{number}", payment)

    def requests(self) -> int:
        """How many requests were sent so far."""
        return len(self.account.requests)
