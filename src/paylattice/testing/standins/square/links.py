"""Payment links: https://developer.squareup.com/reference/square/checkout-api.

A link sells once, to the buyer who opens it. Square identifies the buyer by the phone number that the buyer types: a link
cannot name a customer, and nothing that comes of it names the link, but for the id of its order.
"""

from typing import Any, cast

from .cards import new_card
from .catalog import phases_of, variation_for
from .fields import ADDRESS, ELSEWHERE, MONEY, Fields, Text
from .lifecycle import begin, new_subscription
from .orders import ORDER, close, new_order, order_from, single_item
from .pages import limit_of, page
from .payments import complete, pay
from .profiles import merge, new_customer, profile_of
from .refusals import bad
from .routes import Key, Request, Route
from .world import JSON, World, money_of, part

__all__ = ["CARD", "LINK_ROUTES", "buy", "subscribe"]

USUAL_PHONE = "+15005550006"
_SIMPLE = ((False,), (True, False))
_PAGE, _MOST = 100, 1000
CARD: JSON = {
    "card_brand": "VISA",
    "last_4": "1111",
    "exp_month": 12,
    "exp_year": 2031,
    "card_type": "CREDIT",
    "prepaid_type": "NOT_PREPAID",
    "bin": "411111",
}
GIFT_CARD: JSON = {**CARD, "card_brand": "SQUARE_GIFT_CARD", "last_4": "7783"}


# --- the buyer ---------------------------------------------------------------------------------------------------


def buy(
    world: World,
    link: JSON,
    *,
    phone: str | None,
    as_new_customer: bool | None,
    capture: bool,
    traceable: bool,
    declines: str | None,
    gift_card: int = 0,
) -> JSON | None:
    """Play the buyer.

    Returns:
        The payment; None: there was nothing to pay yet.

    Raises:
        ValueError: the link was used, or there is no such buyer.
    """
    order = world.need("order", link["order_id"])
    if link.get("_used"):
        message = "the link was paid already: it serves one buyer, once"
        raise ValueError(message)
    buyer = _buyer(world, link, phone, as_new_customer)
    plan_id = link.get("checkout_options", {}).get("subscription_plan_id")
    variation = world.need("catalog", plan_id) if plan_id else None
    payment: JSON | None = None
    others: list[JSON] = []
    link["_paid_on"] = order["id"]
    if variation is None or not _is_free(phases_of(variation)[0]):
        verdict = world.verdict(buyer["id"])
        paid_order = _order_to_pay(world, link, order, buyer, subscribes=variation is not None)
        noted = variation is None or world.variants.links_copy_notes
        about = {"note": link.get("payment_note")} if noted else {}
        total = order["total_money"]
        if gift_card:
            first = {**total, "amount": gift_card}
            others = [pay(world, paid_order, first, GIFT_CARD, customer_id=buyer["id"], capture=False, about=about)]
        payment = pay(
            world,
            paid_order,
            {**total, "amount": total["amount"] - gift_card},
            CARD,
            customer_id=buyer["id"],
            verdict=verdict,
            capture=False,
            about=about,
        )
        if verdict:
            return payment
        payment["_traceable"] = traceable
    link["_used"] = True
    if order["state"] == "DRAFT" and link["_paid_on"] == order["id"]:
        world.change(order, state="OPEN", customer_id=buyer["id"])
        world.tell_order(order)
    if payment is not None and capture:
        for each in (*others, payment):
            complete(world, each)
    _finish(world, link, order, paid=payment is not None and capture, free=payment is None)
    if variation is not None and world.variants.links_subscribe:
        link["_subscribes_at"] = world.now + world.variants.links_subscribe_after
        link["_bought_by"] = (buyer["id"], payment, declines)
        if link["_subscribes_at"] <= world.now:
            subscribe(world, link)
    if world.variants.links_merge_buyers:
        twin = {name: buyer[name] for name in ("given_name", "family_name", "email_address") if buyer.get(name)}
        merge(world, buyer["id"], new_customer(world, twin, source="DIRECTORY")["id"])
    return payment


