"""Every operation once (some in several ways), in front of a Square where everything exists."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import attrs

from paylattice import Money

from .samples import (
    action,
    card,
    customer,
    event,
    invoice,
    item,
    link,
    order,
    paid_order,
    payment,
    phase,
    plan,
    refund,
    subscription,
    unpaid,
    usd,
    variation,
)
from .support import LOCATION, World, configuration, location

THANKS, BACK = "https://shop.example/thanks?order=7", "https://shop.example/plans"
SINCE = datetime(2026, 9, 10, 12, tzinfo=UTC)


def furnished(world: World) -> World:
    """Let everything exist."""
    for method, path, answer in (
        ("GET", f"/v2/locations/{LOCATION}", {"location": location()}),
        ("POST", "/v2/customers", {"customer": customer()}),
        ("GET", "/v2/customers/CUST1", {"customer": customer()}),
        ("PUT", "/v2/customers/CUST1", {"customer": customer(given_name="Ada", family_name="King")}),
        ("DELETE", "/v2/customers/CUST1", {}),
        ("POST", "/v2/customers/search", {"customers": [customer()]}),
        ("GET", "/v2/cards", {"cards": [card()]}),
        ("GET", "/v2/cards/ccof%3ACARD1", {"card": card()}),
        ("POST", "/v2/cards/ccof%3ACARD1/disable", {"card": card(enabled=False)}),
        ("GET", "/v2/catalog/object/VAR1", {"object": variation()}),
        ("GET", "/v2/catalog/object/VAR2", {"object": variation(phase(4900), id="VAR2")}),
        (
            "GET",
            "/v2/catalog/object/VAR3",
            {"object": variation({"cadence": "MONTHLY", "pricing": {"type": "RELATIVE"}}, id="VAR3")},
        ),
        ("POST", "/v2/catalog/batch-retrieve", {"objects": [plan(sells="ITEM1"), item()]}),
        ("POST", "/v2/orders", {"order": order(id="TEMPLATE1")}),
        ("GET", "/v2/catalog/list", {"objects": [plan(variation()), variation()]}),
        (
            "POST",
            "/v2/online-checkout/payment-links",
            {"payment_link": link(), "related_resources": {"orders": [order()]}},
        ),
        ("GET", "/v2/online-checkout/payment-links/LINK1", {"payment_link": link()}),
        ("GET", "/v2/orders/ORDER1", {"order": paid_order()}),
        ("GET", "/v2/orders/ORDER-INV", {"order": paid_order(id="ORDER-INV")}),
        ("GET", "/v2/payments/PAY1", {"payment": payment()}),
        ("POST", "/v2/payments", {"payment": payment()}),
        ("POST", "/v2/refunds", {"refund": refund()}),
        ("POST", "/v2/subscriptions", {"subscription": subscription(invoice_ids=[])}),
        ("GET", "/v2/subscriptions/SUB1", {"subscription": subscription()}),
        ("POST", "/v2/subscriptions/search", {"subscriptions": [subscription()]}),
        ("GET", "/v2/invoices/inv%3A0-1", {"invoice": invoice()}),
        ("POST", "/v2/invoices/search", {"invoices": [invoice()]}),
        ("POST", "/v2/events", {"events": [event()]}),
    ):
        world.always(method, path, answer)
    return world


@attrs.frozen
class Scenario:
    """One call.

    Args:
        call: makes it.
        arrange: what is different about Square.
        settings: what is different about the settings.
        writes: how many requests that write it takes.
        keyed: whether those carry a key.
    """

    call: Callable[[World], Coroutine[Any, Any, Any]]
    arrange: Callable[[World], object] = lambda _: None
    settings: dict[str, Any] = attrs.field(factory=dict)
    writes: int = 0
    keyed: bool = False

    def world(self, mode: str = "blocking", **more: Any) -> World:
        world = furnished(World(mode, config=configuration(**self.settings), **more))
        self.arrange(world)
        return world


def _sub(**changes: Any) -> Callable[[World], object]:
    return lambda world: world.always("GET", "/v2/subscriptions/SUB1", {"subscription": subscription(**changes)})


def _and(*steps: Callable[[World], object]) -> Callable[[World], object]:
    return lambda world: [step(world) for step in steps]


def _answer(method: str, path: str, answer: object) -> Callable[[World], object]:
    return lambda world: world.always(method, path, answer)


def _changed(verb: str, *actions: dict[str, Any], **changes: Any) -> Callable[[World], object]:
    answer = {"subscription": subscription(**changes), "actions": list(actions)}
    return _answer("POST", f"/v2/subscriptions/SUB1/{verb}", answer)


CANCELED = _changed("cancel", action("CANCEL"), canceled_date="2026-10-04")
PAUSED = _changed("pause", action("PAUSE"))
SWAPPED = _changed("swap-plan", action("SWAP_PLAN", new_plan_variation_id="VAR2"))
RESUMED = _changed("resume", action("RESUME", effective_date="2026-09-21"), status="PAUSED")
APPROVED = _answer("GET", "/v2/payments/PAY1", {"payment": payment(status="APPROVED")})
CAN_BE_LOWERED = payment(status="APPROVED", amount_money=usd(1000), total_money=usd(1000), version_token="TOKEN2")

SCENARIOS: dict[str, Scenario] = {
    "create_customer": Scenario(
        lambda w: w.provider.create_customer("ada@example.com", "Ada Lovelace", {"org_id": "org-1"}),
        writes=1,
        keyed=True,
    ),
    "create_customer, sparse": Scenario(lambda w: w.provider.create_customer("ada@example.com"), writes=1, keyed=True),
    "get_customer": Scenario(lambda w: w.provider.get_customer("CUST1")),
    "list_customers": Scenario(lambda w: w.provider.list_customers()),
    "list_customers, going on": Scenario(lambda w: w.provider.list_customers(after="CUST1", limit=10)),
    "update_customer": Scenario(
        lambda w: w.provider.update_customer(
            "CUST1", email="new@example.com", name="Ada", metadata={"org_id": "org-2"}
        ),
        writes=1,
    ),
    "update_customer, taking away": Scenario(
        lambda w: w.provider.update_customer("CUST1", name="Ada", metadata={"org_id": ""}), writes=1
    ),
    "delete_customer": Scenario(lambda w: w.provider.delete_customer("CUST1"), writes=1),
    "find_created_customer": Scenario(
        lambda w: w.provider.find_created_customer("k", SINCE, email="ada@example.com", metadata={"org_id": "org-1"})
    ),
    "create_checkout_session by link": Scenario(
        lambda w: w.provider.create_checkout_session("CUST1", "VAR1", THANKS, BACK, {"org_id": "org-1"}),
        writes=1,
        keyed=True,
    ),
    "create_checkout_session by invoice": Scenario(
        lambda w: w.provider.create_checkout_session("CUST1", "VAR1", THANKS, BACK, {"org_id": "org-1"}),
        _answer("GET", "/v2/invoices/inv%3A0-1", {"invoice": unpaid()}),
        {"checkout": "invoice"},
        writes=1,
        keyed=True,
    ),
    "create_payment_session": Scenario(
        lambda w: w.provider.create_payment_session(
            Money(1900, "USD"), THANKS, BACK, customer_id="CUST1", description="Boots", metadata={"org_id": "org-1"}
        ),
        writes=1,
        keyed=True,
    ),
    "create_payment_session, sparse": Scenario(
        lambda w: w.provider.create_payment_session(Money(1900, "USD"), THANKS, BACK), writes=1, keyed=True
    ),
    "get_checkout_session of a link": Scenario(lambda w: w.provider.get_checkout_session("LINK1")),
    "get_checkout_session of an invoice": Scenario(lambda w: w.provider.get_checkout_session("subscription:SUB1")),
    "expire_checkout_session": Scenario(
        lambda w: w.provider.expire_checkout_session("LINK1"),
        _and(
            _answer("GET", "/v2/orders/ORDER1", {"order": order()}),
            _answer(
                "DELETE", "/v2/online-checkout/payment-links/LINK1", {"id": "LINK1", "cancelled_order_id": "ORDER1"}
            ),
        ),
        writes=1,
    ),
    "get_subscription": Scenario(lambda w: w.provider.get_subscription("SUB1")),
    "list_subscriptions": Scenario(lambda w: w.provider.list_subscriptions("CUST1")),
    "cancel_subscription": Scenario(
        lambda w: w.provider.cancel_subscription("SUB1", at_period_end=True), CANCELED, writes=1
    ),
    "uncancel_subscription by its action": Scenario(
        lambda w: w.provider.uncancel_subscription("SUB1"),
        _and(
            _sub(canceled_date="2026-10-04", actions=[action("CANCEL")]),
            _answer("DELETE", "/v2/subscriptions/SUB1/actions/ACT-CANCEL", {"subscription": subscription()}),
        ),
        writes=1,
    ),
    "uncancel_subscription by its date": Scenario(
        lambda w: w.provider.uncancel_subscription("SUB1"),
        _and(
            _sub(canceled_date="2026-10-04"),
            _answer("PUT", "/v2/subscriptions/SUB1", {"subscription": subscription()}),
        ),
        writes=1,
    ),
    "change_subscription": Scenario(
        lambda w: w.provider.change_subscription("SUB1", plan_id="VAR2"), SWAPPED, writes=1
    ),
    "change_subscription, item-based": Scenario(
        lambda w: w.provider.change_subscription("SUB1", plan_id="VAR3"),
        _answer(
            "POST",
            "/v2/subscriptions/SUB1/swap-plan",
            {"subscription": subscription(), "actions": [action("SWAP_PLAN", new_plan_variation_id="VAR3")]},
        ),
        writes=2,
    ),
    "change_subscription, back": Scenario(
        lambda w: w.provider.change_subscription("SUB1", plan_id="VAR1"),
        _and(
            _sub(actions=[action("SWAP_PLAN", new_plan_variation_id="VAR2")]),
            _answer("DELETE", "/v2/subscriptions/SUB1/actions/ACT-SWAP_PLAN", {"subscription": subscription()}),
        ),
        writes=1,
    ),
    "cancel_scheduled_change": Scenario(
        lambda w: w.provider.cancel_scheduled_change("SUB1"),
        _and(
            _sub(actions=[action("SWAP_PLAN", new_plan_variation_id="VAR2")]),
            _answer("DELETE", "/v2/subscriptions/SUB1/actions/ACT-SWAP_PLAN", {"subscription": subscription()}),
        ),
        writes=1,
    ),
    "pause_subscription": Scenario(lambda w: w.provider.pause_subscription("SUB1"), PAUSED, writes=1),
    "resume_subscription before the pause": Scenario(
        lambda w: w.provider.resume_subscription("SUB1"),
        _and(
            _sub(actions=[action("PAUSE")]),
            _answer("DELETE", "/v2/subscriptions/SUB1/actions/ACT-PAUSE", {"subscription": subscription()}),
        ),
        writes=1,
    ),
    "resume_subscription": Scenario(
        lambda w: w.provider.resume_subscription("SUB1"), _and(_sub(status="PAUSED"), RESUMED), writes=1
    ),
    "get_invoices": Scenario(lambda w: w.provider.get_invoices("CUST1")),
    "get_invoice": Scenario(lambda w: w.provider.get_invoice("inv:0-1")),
    "void_invoice": Scenario(
        lambda w: w.provider.void_invoice("inv:0-1"),
        _and(
            _answer("GET", "/v2/invoices/inv%3A0-1", {"invoice": unpaid()}),
            _answer("POST", "/v2/invoices/inv%3A0-1/cancel", {"invoice": unpaid(status="CANCELED")}),
        ),
        writes=1,
    ),
    "publish_invoice": Scenario(
        lambda w: w.provider.publish_invoice("inv:0-1"),
        _and(
            _answer("GET", "/v2/invoices/inv%3A0-1", {"invoice": unpaid(status="DRAFT")}),
            _answer("POST", "/v2/invoices/inv%3A0-1/publish", {"invoice": unpaid()}),
        ),
        writes=1,
        keyed=True,
    ),
    "get_payment": Scenario(lambda w: w.provider.get_payment("PAY1")),
    "capture_payment": Scenario(
        lambda w: w.provider.capture_payment("PAY1"),
        _and(APPROVED, _answer("POST", "/v2/payments/PAY1/complete", {"payment": payment()})),
        writes=1,
    ),
    "capture_payment of less": Scenario(
        lambda w: w.provider.capture_payment("PAY1", Money(1000, "USD")),
        _and(
            APPROVED,
            _answer("PUT", "/v2/payments/PAY1", {"payment": CAN_BE_LOWERED}),
            _answer("POST", "/v2/payments/PAY1/complete", {"payment": {**CAN_BE_LOWERED, "status": "COMPLETED"}}),
        ),
        writes=2,
    ),
    "cancel_payment": Scenario(
        lambda w: w.provider.cancel_payment("PAY1"),
        _and(APPROVED, _answer("POST", "/v2/payments/PAY1/cancel", {"payment": payment(status="CANCELED")})),
        writes=1,
    ),
    "create_payment": Scenario(
        lambda w: w.provider.create_payment(
            Money(1900, "USD"),
            customer_id="CUST1",
            payment_method_id="ccof:CARD1",
            description="Boots",
            metadata={"org_id": "org-1"},
        ),
        writes=1,
        keyed=True,
    ),
    "create_payment of a guest": Scenario(
        lambda w: w.provider.create_payment(Money(1900, "USD"), token="cnon:token", verification_token="verf:1"),
        writes=1,
        keyed=True,
    ),
    "create_payment, authorizing": Scenario(
        lambda w: w.provider.create_payment(
            Money(1900, "USD"), customer_id="CUST1", payment_method_id="ccof:CARD1", capture=False
        ),
        _answer("POST", "/v2/payments", {"payment": payment(status="APPROVED")}),
        writes=1,
        keyed=True,
    ),
    "refund_payment": Scenario(
        lambda w: w.provider.refund_payment("PAY1", Money(1900, "USD"), "Because"), writes=1, keyed=True
    ),
    "refund_payment of all": Scenario(lambda w: w.provider.refund_payment("PAY1"), writes=1, keyed=True),
    "get_payment_methods": Scenario(lambda w: w.provider.get_payment_methods("CUST1")),
    "create_subscription": Scenario(
        lambda w: w.provider.create_subscription(
            "CUST1", "VAR1", payment_method_id="ccof:CARD1", start_at=datetime(2026, 10, 1, 3, tzinfo=UTC)
        ),
        writes=1,
        keyed=True,
    ),
    "create_subscription to an item-based plan": Scenario(
        lambda w: w.provider.create_subscription("CUST1", "VAR3", payment_method_id="ccof:CARD1"), writes=2
    ),
    "get_plan, item-based": Scenario(lambda w: w.provider.get_plan("VAR3")),
    "set_payment_method": Scenario(
        lambda w: w.provider.set_payment_method("SUB1", "ccof:CARD2"),
        _answer("PUT", "/v2/subscriptions/SUB1", {"subscription": subscription(card_id="ccof:CARD2")}),
        writes=1,
    ),
    "save_payment_method": Scenario(
        lambda w: w.provider.save_payment_method("CUST1", "cnon:token", verification_token="verf:1"),
        _answer("POST", "/v2/cards", {"card": card()}),
        writes=1,
        keyed=True,
    ),
    "remove_payment_method": Scenario(lambda w: w.provider.remove_payment_method("ccof:CARD1"), writes=1),
    "get_plan": Scenario(lambda w: w.provider.get_plan("VAR1")),
    "list_plans": Scenario(lambda w: w.provider.list_plans()),
    "list_events": Scenario(lambda w: w.provider.list_events(SINCE)),
}
"""By name; the operation is the first word."""
