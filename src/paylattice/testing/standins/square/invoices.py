"""Invoices: https://developer.squareup.com/reference/square/invoices-api. A search is for one location, and one customer."""

from .billing import charge, new_invoice, page_of, publish
from .dates import date_from, today
from .fields import ELSEWHERE, Fields, One, Text
from .pages import limit_of, page
from .profiles import profile_of
from .refusals import bad
from .routes import Key, Request, Route
from .world import JSON, World, fresh, part, parts

__all__ = ["INVOICE_ROUTES"]

_PAGE, _MOST = 100, 200
_TERMINAL = frozenset({"PAID", "REFUNDED", "CANCELED", "FAILED"})
_REPAID = frozenset({"PARTIALLY_REFUNDED"})


def _search(world: World, request: Request) -> JSON:
    query = request.body["query"]
    wanted = query["filter"]
    locations, customers = wanted["location_ids"], parts(wanted, "customer_ids")
    if len(locations) != 1:
        code = "ARRAY_EMPTY" if not locations else "ARRAY_LENGTH_TOO_LONG"
        raise bad(code, "Exactly one location ID is expected.", "query.filter.location_ids")
    if len(customers) > 1:
        raise bad("ARRAY_LENGTH_TOO_LONG", "At most one customer ID is expected.", "query.filter.customer_ids")
    ascending = part(query, "sort").get("order") == "ASC"
    return _listed(world, request, locations[0], customers, ascending=ascending)


def _listed(world: World, request: Request, location_id: str, customers: list[str], *, ascending: bool = False) -> JSON:
    world.need("location", location_id)  # a closed one still shows what it has sold
    rows = world.all(
        "invoice",
        lambda row: (
            row["location_id"] == location_id
            and (not customers or row["primary_recipient"]["customer_id"] in customers)
        ),
    )
    if not ascending:
        rows.reverse()
    return page(world, request, rows, "invoices", limit_of(request, _PAGE, _MOST, strict=True))


def _list(world: World, request: Request) -> JSON:
    if "location_id" not in request.query:
        raise bad("MISSING_REQUIRED_PARAMETER", "Missing required parameter: location_id.", "location_id")
    return _listed(world, request, request.query["location_id"], [])


def _get(world: World, request: Request) -> JSON:
    return {"invoice": world.need("invoice", request.ids[0])}


def _create(world: World, request: Request) -> JSON:
    sent = request.body["invoice"]
    order = world.need("order", sent["order_id"])
    if order["state"] != "OPEN":
        raise bad("BAD_REQUEST", "Only an order in state OPEN can be invoiced.", "invoice.order_id")
    if sent["location_id"] != order["location_id"]:
        raise bad("LOCATION_MISMATCH", "The order is of another location.", "invoice.location_id")
    profile = profile_of(world, sent["primary_recipient"]["customer_id"])
    if profile is None:
        raise bad("CUSTOMER_NOT_FOUND", "The customer cannot be found.", "invoice.primary_recipient.customer_id")
    if not any(value is True for value in sent["accepted_payment_methods"].values()):
        raise bad("INVALID_VALUE", "At least one way to pay must be accepted.", "invoice.accepted_payment_methods")
    if len(sent["payment_requests"]) != 1:
        raise bad("NOT_IMPLEMENTED", "This stand-in knows invoices of one payment request.", "invoice.payment_requests")
    (wanted,) = sent["payment_requests"]
    date_from(wanted["due_date"], "invoice.payment_requests[0].due_date")
    total = order["total_money"]
    asked = {
        "uid": world.new_id("request-"),
        "automatic_payment_source": "NONE",
        "tipping_enabled": False,
        **{name: value for name, value in wanted.items() if value is not None},
        "computed_amount_money": total,
        "total_completed_amount_money": {**total, "amount": 0},
    }
    own = ("delivery_method", "title", "description", "invoice_number", "accepted_payment_methods")
    about = {name: sent[name] for name in own if sent.get(name)}
    return {"invoice": new_invoice(world, order, profile["id"], {**about, "payment_requests": [asked]})}


