"""Every operation once (some in several ways), in front of a PayPal where everything exists."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import attrs

from paylattice import Money

from .samples import (
    authorization,
    capture,
    event,
    invoice,
    link,
    order,
    payment_token,
    pending_subscription,
    plan,
    refund,
    sale,
    sale_refund,
    setup_token,
    subscription,
    transaction,
    usd,
    waiting_order,
)
from .support import World, missing

THANKS, BACK = "https://shop.example/thanks?order=7", "https://shop.example/plans"
INVOICES, INVOICE = "/v2/invoicing/invoices", "INV2-Z56S-5LLA-Q52L-CPZ5"
SINCE = datetime(2026, 9, 10, 12, tzinfo=UTC)

SUB, PLAN = "I-BW452GLLEP1G", "P-5ML4271244454362WXNWU5NQ"
ORDER, CAPTURE, AUTH, SALE, TOKEN = (
    "5O190127TN364715T",
    "3C679366HH908993F",
    "0AW2184448108334S",
    "80021663DE681814L",
    "8kk8451t",
)
SUBS, ORDERS, CAPTURES, AUTHS, SALES, TOKENS = (
    "/v1/billing/subscriptions",
    "/v2/checkout/orders",
    "/v2/payments/captures",
    "/v2/payments/authorizations",
    "/v1/payments/sale",
    "/v3/vault/payment-tokens",
)
SETUP, SETUPS = "5C991763VB2781612", "/v3/vault/setup-tokens"
KNOWN = {ORDER: ORDERS, CAPTURE: CAPTURES, AUTH: AUTHS, SALE: SALES}


def furnished(world: World) -> World:
    """Let everything exist."""
    for method, path, answer in (
        ("GET", f"{SUBS}/{SUB}", subscription()),
        ("GET", SUBS, {"subscriptions": [subscription()], "links": []}),
        ("POST", SUBS, (201, pending_subscription())),
        ("POST", f"{SUBS}/{SUB}/revise", {"plan_id": "P-TEAM", "links": [link("approve", "https://www.paypal.com/x")]}),
        ("GET", f"{SUBS}/{SUB}/transactions", {"transactions": [transaction()], "links": []}),
        ("POST", f"{SUBS}/{SUB}/capture", transaction()),
        ("POST", ORDERS, (201, waiting_order())),
        ("GET", f"{ORDERS}/{ORDER}", order(captures=[capture()])),
        ("GET", f"{CAPTURES}/{CAPTURE}", capture()),
        ("GET", f"{AUTHS}/{AUTH}", authorization()),
        ("GET", f"{SALES}/{SALE}", sale()),
        ("POST", f"{CAPTURES}/{CAPTURE}/refund", (201, refund())),
        ("POST", f"{SALES}/{SALE}/refund", (201, sale_refund())),
        ("GET", f"{TOKENS}/{TOKEN}", payment_token()),
        ("POST", TOKENS, (201, payment_token())),
        ("POST", SETUPS, (201, setup_token())),
        ("GET", f"{SETUPS}/{SETUP}", setup_token(status="APPROVED")),
        ("GET", TOKENS, {"payment_tokens": [payment_token()], "links": []}),
        ("GET", f"/v1/billing/plans/{PLAN}", plan()),
        ("GET", "/v1/billing/plans", {"plans": [plan()], "links": []}),
        ("GET", "/v1/notifications/webhooks-events", {"events": [event()], "links": []}),
        ("POST", "/v2/invoicing/search-invoices", {"items": [invoice()], "links": []}),
    ):
        world.always(method, path, answer_of(answer))
    for identifier, home in KNOWN.items():
        for place in KNOWN.values():
            if home != place:
                world.always("GET", f"{place}/{identifier}", missing())
    return world


def owing() -> dict[str, Any]:
    data = subscription()
    return {**data, "billing_info": {**data["billing_info"], "outstanding_balance": usd("19.00")}}


def answer_of(answer: Any) -> Any:
    import httpx

    return httpx.Response(answer[0], json=answer[1]) if isinstance(answer, tuple) else answer


@attrs.frozen
class Scenario:
    """One call.

    Args:
        call: what is asked of the provider.
        before: what else is true at PayPal.
        writes: how many requests change something.
        keyed: whether they carry a key.
    """

    call: Callable[[Any], Coroutine[Any, Any, Any]]
    before: Callable[[World], object] = lambda _: None
    writes: int = 0
    keyed: bool = False

    def world(self, mode: str = "blocking", *, attempts: int = 4) -> World:
        world = furnished(World(mode, attempts=attempts))
        self.before(world)
        return world


def _answer(method: str, path: str, answer: Any) -> Callable[[World], object]:
    return lambda world: world.always(method, path, answer_of(answer))


def _and(*steps: Callable[[World], object]) -> Callable[[World], object]:
    return lambda world: [step(world) for step in steps]


def turns(
    write: str, read: str, before: Any, after: Any, answer: Any, method: str = "POST"
) -> Callable[[World], object]:
    """What is read changes when the write comes in; it answers as told."""
    import httpx

    def prepare(world: World) -> None:
        world.always("GET", read, answer_of(before))

        def wrote(_seen: object) -> Any:
            world.always("GET", read, answer_of(after))
            return answer_of(answer) if not isinstance(answer, int) else httpx.Response(answer)

        world.always(method, write, wrote)

    return prepare


def _canceled() -> dict[str, Any]:
    data = subscription(status="CANCELLED", status_update_time="2026-09-21T14:13:20Z")
    del data["billing_info"]["next_billing_time"]
    return data


APPROVED = order("APPROVED")
APPROVED_TO_AUTHORIZE = order("APPROVED", intent="AUTHORIZE")
AUTHORIZED = order(authorizations=[authorization()])
AUTHORIZED_AND_CAPTURED = order(authorizations=[authorization(status="CAPTURED")], captures=[capture()])
PARTLY_CAPTURED = order(
    authorizations=[authorization(status="PARTIALLY_CAPTURED")],
    captures=[capture(amount=usd("5.00"), final_capture=False)],
)
RENEWED = order(
    authorizations=[authorization(), authorization(id="1BC12345CD678901E", create_time="2026-09-25T14:01:00Z")]
)
VOIDED = order(authorizations=[authorization(status="VOIDED")])
CANCELED = _canceled()
SUSPENDED = subscription(status="SUSPENDED")
PAID = order(captures=[capture()])
SPARSE_PAID = {**PAID, "purchase_units": [{"reference_id": "default", "payments": {"captures": [capture()]}}]}
VAULTED = order(captures=[capture(custom_id="customer_4029352050")], unit={"custom_id": "customer_4029352050"})
ON_TOKEN = order("APPROVED", unit={"custom_id": "customer_4029352050"})
AUTHORIZED_ON_TOKEN = order(authorizations=[authorization()], unit={"custom_id": "customer_4029352050"})

_O, _S, _A = f"{ORDERS}/{ORDER}", f"{SUBS}/{SUB}", f"{AUTHS}/{AUTH}"

SCENARIOS: dict[str, Scenario] = {
    "create_customer": Scenario(lambda w: w.provider.create_customer("ada@example.com")),
    "create_checkout_session": Scenario(
        lambda w: w.provider.create_checkout_session(
            "cus_1", PLAN, THANKS, BACK, {"org_id": "7"}, quantity=3, trial_days=14, customer_email="ada@example.com"
        ),
        writes=1,
        keyed=True,
    ),
    "create_checkout_session, plain": Scenario(
        lambda w: w.provider.create_checkout_session("cus_1", PLAN, THANKS, BACK), writes=1, keyed=True
    ),
    "create_payment_session": Scenario(
        lambda w: w.provider.create_payment_session(
            Money(1900, "USD"), THANKS, BACK, customer_id="cus_1", description="Boots", metadata={"a": "b"}
        ),
        writes=1,
        keyed=True,
    ),
    "create_payment_session, authorizing": Scenario(
        lambda w: w.provider.create_payment_session(
            Money(1900, "JPY"), THANKS, BACK, capture=False, description="é" * 200
        ),
        _answer(
            "POST",
            ORDERS,
            (201, waiting_order(intent="AUTHORIZE", unit={"amount": {"currency_code": "JPY", "value": "1900"}})),
        ),
        writes=1,
        keyed=True,
    ),
    "get_checkout_session": Scenario(lambda w: w.provider.get_checkout_session(SUB)),
    "get_checkout_session of an order": Scenario(lambda w: w.provider.get_checkout_session(ORDER)),
    "get_subscription": Scenario(lambda w: w.provider.get_subscription(SUB)),
    "list_subscriptions": Scenario(lambda w: w.provider.list_subscriptions("cus_1")),
    "cancel_subscription": Scenario(
        lambda w: w.provider.cancel_subscription(SUB, reason="Too dear"),
        turns(f"{_S}/cancel", _S, subscription(), CANCELED, 204),
        writes=1,
    ),
    "change_subscription": Scenario(
        lambda w: w.provider.change_subscription(SUB, plan_id="P-TEAM", quantity=4), writes=1
    ),
    "change_subscription, quantity": Scenario(
        lambda w: w.provider.change_subscription(SUB, quantity=4),
        turns(f"{_S}/revise", _S, subscription(), subscription(quantity="4"), {"quantity": "4", "links": []}),
        writes=1,
    ),
    "pause_subscription": Scenario(
        lambda w: w.provider.pause_subscription(SUB),
        turns(f"{_S}/suspend", _S, subscription(), SUSPENDED, 204),
        writes=1,
    ),
    "resume_subscription": Scenario(
        lambda w: w.provider.resume_subscription(SUB),
        turns(f"{_S}/activate", _S, SUSPENDED, subscription(), 204),
        writes=1,
    ),
    "get_invoices": Scenario(lambda w: w.provider.get_invoices("cus_1", subscription_id=SUB)),
    "search_invoices": Scenario(lambda w: w.provider.search_invoices("ada@example.com")),
    "get_invoice": Scenario(lambda w: w.provider.get_invoice(SALE)),
    "get_invoice of one's own": Scenario(
        lambda w: w.provider.get_invoice(INVOICE), lambda w: w.always("GET", f"{INVOICES}/{INVOICE}", invoice())
    ),
    "void_invoice": Scenario(
        lambda w: w.provider.void_invoice(INVOICE),
        turns(
            f"{INVOICES}/{INVOICE}/cancel",
            f"{INVOICES}/{INVOICE}",
            invoice(id=INVOICE, status="SENT"),
            invoice(id=INVOICE, status="CANCELLED"),
            204,
        ),
        writes=1,
    ),
    "get_payment": Scenario(lambda w: w.provider.get_payment(ORDER)),
    "get_payment of a sale": Scenario(lambda w: w.provider.get_payment(SALE)),
    "capture_payment": Scenario(
        lambda w: w.provider.capture_payment(ORDER, Money(1900, "USD")),
        turns(f"{_O}/capture", _O, APPROVED, PAID, (201, SPARSE_PAID)),
        writes=1,
        keyed=True,
    ),
    "capture_payment of an authorized order": Scenario(
        lambda w: w.provider.capture_payment(ORDER, Money(1900, "USD")),
        turns(f"{_A}/capture", _O, AUTHORIZED, AUTHORIZED_AND_CAPTURED, (201, capture())),
        writes=1,
        keyed=True,
    ),
    "capture_payment of an authorization": Scenario(
        lambda w: w.provider.capture_payment(AUTH, Money(500, "USD")),
        turns(
            f"{_A}/capture", _A, authorization(), authorization(status="CAPTURED"), (201, capture(amount=usd("5.00")))
        ),
        writes=1,
        keyed=True,
    ),
    "authorize_payment": Scenario(
        lambda w: w.provider.authorize_payment(ORDER),
        turns(f"{_O}/authorize", _O, APPROVED_TO_AUTHORIZE, AUTHORIZED, (201, AUTHORIZED)),
        writes=1,
        keyed=True,
    ),
    "capture_part": Scenario(
        lambda w: w.provider.capture_part(ORDER, Money(500, "USD")),
        turns(
            f"{_A}/capture", _O, AUTHORIZED, PARTLY_CAPTURED, (201, capture(amount=usd("5.00"), final_capture=False))
        ),
        writes=1,
        keyed=True,
    ),
    "reauthorize_payment": Scenario(
        lambda w: w.provider.reauthorize_payment(ORDER),
        turns(f"{_A}/reauthorize", _O, AUTHORIZED, RENEWED, (201, authorization(id="1BC12345CD678901E"))),
        writes=1,
        keyed=True,
    ),
    "cancel_payment": Scenario(
        lambda w: w.provider.cancel_payment(ORDER),
        turns(f"{_A}/void", _O, AUTHORIZED, VOIDED, 204),
        writes=1,
        keyed=True,
    ),
    "cancel_payment of an authorization": Scenario(
        lambda w: w.provider.cancel_payment(AUTH),
        turns(f"{_A}/void", _A, authorization(), authorization(status="VOIDED"), authorization(status="VOIDED")),
        writes=1,
        keyed=True,
    ),
    "create_payment": Scenario(
        lambda w: w.provider.create_payment(
            Money(1900, "USD"), customer_id="customer_4029352050", payment_method_id=TOKEN, description="Boots"
        ),
        _answer("POST", ORDERS, (201, VAULTED)),
        writes=1,
        keyed=True,
    ),
    "create_payment with an order of the browser": Scenario(
        lambda w: w.provider.create_payment(Money(1900, "USD"), token=ORDER, customer_id="cus_1"),
        turns(f"{_O}/capture", _O, APPROVED, PAID, (201, SPARSE_PAID)),
        writes=1,
        keyed=True,
    ),
    "create_order": Scenario(
        lambda w: w.provider.create_order(Money(1900, "USD"), customer_id="cus_1", description="Boots"),
        writes=1,
        keyed=True,
    ),
    "create_payment with a wallet": Scenario(
        lambda w: w.provider.create_payment(
            Money(1900, "USD"), customer_id="customer_4029352050", payment_method_id=TOKEN, capture=False
        ),
        _and(
            _answer(
                "GET", f"{TOKENS}/{TOKEN}", payment_token(payment_source={"paypal": {"payer_id": "2J6QB8YJQSJRJ"}})
            ),
            _answer("POST", ORDERS, (201, {**ON_TOKEN, "intent": "AUTHORIZE"})),
            _answer("POST", f"{_O}/authorize", (201, AUTHORIZED_ON_TOKEN)),
        ),
        writes=2,
        keyed=True,
    ),
    "refund_payment": Scenario(
        lambda w: w.provider.refund_payment(ORDER, Money(1900, "USD"), "Because " * 60), writes=1, keyed=True
    ),
    "refund_payment of all": Scenario(lambda w: w.provider.refund_payment(CAPTURE), writes=1, keyed=True),
    "refund_payment of a sale": Scenario(
        lambda w: w.provider.refund_payment(SALE, Money(1900, "USD"), "Because"), writes=1, keyed=True
    ),
    "get_payment_methods": Scenario(lambda w: w.provider.get_payment_methods("customer_4029352050")),
    "bill_outstanding": Scenario(
        lambda w: w.provider.bill_outstanding(SUB),
        lambda w: w.always("GET", f"{SUBS}/{SUB}", owing()),
        writes=1,
        keyed=True,
    ),
    "create_setup_session": Scenario(
        lambda w: w.provider.create_setup_session("customer_4029352050", THANKS, BACK), writes=1, keyed=True
    ),
    "save_payment_method": Scenario(
        lambda w: w.provider.save_payment_method("customer_4029352050", SETUP), writes=1, keyed=True
    ),
    "remove_payment_method": Scenario(
        lambda w: w.provider.remove_payment_method(TOKEN),
        turns(
            f"{TOKENS}/{TOKEN}",
            f"{TOKENS}/{TOKEN}",
            payment_token(),
            (404, {"name": "RESOURCE_NOT_FOUND"}),
            204,
            "DELETE",
        ),
        writes=1,
    ),
    "get_plan": Scenario(lambda w: w.provider.get_plan(PLAN)),
    "list_plans": Scenario(lambda w: w.provider.list_plans()),
    "list_events": Scenario(lambda w: w.provider.list_events(SINCE)),
}
"""By name; the operation is the first word."""