def _order_to_pay(world: World, link: JSON, order: JSON, buyer: JSON, *, subscribes: bool) -> JSON:
    """The order that the payment is on."""
    if not subscribes or not world.variants.links_pay_another_order:
        return order
    location = world.need("location", order["location_id"])
    items = single_item("Subscription", order["total_money"])
    another = new_order(world, location, items, about={"customer_id": buyer["id"]})
    link["_paid_on"] = another["id"]
    return another


def _finish(world: World, link: JSON, order: JSON, *, paid: bool, free: bool) -> None:
    """Complete the order of a link that was bought, where Square does that."""
    completes = paid and world.variants.link_orders_complete and link["_paid_on"] == order["id"]
    if completes or (free and world.variants.free_orders_complete):
        close(world, order)


def _buyer(world: World, link: JSON, phone: str | None, as_new_customer: bool | None) -> JSON:
    filled = link.get("pre_populated_data", {})
    typed = phone or filled.get("buyer_phone_number") or USUAL_PHONE
    known = world.all("customer", lambda row: row.get("phone_number") == typed and "_merged_into" not in row)
    if as_new_customer is None:
        as_new_customer = not known
    if not as_new_customer:
        if not known:
            message = f"Square knows no customer with the phone number {typed}"
            raise ValueError(message)
        return known[0]
    if known:
        typed = f"+1500555{1000 + world.count('customer'):04d}"
    about = {"given_name": "Bo", "family_name": "Buyer", "phone_number": typed}
    if filled.get("buyer_email"):
        about["email_address"] = filled["buyer_email"]
    return new_customer(world, about, source="INSTANT_PROFILE")


def subscribe(world: World, link: JSON) -> None:
    """Make the subscription that was bought by a link."""
    del link["_subscribes_at"]
    bought_by, payment, declines = link["_bought_by"]
    customer_id = str((profile_of(world, bought_by) or {"id": bought_by})["id"])
    variation = world.need("catalog", link["checkout_options"]["subscription_plan_id"])
    order = world.need("order", link["order_id"])
    location = world.need("location", order["location_id"])
    card = new_card(world, customer_id, declines=declines)
    about: JSON = {"card_id": card["id"]}
    paid = order["total_money"]
    usual = next((phase["pricing"]["price_money"] for phase in phases_of(variation) if not _is_free(phase)), paid)
    if paid != usual:
        about["price_override_money"] = paid
    subscription = new_subscription(world, location, customer_id, variation, about=about)
    begin(world, subscription, payment)


def _is_free(phase: JSON) -> bool:
    return not phase["pricing"].get("price_money", {}).get("amount")


# --- requests ----------------------------------------------------------------------------------------------------


def _create(world: World, request: Request) -> JSON:
    body = request.body
    quick, sent = body.get("quick_pay"), body.get("order")
    if quick and sent:
        raise bad("CONFLICTING_PARAMETERS", "Either quick_pay or order, not both.", "order")
    if not quick and not sent:
        raise bad("MISSING_REQUIRED_PARAMETER", "Either quick_pay or order is required.", "quick_pay")
    options = part(body, "checkout_options")
    if options.get("subscription_plan_id"):
        _check_plan(world, options, quick)
    if quick:
        location = world.location_for(quick["location_id"], "quick_pay.location_id")
        if not quick["name"]:
            raise bad("VALUE_EMPTY", "The name must not be empty.", "quick_pay.name")
        money = money_of(location, quick["price_money"], "quick_pay.price_money")
        order = new_order(world, location, single_item(quick["name"], money), state="DRAFT")
    else:
        order = _order(world, cast("JSON", sent))
    kept = {name: body[name] for name in ("description", "pre_populated_data", "payment_note") if body.get(name)}
    identifier = world.new_id("LINK")
    host = "sandbox.square.link" if world.sandbox else "square.link"
    about = {
        "version": 1,
        "order_id": order["id"],
        "url": f"https://{host}/u/{identifier}",
        "long_url": f"https://checkout.square.site/merchant/{world.merchant_id}/checkout/{identifier}",
        **kept,
        **({"checkout_options": options} if options else {}),
    }
    link = world.add("payment_link", identifier, about, decimals=0)
    return {"payment_link": link, "related_resources": {"orders": [order]}}