def _publish(world: World, request: Request) -> JSON:
    invoice = world.need("invoice", request.ids[0])
    fresh(invoice, request.body["version"], status=400)
    if invoice["status"] != "DRAFT":
        raise bad("BAD_REQUEST", f"The invoice is {invoice['status']}, not DRAFT.")
    publish(world, invoice)
    asked = invoice["payment_requests"][0]
    card = world.get("card", asked.get("card_id"))
    due = date_from(asked["due_date"], "due_date")
    if asked["automatic_payment_source"] == "CARD_ON_FILE" and card is not None:
        if due <= today(world.now, invoice):
            charge(world, invoice, world.need("order", invoice["order_id"]), card)
        else:
            invoice["status"] = "SCHEDULED"
    return {"invoice": {**invoice, "public_url": page_of(world, invoice)}}


def _cancel(world: World, request: Request) -> JSON:
    invoice = world.need("invoice", request.ids[0])
    fresh(invoice, request.body["version"], status=400)
    if invoice["status"] in _TERMINAL | _REPAID | {"DRAFT"}:
        raise bad("BAD_REQUEST", f"An invoice that is {invoice['status']} cannot be canceled.")
    for name in ("next_payment_amount_money", "public_url"):
        invoice.pop(name, None)
    world.change(invoice, decimals=0, status="CANCELED")
    world.tell("invoice.canceled", invoice)
    return {"invoice": invoice}


def _delete(world: World, request: Request) -> JSON:
    invoice = world.need("invoice", request.ids[0])
    fresh(invoice, request.query.get("version"), status=400)
    if invoice["status"] != "DRAFT":
        raise bad("BAD_REQUEST", "Only drafts can be deleted.")
    invoice["_deleted"] = True
    event = world.tell("invoice.deleted", invoice, deleted=True)
    del event["data"]["object"]
    return {}


_ASKED: Fields = {
    "request_type!": One("BALANCE"),
    "due_date!": str,
    "automatic_payment_source": One("NONE CARD_ON_FILE"),
    "card_id": Text(255),
    "tipping_enabled": bool,
    **dict.fromkeys(
        (
            *("uid", "request_method", "fixed_amount_requested_money", "percentage_requested", "reminders"),
            *("computed_amount_money", "total_completed_amount_money", "rounding_adjustment_included_money"),
        ),
        ELSEWHERE,
    ),
}
_FILLED_IN = ("given_name", "family_name", "email_address", "address", "phone_number", "company_name", "tax_ids")
_METHODS = ("card", "square_gift_card", "bank_account", "buy_now_pay_later", "cash_app_pay")
_INVOICE: Fields = {
    "location_id!": Text(255),
    "order_id!": Text(255),
    "primary_recipient!": {"customer_id!": Text(255), **dict.fromkeys(_FILLED_IN, ELSEWHERE)},
    "payment_requests!": [_ASKED],
    "delivery_method": One("EMAIL SHARE_MANUALLY SMS"),
    "invoice_number": Text(191),
    "title": Text(255),
    "description": Text(65536),
    "accepted_payment_methods!": dict.fromkeys(_METHODS, bool),
    **dict.fromkeys(
        (
            *("id", "version", "scheduled_at", "public_url", "next_payment_amount_money", "status", "timezone"),
            *("created_at", "updated_at", "custom_fields", "subscription_id", "sale_or_service_date"),
            *("payment_conditions", "store_payment_method_enabled", "attachments", "creator_team_member_id"),
        ),
        ELSEWHERE,
    ),
}
_SEARCH: Fields = {
    "query!": {
        "filter!": {"location_ids!": [str], "customer_ids": [str]},
        "sort": {"field!": One("INVOICE_SORT_DATE"), "order": One("ASC DESC")},
    },
    "limit": int,
    "cursor": str,
}
_ALL = "/v2/invoices"
_ONE = f"{_ALL}/{{invoice_id}}"
INVOICE_ROUTES = (
    Route("POST", f"{_ALL}/search", _search, _SEARCH),
    Route("GET", _ALL, _list, query="cursor limit location_id"),
    Route("POST", _ALL, _create, {"invoice!": _INVOICE}, key=Key(128)),
    Route("GET", _ONE, _get),
    Route("DELETE", _ONE, _delete, query="version"),
    Route("POST", f"{_ONE}/publish", _publish, {"version!": int}, key=Key(128)),
    Route("POST", f"{_ONE}/cancel", _cancel, {"version!": int}),
)
