"""Disputes, as far as events tell of them: https://developer.paypal.com/docs/api/customer-disputes/v1/."""

from datetime import timedelta

from .payments import payments_of
from .world import JSON, World, link, said

__all__ = ["ask", "decide", "open_dispute"]

_RESPONSE = timedelta(days=10)
_AWAITED = "WAITING_FOR_SELLER_RESPONSE"
_LOST = frozenset({"RESOLVED_BUYER_FAVOUR", "ACCEPTED"})


def _paid(world: World, payment_id: str) -> JSON:
    """The capture or the sale of a payment.

    Raises:
        ValueError: there is none, or it took no money.
    """
    order = world.get("order", payment_id)
    captures = payments_of(order, "captures") if order is not None else []
    found = captures[0] if captures else world.get("capture", payment_id) or world.get("sale", payment_id)
    if found is None or found.get("status") in {"PENDING", "DECLINED"}:
        message = "the payment has not taken any money"
        raise ValueError(message)
    return found


def open_dispute(world: World, payment_id: str, reason: str, *, asks: bool, risk: bool) -> JSON:
    """The payer asks for the money of a payment.

    Args:
        world: where.
        payment_id: of the capture, of its order, or of a subscription's sale.
        reason: PayPal's word for why.
        asks: whether the merchant's evidence is wanted at once.
        risk: whether PayPal tells it a second time, under the event's older name.

    Raises:
        ValueError: the payment has not taken any money.
    """
    paid = _paid(world, payment_id)
    amount = paid["amount"]
    value = amount if "value" in amount else {"currency_code": amount["currency"], "value": amount["total"]}
    identifier = world.new_id("PP-D-")
    dispute: JSON = {
        "dispute_id": identifier,
        "create_time": said(world.now),
        "update_time": said(world.now),
        "disputed_transactions": [{"seller_transaction_id": paid["id"], "gross_amount": dict(value)}],
        "reason": reason,
        "status": "OPEN",
        "dispute_amount": dict(value),
        "dispute_life_cycle_stage": "CHARGEBACK",
        "dispute_channel": "INTERNAL",
        "links": [link(f"/v1/customer/disputes/{identifier}", "self")],
    }
    world.put("dispute", identifier, dispute)
    if asks:
        dispute |= _asked(world)
    world.tell("CUSTOMER.DISPUTE.CREATED", dispute, "dispute", "")
    if risk:
        world.tell("RISK.DISPUTE.CREATED", dispute, "dispute", "")
    return dispute


def _asked(world: World) -> JSON:
    return {"status": _AWAITED, "seller_response_due_date": said(world.now + _RESPONSE)}


def ask(world: World, dispute: JSON) -> None:
    """The merchant's evidence is wanted; or, where it is already, a message was written.

    Raises:
        ValueError: it is over.
    """
    _check_open(dispute)
    dispute |= {"update_time": said(world.now), **({} if dispute["status"] == _AWAITED else _asked(world))}
    world.tell("CUSTOMER.DISPUTE.UPDATED", dispute, "dispute", "")


def decide(world: World, dispute: JSON, outcome: str) -> None:
    """PayPal has decided. PayPal tells the end twice, as an update, too; and of one that is lost the money that it takes back.

    Raises:
        ValueError: it is over already.
    """
    _check_open(dispute)
    dispute.pop("seller_response_due_date", None)
    decided = {"outcome_code": outcome, "amount_refunded": dispute["dispute_amount"]}
    dispute |= {"status": "RESOLVED", "update_time": said(world.now), "dispute_outcome": decided}
    world.tell("CUSTOMER.DISPUTE.UPDATED", dispute, "dispute", "")
    world.tell("CUSTOMER.DISPUTE.RESOLVED", dispute, "dispute", "")
    capture = world.get("capture", dispute["disputed_transactions"][0]["seller_transaction_id"])
    if capture is not None and outcome in _LOST:
        _take_back(world, capture)


def _take_back(world: World, capture: JSON) -> None:
    taken = world.new_id("")
    up, itself = f"/v2/payments/captures/{capture['id']}", f"/v2/payments/refunds/{taken}"
    reversal: JSON = {
        "id": taken,
        "status": "COMPLETED",
        "amount": dict(capture["amount"]),
        "create_time": said(world.now),
        "links": [link(itself, "self"), link(up, "up")],
    }
    world.tell("PAYMENT.CAPTURE.REVERSED", reversal, "refund")


def _check_open(dispute: JSON) -> None:
    if dispute["status"] == "RESOLVED":
        message = "the dispute is resolved, which is the end of it"
        raise ValueError(message)
