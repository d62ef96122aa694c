"""Charging: PaymentIntents and the charges behind them, whatever the cause (an endpoint, an invoice, a page)."""

from collections.abc import Mapping

from .bank import AUTHENTICATE
from .refusals import card_error
from .world import JSON, World

__all__ = ["cancel", "capture", "confirm", "decline", "new_intent", "succeed"]


def new_intent(
    world: World,
    amount: int,
    currency: str,
    customer: str | None,
    *,
    method: str | None = None,
    capture_method: str = "automatic_async",
    description: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> JSON:
    """An unconfirmed PaymentIntent."""
    identifier = world.new_id("pi")
    data: JSON = {
        "object": "payment_intent",
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": capture_method,
        "client_secret": f"{identifier}_secret_standin{world.count('payment_intent') + 1:06d}",
        "confirmation_method": "automatic",
        "currency": currency,
        "customer": customer,
        "description": description,
        "last_payment_error": None,
        "latest_charge": None,
        "metadata": dict(metadata or {}),
        "next_action": None,
        "payment_method": method,
        "payment_method_options": {},
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "setup_future_usage": None,
        "statement_descriptor": None,
        "status": "requires_confirmation" if method else "requires_payment_method",
        "transfer_data": None,
    }
    return world.add("pi", data, "payment_intent.created", known_as=identifier)


def confirm(world: World, intent: JSON, method: JSON, *, off_session: bool = False) -> JSON | None:
    """Try to take the money, or to reserve it.

    Returns:
        The error if the bank declined; None if it did not, or if the payer must act first.
    """
    said = world.bank.verdict(intent["customer"], method.get("_verdict"))
    if said == AUTHENTICATE and not off_session:
        world.change(
            intent,
            "payment_intent.requires_action",
            payment_method=method["id"],
            status="requires_action",
            next_action={"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "stripe_3ds2_fingerprint"}},
            last_payment_error=None,
        )
        return None
    if said is not None:
        return decline(world, intent, method, "authentication_required" if said == AUTHENTICATE else said)
    succeed(world, intent, method)
    return None


def succeed(world: World, intent: JSON, method: JSON) -> None:
    """The bank says yes."""
    manual = intent["capture_method"] == "manual"
    charge = _charge(world, intent, method, captured=not manual)
    amount = intent["amount"]
    world.change(
        intent,
        "payment_intent.amount_capturable_updated" if manual else "payment_intent.succeeded",
        amount_capturable=amount if manual else 0,
        amount_received=0 if manual else amount,
        last_payment_error=None,
        latest_charge=charge["id"],
        next_action=None,
        payment_method=method["id"],
        processing=None,
        status="requires_capture" if manual else "succeeded",
    )


def capture(world: World, intent: JSON, amount: int) -> None:
    """Take reserved money; the rest is released, which Stripe counts as refunded."""
    charge = world.need("charge", intent["latest_charge"])
    released = intent["amount"] - amount
    world.change(charge, "charge.captured", amount_captured=amount, amount_refunded=released, captured=True)
    charge["balance_transaction"] = _booked(world, charge)
    world.change(intent, "payment_intent.succeeded", amount_capturable=0, amount_received=amount, status="succeeded")


def cancel(world: World, intent: JSON, reason: str | None) -> None:
    """Give up; reserved money is released."""
    if intent["status"] == "requires_capture":
        charge = world.need("charge", intent["latest_charge"])
        world.change(charge, "charge.refunded", amount_refunded=charge["amount"], refunded=True)
    world.change(
        intent,
        "payment_intent.canceled",
        amount_capturable=0,
        canceled_at=world.now,
        cancellation_reason=reason,
        next_action=None,
        status="canceled",
    )


def decline(world: World, intent: JSON, method: JSON, reason: str) -> JSON:
    """The bank says no; the error that tells so."""
    charge = _charge(world, intent, method, captured=False, failure=reason)
    sent = world.render(world, method)
    error = card_error(reason, charge=charge["id"], payment_method=sent)
    world.change(
        intent,
        "payment_intent.payment_failed",
        last_payment_error=error,
        latest_charge=charge["id"],
        next_action=None,
        payment_method=None,
        processing=None,
        status="requires_payment_method",
    )
    return error


def _charge(world: World, intent: JSON, method: JSON, *, captured: bool, failure: str | None = None) -> JSON:
    amount = intent["amount"]
    error = card_error(failure) if failure else {}
    card = {name: value for name, value in method["card"].items() if name != "display_brand"}
    data: JSON = {
        "object": "charge",
        "amount": amount,
        "amount_captured": amount if captured else 0,
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": method["billing_details"],
        "captured": captured,
        "currency": intent["currency"],
        "customer": intent["customer"],
        "description": intent["description"],
        "disputed": False,
        "failure_code": error.get("code"),
        "failure_message": error.get("message"),
        "metadata": intent["metadata"],
        "outcome": {
            "network_status": "declined_by_network" if failure else "approved_by_network",
            "reason": failure,
            "type": "issuer_declined" if failure else "authorized",
        },
        "paid": not failure,
        "payment_intent": intent["id"],
        "payment_method": method["id"],
        "payment_method_details": {"card": card, "type": method["type"]},
        "receipt_email": None,
        "receipt_url": None,
        "refunded": False,
        "status": "failed" if failure else "succeeded",
    }
    charge = world.add("ch", data, "charge.failed" if failure else "charge.succeeded")
    if captured:
        charge["balance_transaction"] = _booked(world, charge)
    return charge


def _booked(world: World, charge: JSON) -> str:
    """Stripe books a captured charge, with its fee, a moment later: https://docs.stripe.com/api/balance_transactions."""
    amount, currency = charge["amount_captured"], charge["currency"]
    fee = min(amount, round(amount * 0.029) + 30)
    what = {"amount": fee, "application": None, "currency": currency, "description": "Fees", "type": "stripe_fee"}
    data: JSON = {
        "object": "balance_transaction",
        "amount": amount,
        "available_on": world.now + 2 * 86_400,
        "balance_type": "payments",
        "currency": currency,
        "description": charge["description"],
        "exchange_rate": None,
        "fee": fee,
        "fee_details": [what],
        "net": amount - fee,
        "reporting_category": "charge",
        "source": charge["id"],
        "status": "pending",
        "type": "charge",
    }
    return str(world.add("txn", data)["id"])
