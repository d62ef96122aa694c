"""Refunds: https://docs.stripe.com/api/refunds."""

from .metadata import merged
from .pages import page
from .refusals import invalid
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["REFUND_ROUTES", "settle"]


def _create(world: World, params: Params) -> JSON:
    charge = _charge_of(world, params)
    left = charge["amount"] - charge["amount_refunded"]
    if left <= 0:
        message = f"Charge {charge['id']} has already been refunded."
        raise invalid(message, code="charge_already_refunded")
    amount = params.get("amount", left)
    if not 1 <= amount <= left:
        message = f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})."
        raise invalid(message, param="amount")
    data: JSON = {
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "currency": charge["currency"],
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": merged({}, params.get("metadata", {})),
        "payment_intent": charge["payment_intent"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "status": world.bank.next_refund(),
    }
    if data["status"] == "pending":
        data["pending_reason"] = "processing"
    refund = world.add("re", data, "refund.created")
    refunded = charge["amount_refunded"] + amount
    world.change(charge, "charge.refunded", amount_refunded=refunded, refunded=refunded == charge["amount"])
    return refund


def settle(world: World, refund: JSON, *, succeeded: bool) -> JSON:
    """A pending refund has arrived, or has not.

    Raises:
        ValueError: it is not pending.
    """
    if refund["status"] != "pending":
        message = f"the refund is {refund['status']}, not pending"
        raise ValueError(message)
    del refund["pending_reason"]
    if succeeded:
        return world.change(refund, "refund.updated", status="succeeded")
    charge = world.need("charge", refund["charge"])
    world.change(charge, amount_refunded=charge["amount_refunded"] - refund["amount"], refunded=False)
    return world.change(refund, ("refund.updated", "refund.failed"), status="failed", failure_reason="declined")


def _charge_of(world: World, params: Params) -> JSON:
    if ("charge" in params) is ("payment_intent" in params):
        message = "One of the following params should be provided for this request: payment_intent or charge."
        raise invalid(message)
    if "charge" in params:
        charge = world.need("charge", params["charge"], "charge")
    else:
        intent = world.need("payment_intent", params["payment_intent"], "payment_intent")
        charge = world.get("charge", intent["latest_charge"] or "") or {"paid": False}
    if not charge["paid"] or not charge["captured"]:
        message = "This PaymentIntent does not have a successful charge to refund."
        raise invalid(message)
    return charge


def _list(world: World, params: Params) -> JSON:
    equal = {name: params[name] for name in ("charge", "payment_intent") if name in params}
    return page(world, world.all("refund", **equal), params, "/v1/refunds")


REFUND_ROUTES = (
    Route(
        "POST",
        "/v1/refunds",
        _create,
        "payment_intent charge amount:int reason:duplicate|fraudulent|requested_by_customer metadata[*]",
        "RefundCreateParams",
    ),
    Route("GET", "/v1/refunds/{id}", retrieve("refund"), "", "RefundRetrieveParams"),
    Route("GET", "/v1/refunds", _list, "charge payment_intent <list>", "RefundListParams"),
)
