"""Subscriptions, what is scheduled for them, and their invoices: https://developer.squareup.com/docs/subscriptions-api/overview.

Dates are days at the location. Whether an invoice is paid changes nothing in the status of its subscription.
"""

from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from .catalog import VARIATION
from .payments import make_payment, new_order
from .refusals import bad
from .routes import Request, Route, page
from .world import JSON, World, stamp

__all__ = ["SUBSCRIPTION_ROUTES", "advance_to", "next_date", "pay_invoice", "start"]

_DAYS = {"DAILY": 1, "WEEKLY": 7, "EVERY_TWO_WEEKS": 14, "THIRTY_DAYS": 30, "SIXTY_DAYS": 60, "NINETY_DAYS": 90}
_MONTHS = {
    "MONTHLY": 1,
    "EVERY_TWO_MONTHS": 2,
    "QUARTERLY": 3,
    "EVERY_FOUR_MONTHS": 4,
    "EVERY_SIX_MONTHS": 6,
    "ANNUAL": 12,
    "EVERY_TWO_YEARS": 24,
}
_ENDED = frozenset({"CANCELED", "COMPLETED"})


def _zone(subscription: JSON) -> ZoneInfo:
    return ZoneInfo(subscription["timezone"])


def _today(world: World, subscription: JSON) -> date:
    return world.now.astimezone(_zone(subscription)).date()


def _at(day: date, subscription: JSON) -> datetime:
    return datetime.combine(day, time(), _zone(subscription)).astimezone(UTC)


