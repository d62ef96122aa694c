"""Disputes: https://docs.stripe.com/api/disputes, and the links between invoices and payments: .../api/invoice-payment."""

from .pages import page
from .refusals import invalid
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["DISPUTE_ROUTES", "decide", "open_dispute"]

_RESPONSE_DAYS = 7 * 86_400
_OPEN = frozenset({"needs_response", "under_review", "warning_needs_response", "warning_under_review"})


def open_dispute(world: World, intent: JSON, amount: int | None, reason: str, *, inquiry: bool) -> JSON:
    """The payer's bank asks for the money of a payment; an inquiry takes none yet.

    Raises:
        ValueError: the payment has not taken any money.
    """
    charge = world.get("charge", intent["latest_charge"] or "")
    if charge is None or not charge["paid"] or not charge["captured"]:
        message = "the payment has not taken any money"
        raise ValueError(message)
    world.change(charge, disputed=True)
    data: JSON = {
        "object": "dispute",
        "amount": charge["amount"] if amount is None else amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "currency": charge["currency"],
        "evidence": {},
        "evidence_details": {
            "due_by": world.now + _RESPONSE_DAYS,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": inquiry,
        "metadata": {},
        "payment_intent": intent["id"],
        "reason": reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    dispute = world.add("dp", data, "charge.dispute.created")
    if not inquiry:
        world.tell("charge.dispute.funds_withdrawn", dispute)
    return dispute


def decide(world: World, dispute: JSON, status: str) -> JSON:
    """The bank has decided: ``won``, ``lost``, or ``warning_closed`` for an inquiry.

    Raises:
        ValueError: it is over already.
    """
    if dispute["status"] not in _OPEN:
        message = f"the dispute is {dispute['status']}, which is the end of it"
        raise ValueError(message)
    world.change(dispute, "charge.dispute.closed", status=status)
    if status == "won":
        world.tell("charge.dispute.funds_reinstated", dispute)
    return dispute


def _update(world: World, params: Params, dispute_id: str) -> JSON:
    dispute = world.need("dispute", dispute_id)
    if dispute["status"] not in _OPEN:
        message = "This dispute is already closed"
        raise invalid(message)
    said = params.get("evidence", {})
    details = {**dispute["evidence_details"], "has_evidence": True}
    status = dispute["status"]
    if params.get("submit", True):
        details["submission_count"] += 1
        status = status.replace("needs_response", "under_review")
    return world.change(
        dispute,
        "charge.dispute.updated",
        evidence={**dispute["evidence"], **said},
        evidence_details=details,
        status=status,
    )


def _close(world: World, _params: Params, dispute_id: str) -> JSON:
    dispute = world.need("dispute", dispute_id)
    if dispute["status"] not in _OPEN:
        message = "This dispute is already closed"
        raise invalid(message)
    return decide(world, dispute, "lost")


def _list(world: World, params: Params) -> JSON:
    equal = {name: params[name] for name in ("charge", "payment_intent") if name in params}
    return page(world, world.all("dispute", **equal), params, "/v1/disputes")


def _invoice_payments(world: World, params: Params) -> JSON:
    wanted = params.get("payment", {}).get("payment_intent")
    equal = {name: params[name] for name in ("invoice", "status") if name in params}
    rows = [row for row in world.all("invoice_payment", **equal) if wanted in {None, row["payment"]["payment_intent"]}]
    return page(world, rows, params, "/v1/invoice_payments")


DISPUTE_ROUTES = (
    Route("GET", "/v1/disputes", _list, "charge payment_intent <list>", "DisputeListParams"),
    Route("GET", "/v1/disputes/{id}", retrieve("dispute"), "", "DisputeRetrieveParams"),
    Route("POST", "/v1/disputes/{id}", _update, "evidence[uncategorized_text] submit:bool", "DisputeUpdateParams"),
    Route("POST", "/v1/disputes/{id}/close", _close, "", "DisputeCloseParams"),
    Route("GET", "/v1/invoice_payments/{id}", retrieve("invoice_payment"), "", "InvoicePaymentRetrieveParams"),
    Route(
        "GET",
        "/v1/invoice_payments",
        _invoice_payments,
        "invoice status:canceled|open|paid payment[type]:payment_intent payment[payment_intent] <page>",
        "InvoicePaymentListParams",
    ),
)
