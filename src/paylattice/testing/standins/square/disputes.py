"""Disputes: https://developer.squareup.com/reference/square/disputes-api."""

from collections.abc import Mapping
from datetime import timedelta

from .pages import page
from .refusals import bad
from .routes import Request, Route
from .world import JSON, World, stamp

__all__ = ["DISPUTE_ROUTES", "move", "open_dispute"]

_RESPONSE = timedelta(days=14)
_PAGE = 100
_ASKS: Mapping[bool, str] = {False: "EVIDENCE_REQUIRED", True: "INQUIRY_EVIDENCE_REQUIRED"}
_OVER = frozenset({"WON", "LOST", "ACCEPTED", "INQUIRY_CLOSED"})


def open_dispute(world: World, payment: JSON, amount: int | None, reason: str, *, inquiry: bool) -> JSON:
    """The cardholder's bank asks for the money of a payment, or only about it. The payment does not say so.

    Raises:
        ValueError: the payment has not taken any money.
    """
    if payment["status"] != "COMPLETED":
        message = "the payment has not taken any money"
        raise ValueError(message)
    dispute = world.add(
        "dispute",
        world.new_id("DP"),
        {
            "amount_money": {**payment["total_money"], **({} if amount is None else {"amount": amount})},
            "reason": reason,
            "state": _ASKS[inquiry],
            "due_at": stamp(world.now + _RESPONSE),
            "disputed_payment": {"payment_id": payment["id"]},
            "card_brand": "VISA",
            "updated_at": stamp(world.now),
            "version": 1,
            "location_id": payment["location_id"],
        },
    )
    world.tell("dispute.created", dispute)
    return dispute


def move(world: World, dispute: JSON, state: str) -> JSON:
    """Let it come into another state.

    Raises:
        ValueError: it is over already.
    """
    if dispute["state"] in _OVER:
        message = f"the dispute is {dispute['state']}, which is the end of it"
        raise ValueError(message)
    world.change(dispute, state=state)
    world.tell("dispute.state.changed", dispute)
    world.tell("dispute.state.updated", dispute)
    return dispute


def _list(world: World, request: Request) -> JSON:
    states, place = request.query.get("states"), request.query.get("location_id")
    rows = world.all("dispute", lambda row: states in {None, row["state"]} and place in {None, row["location_id"]})
    return page(world, request, rows, "disputes", _PAGE)


def _get(world: World, request: Request) -> JSON:
    return {"dispute": world.need("dispute", request.ids[0])}


def _accept(world: World, request: Request) -> JSON:
    dispute = world.need("dispute", request.ids[0])
    if dispute["state"] in _OVER:
        raise bad("BAD_REQUEST", f"A dispute that is {dispute['state']} cannot be accepted.")
    return {"dispute": move(world, dispute, "ACCEPTED")}


_ONE = "/v2/disputes/{dispute_id}"
DISPUTE_ROUTES = (
    Route("GET", "/v2/disputes", _list, query="cursor states location_id"),
    Route("GET", _ONE, _get),
    Route("POST", f"{_ONE}/accept", _accept),
)