def _after(start: date, cadence: str, times: int) -> date:
    if cadence in _DAYS:
        return start + timedelta(days=_DAYS[cadence] * times)
    index = start.year * 12 + start.month - 1 + _MONTHS[cadence] * times
    year, month = divmod(index, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def _phases(world: World, subscription: JSON) -> list[JSON]:
    variation = world.need("catalog", subscription["plan_variation_id"])
    return sorted(variation["subscription_plan_variation_data"]["phases"], key=lambda phase: phase.get("ordinal", 0))


def _price(phase: JSON) -> JSON | None:
    money: JSON | None = phase["pricing"].get("price_money")
    return money if money and money["amount"] else None


def start(world: World, customer_id: str, variation: JSON, *, card: JSON | None, paid_by: JSON | None = None) -> JSON:
    """A new subscription, whose first period begins today."""
    zone = world.location["timezone"]
    subscription = world.add(
        "subscription",
        "",
        {
            "location_id": world.location["id"],
            "plan_variation_id": variation["id"],
            "customer_id": customer_id,
            "status": "ACTIVE",
            "version": 1,
            "timezone": zone,
            "source": {"name": "Stand-in"},
            "invoice_ids": [],
            "actions": [],
            **({"card_id": card["id"]} if card else {}),
            "_phase": 0,
            "_periods": 0,
        },
        known_as=world.new_id("sub-"),
    )
    subscription["start_date"] = _today(world, subscription).isoformat()
    subscription["_phase_start"] = _today(world, subscription)
    world.tell("subscription.created", "subscription", _shown(subscription))
    _begin(world, subscription, paid_by)
    return subscription


def _begin(world: World, subscription: JSON, paid_by: JSON | None = None) -> None:
    """A period begins. It is billed in advance; a free one is not billed at all."""
    phase = _phases(world, subscription)[subscription["_phase"]]
    ends = _after(subscription["_phase_start"], phase["cadence"], subscription["_periods"] + 1)
    subscription["_ends"] = ends
    money = _price(phase)
    if money is None:
        return
    subscription["charged_through_date"] = (ends - timedelta(days=1)).isoformat()
    _bill(world, subscription, money, paid_by)
    subscription["version"] += 1


def next_date(subscription: JSON) -> datetime | None:
    """When something happens to a subscription next."""
    if subscription["status"] == "ACTIVE":
        return _at(subscription["_ends"], subscription)
    resume = _action(subscription, "RESUME")
    if subscription["status"] in {"PAUSED", "DEACTIVATED"} and resume is not None:
        return _at(date.fromisoformat(resume["effective_date"]), subscription)
    return None


def advance_to(world: World, moment: datetime) -> None:
    """Let time pass, and let everything happen that is due until then, in order."""
    while True:
        dates = ((next_date(each), each) for each in world.all("subscription", lambda row: row["status"] not in _ENDED))
        due = [(when, each) for when, each in dates if when is not None and when <= moment]
        if not due:
            world.now = max(world.now, moment)
            return
        when, subscription = min(due, key=lambda pair: pair[0])
        world.now = max(world.now, when)
        _turn(world, subscription)


def _turn(world: World, subscription: JSON) -> None:
    """A period is over, or a pause."""
    if subscription["status"] != "ACTIVE":
        _drop_action(subscription, "RESUME")
        world.change("subscription", subscription, status="ACTIVE")
        subscription |= {"_phase_start": _today(world, subscription), "_periods": 0}
        world.tell("subscription.updated", "subscription", _shown(subscription))
        _begin(world, subscription)
        return
    if _action(subscription, "CANCEL") is not None:
        subscription["actions"] = []
        world.change("subscription", subscription, status="CANCELED")
        world.tell("subscription.updated", "subscription", _shown(subscription))
        return
    subscription["_periods"] += 1
    phases = _phases(world, subscription)
    phase = phases[subscription["_phase"]]
    if phase.get("periods") and subscription["_periods"] >= phase["periods"]:
        subscription |= {"_phase": subscription["_phase"] + 1, "_periods": 0, "_phase_start": subscription["_ends"]}
    swap = _action(subscription, "SWAP_PLAN")
    if swap is not None:
        _drop_action(subscription, "SWAP_PLAN")
        subscription |= {"plan_variation_id": swap["new_plan_variation_id"], "_phase": 0, "_periods": 0}
        subscription["_phase_start"] = subscription["_ends"]
        world.change("subscription", subscription)
        world.tell("subscription.updated", "subscription", _shown(subscription))
    elif subscription["_phase"] >= len(phases):
        world.change("subscription", subscription, status="COMPLETED", completed_date=subscription["_ends"].isoformat())
        world.tell("subscription.updated", "subscription", _shown(subscription))
        return
    if _action(subscription, "PAUSE") is not None:
        _drop_action(subscription, "PAUSE")
        world.change("subscription", subscription, status="PAUSED")
        world.tell("subscription.updated", "subscription", _shown(subscription))
        return
    _begin(world, subscription)


# --- invoices ----------------------------------------------------------------------------------------------------


def _bill(world: World, subscription: JSON, money: JSON, paid_by: JSON | None) -> None:
    card = world.get("card", subscription["card_id"]) if "card_id" in subscription else None
    customer = world.need("customer", subscription["customer_id"])
    order = new_order(world, {"customer_id": customer["id"]}, money)
    invoice = world.add(
        "invoice",
        "inv:0-",
        {
            "version": 0,
            "location_id": world.location["id"],
            "order_id": order["id"],
            "primary_recipient": {"customer_id": customer["id"]},
            "payment_requests": [
                {
                    "uid": world.new_id("request"),
                    "request_type": "BALANCE",
                    "due_date": _today(world, subscription).isoformat(),
                    "automatic_payment_source": "CARD_ON_FILE" if card else "NONE",
                    "computed_amount_money": money,
                    "total_completed_amount_money": {**money, "amount": 0},
                }
            ],
            "delivery_method": "EMAIL",
            "invoice_number": f"{len(world.all('invoice')) + 1:06d}",
            "next_payment_amount_money": money,
            "status": "UNPAID",
            "timezone": subscription["timezone"],
            "updated_at": stamp(world.now),
            "subscription_id": subscription["id"],
            "accepted_payment_methods": {"card": True},
            "sale_or_service_date": _today(world, subscription).isoformat(),
        },
    )
    invoice["public_url"] = f"https://squareupsandbox.com/pay-invoice/{invoice['id']}"
    subscription["invoice_ids"] = [invoice["id"], *subscription["invoice_ids"]]
    world.tell("invoice.created", "invoice", invoice, located=True)
    world.tell("invoice.published", "invoice", invoice, located=True)
    if paid_by is not None:
        order["tenders"] = [{"id": paid_by["id"], "payment_id": paid_by["id"], "amount_money": money, "type": "CARD"}]
        _paid(world, invoice, order)
    elif card is not None:
        _charge(world, invoice, order, card)


def _charge(world: World, invoice: JSON, order: JSON, card: JSON) -> None:
    """Charge the card on file. If that fails, Square asks the customer to pay, and does not try again."""
    if card.get("_declines") or world.declined():
        invoice["payment_requests"][0]["automatic_payment_source"] = "NONE"
        said = "We were unable to charge your card on file for this subscription."
        world.change("invoice", invoice, description=said)
        world.tell("invoice.scheduled_charge_failed", "invoice", invoice, located=True)
        world.tell("invoice.updated", "invoice", invoice, located=True)
        return
    customer_id = invoice["primary_recipient"]["customer_id"]
    payment = make_payment(world, order["total_money"], customer_id=customer_id, order=order, card=card)
    world.tell("payment.updated", "payment", payment)
    _paid(world, invoice, order)


def _paid(world: World, invoice: JSON, order: JSON) -> None:
    world.change("order", order, state="COMPLETED", closed_at=stamp(world.now))
    asked = invoice["payment_requests"][0]
    asked["total_completed_amount_money"] = asked["computed_amount_money"]
    invoice.pop("next_payment_amount_money", None)
    world.change("invoice", invoice, status="PAID")
    world.tell("invoice.payment_made", "invoice", invoice, located=True)


def pay_invoice(world: World, invoice: JSON) -> None:
    """Be the customer who pays on the invoice's page.

    Raises:
        ValueError: it is paid, or void.
    """
    if invoice["status"] != "UNPAID":
        message = f"the invoice is {invoice['status']}: there is nothing to pay"
        raise ValueError(message)
    order = world.need("order", invoice["order_id"])
    customer_id = invoice["primary_recipient"]["customer_id"]
    payment = make_payment(world, order["total_money"], customer_id=customer_id, order=order, card=None)
    world.tell("payment.updated", "payment", payment)
    _paid(world, invoice, order)


# --- requests ----------------------------------------------------------------------------------------------------


def _shown(subscription: JSON, *, actions: bool = False) -> JSON:
    return {name: value for name, value in subscription.items() if name != "actions" or (actions and value)}


def _action(subscription: JSON, kind: str) -> JSON | None:
    return next((each for each in subscription["actions"] if each["type"] == kind), None)


def _drop_action(subscription: JSON, kind: str) -> None:
    subscription["actions"] = [each for each in subscription["actions"] if each["type"] != kind]


def _create(world: World, request: Request) -> JSON:
    body = request.body
    if body["location_id"] != world.location["id"]:
        raise bad("INVALID_VALUE", "No such location.", "location_id")
    customer = world.need("customer", body["customer_id"])
    variation = world.get("catalog", str(body.get("plan_variation_id")))
    if variation is None or variation["type"] != VARIATION:
        raise bad("INVALID_VALUE", "A plan variation is wanted.", "plan_variation_id")
    card = world.need("card", body["card_id"]) if "card_id" in body else None
    if card is None:
        if not customer.get("email_address"):
            raise bad("CUSTOMER_MISSING_EMAIL", "The customer has no e-mail address.", "customer_id")
        if not customer.get("given_name") and not customer.get("family_name"):
            raise bad("CUSTOMER_MISSING_NAME", "The customer has no name.", "customer_id")
    elif card["customer_id"] != customer["id"]:
        raise bad("INVALID_CARD", "The card is another customer's.", "card_id")
    return {"subscription": _shown(start(world, customer["id"], variation, card=card))}


def _get(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    return {"subscription": _shown(subscription, actions=request.query.get("include") == "actions")}


def _search(world: World, request: Request) -> JSON:
    wanted = request.body.get("query", {}).get("filter", {})
    customers, locations = wanted.get("customer_ids"), wanted.get("location_ids")
    with_actions = "actions" in request.body.get("include", [])

    def fits(row: JSON) -> bool:
        return (not customers or row["customer_id"] in customers) and (not locations or row["location_id"] in locations)

    rows = [_shown(row, actions=with_actions) for row in world.all("subscription", fits)]
    return page(world, rows, "subscriptions", request.body.get("cursor"), request.body.get("limit", 50))


def _scheduled(
    world: World, request: Request, kind: str, effective: Callable[[JSON], date], *statuses: str, **more: Any
) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    if subscription["status"] not in statuses:
        raise bad("BAD_REQUEST", f"The subscription is {subscription['status']}.")
    if _action(subscription, kind) is not None:
        raise bad("BAD_REQUEST", f"The subscription already has a pending {kind.lower()} date.")
    action: JSON = {
        "id": world.new_id("action-"),
        "type": kind,
        "effective_date": effective(subscription).isoformat(),
        **more,
    }
    subscription["actions"] = [*subscription["actions"], action]
    world.change("subscription", subscription)
    if kind == "CANCEL":
        subscription["canceled_date"] = action["effective_date"]
    world.tell("subscription.updated", "subscription", _shown(subscription))
    return {"subscription": _shown(subscription), "actions": [action]}


def _paid_through(subscription: JSON) -> date:
    end: date = subscription["_ends"]
    return end - timedelta(days=1)


def _period_end(subscription: JSON) -> date:
    end: date = subscription["_ends"]
    return end


def _cancel(world: World, request: Request) -> JSON:
    return _scheduled(world, request, "CANCEL", _paid_through, "ACTIVE", "PENDING", "PAUSED")


def _pause(world: World, request: Request) -> JSON:
    return _scheduled(world, request, "PAUSE", _period_end, "ACTIVE")


def _resume(world: World, request: Request) -> JSON:
    given = request.body.get("resume_effective_date")

    def when(subscription: JSON) -> date:
        tomorrow = _today(world, subscription) + timedelta(days=1)
        return max(date.fromisoformat(given), _today(world, subscription)) if given else tomorrow

    answer = _scheduled(world, request, "RESUME", when, "PAUSED", "DEACTIVATED")
    advance_to(world, world.now)
    return answer


def _swap(world: World, request: Request) -> JSON:
    target = world.get("catalog", str(request.body["new_plan_variation_id"]))
    if target is None or target["type"] != VARIATION:
        raise bad("INVALID_VALUE", "A plan variation is wanted.", "new_plan_variation_id")
    return _scheduled(world, request, "SWAP_PLAN", _period_end, "ACTIVE", "PAUSED", new_plan_variation_id=target["id"])


def _drop(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    action = next((each for each in subscription["actions"] if each["id"] == request.ids[1]), None)
    if action is None:
        raise bad("NOT_FOUND", "No such action.")
    _drop_action(subscription, action["type"])
    if action["type"] == "CANCEL":
        subscription.pop("canceled_date", None)
    world.change("subscription", subscription)
    world.tell("subscription.updated", "subscription", _shown(subscription))
    return {"subscription": _shown(subscription, actions=True)}


def _update(world: World, request: Request) -> JSON:
    subscription = world.need("subscription", request.ids[0])
    sent = dict(request.body["subscription"])
    world.fresh(subscription, sent.pop("version", None))
    if "canceled_date" in sent and sent.pop("canceled_date") is None:
        _drop_action(subscription, "CANCEL")
        subscription.pop("canceled_date", None)
    if "card_id" in sent:
        subscription["card_id"] = world.need("card", sent.pop("card_id"))["id"]
    if sent:
        raise bad("INVALID_VALUE", f"{min(sent)} cannot be changed here.", f"subscription.{min(sent)}")
    world.change("subscription", subscription)
    world.tell("subscription.updated", "subscription", _shown(subscription))
    return {"subscription": _shown(subscription)}


def _invoices(world: World, request: Request) -> JSON:
    wanted = request.body["query"]["filter"]
    if len(wanted.get("location_ids", [])) != 1:
        raise bad("ARRAY_LENGTH_TOO_LONG", "Exactly one location_id.", "query.filter.location_ids")
    customers = wanted.get("customer_ids", [])
    if len(customers) > 1:
        raise bad("ARRAY_LENGTH_TOO_LONG", "At most one customer_id.", "query.filter.customer_ids")

    def fits(row: JSON) -> bool:
        return row["location_id"] in wanted["location_ids"] and (
            not customers or row["primary_recipient"]["customer_id"] in customers
        )

    rows = list(world.all("invoice", fits))
    if request.body["query"].get("sort", {}).get("order") == "DESC":
        rows.reverse()
    return page(world, rows, "invoices", request.body.get("cursor"), request.body.get("limit", 100))


_CREATING = {
    "location_id!": str,
    "plan_variation_id": str,
    "customer_id!": str,
    "start_date": str,
    "canceled_date": str,
    "tax_percentage": str,
    "price_override_money": {},
    "card_id": str,
    "timezone": str,
    "source": {"name": str},
    "monthly_billing_anchor_date": int,
    "phases": [{}],
}
_PAUSING = {
    "pause_effective_date": str,
    "pause_cycle_duration": int,
    "resume_effective_date": str,
    "resume_change_timing": str,
    "pause_reason": str,
}
_RESUMING = {"resume_effective_date": str, "resume_change_timing": str}
_SEARCH = {
    "query": {"filter": {"customer_ids": [str], "location_ids": [str], "source_names": [str]}},
    "cursor": str,
    "limit": int,
    "include": [str],
}
_INVOICE_SEARCH = {"query!": {"filter!": {}, "sort": {}}, "limit": int, "cursor": str}
_PATH = "/v2/subscriptions"
SUBSCRIPTION_ROUTES = (
    Route("POST", _PATH, _create, _CREATING, key=45),
    Route("POST", f"{_PATH}/search", _search, _SEARCH),
    Route("GET", f"{_PATH}/{{id}}", _get, query=frozenset({"include"})),
    Route("PUT", f"{_PATH}/{{id}}", _update, {"subscription!": {}}),
    Route("POST", f"{_PATH}/{{id}}/cancel", _cancel),
    Route("POST", f"{_PATH}/{{id}}/pause", _pause, _PAUSING),
    Route("POST", f"{_PATH}/{{id}}/resume", _resume, _RESUMING),
    Route("POST", f"{_PATH}/{{id}}/swap-plan", _swap, {"new_plan_variation_id!": str, "phases": [{}]}),
    Route("DELETE", f"{_PATH}/{{id}}/actions/{{action}}", _drop),
    Route("POST", "/v2/invoices/search", _invoices, _INVOICE_SEARCH),
    Route("GET", "/v2/invoices/{id}", lambda world, request: {"invoice": world.need("invoice", request.ids[0])}),
)