def _check_plan(world: World, options: JSON, quick: Any) -> None:
    """https://developer.squareup.com/docs/checkout-api/subscription-plan-checkout."""
    field = "checkout_options.subscription_plan_id"
    if not quick:
        raise bad("MISSING_REQUIRED_PARAMETER", "A subscription needs quick_pay with its price.", "quick_pay")
    phases = phases_of(variation_for(world, options["subscription_plan_id"], field))
    if any(phase["pricing"].get("type") == "RELATIVE" for phase in phases):
        raise bad("BAD_REQUEST", "The subscription plan is not itemized.", field)
    if tuple(_is_free(phase) for phase in phases) not in _SIMPLE:
        raise bad("BAD_REQUEST", "Only plans with one paid phase, after a free one or none.", field)
    methods = part(options, "accepted_payment_methods")
    if methods.get("cash_app_pay") or methods.get("afterpay_clearpay"):
        raise bad("BAD_REQUEST", "A subscription is not paid in this way.", "checkout_options.accepted_payment_methods")


def _order(world: World, sent: JSON) -> JSON:
    if not sent.get("line_items"):
        raise bad("MISSING_REQUIRED_PARAMETER", "An order needs items.", "order.line_items")
    if sent.get("customer_id") and profile_of(world, sent["customer_id"]) is None:
        raise bad("CUSTOMER_NOT_FOUND", "The customer cannot be found.", "order.customer_id")
    return order_from(world, sent, state="OPEN")


def _get(world: World, request: Request) -> JSON:
    return {"payment_link": world.need("payment_link", request.ids[0])}


def _list(world: World, request: Request) -> JSON:
    return page(world, request, world.all("payment_link"), "payment_links", limit_of(request, _PAGE, _MOST))


def _delete(world: World, request: Request) -> JSON:
    link = world.need("payment_link", request.ids[0])
    link["_deleted"] = True
    order = world.need("order", link["order_id"])
    if link.get("_used"):
        return {"id": link["id"]}
    close(world, order, "CANCELED")
    return {"id": link["id"], "cancelled_order_id": order["id"]}


_OPTIONS: Fields = {
    "allow_tipping": bool,
    "custom_fields": [{"title!": Text(50)}],
    "subscription_plan_id": Text(255),
    "redirect_url": Text(2048),
    "merchant_support_email": Text(256),
    "ask_for_shipping_address": bool,
    "accepted_payment_methods": {
        "apple_pay": bool,
        "google_pay": bool,
        "cash_app_pay": bool,
        "afterpay_clearpay": bool,
    },
    "app_fee_money": ELSEWHERE,
    "shipping_fee": ELSEWHERE,
    "enable_coupon": bool,
    "enable_loyalty": bool,
}
_LINKING: Fields = {
    "description": Text(4096),
    "quick_pay": {"name!": Text(255), "price_money!": MONEY, "location_id!": str},
    "order": ORDER,
    "checkout_options": _OPTIONS,
    "pre_populated_data": {"buyer_email": Text(256), "buyer_phone_number": Text(17), "buyer_address": ADDRESS},
    "payment_note": Text(500),
}
_ALL = "/v2/online-checkout/payment-links"
LINK_ROUTES = (
    Route("POST", _ALL, _create, _LINKING, key=Key(192)),
    Route("GET", _ALL, _list, query="cursor limit"),
    Route("GET", f"{_ALL}/{{id}}", _get),
    Route("DELETE", f"{_ALL}/{{id}}", _delete),
)
