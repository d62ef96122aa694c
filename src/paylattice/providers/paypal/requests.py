"""What goes to PayPal: bodies as pure functions of what the caller asked for."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from ...errors import InvalidRequest
from ...money import Money
from .amounts import v1_amount, v2_amount

__all__ = [
    "capture_request",
    "marked_invoice",
    "note",
    "order_request",
    "refund_request",
    "revision_request",
    "sale_refund_request",
    "subscription_request",
    "vaulted_source",
    "wallet_source",
    "wire_time",
]

_LONGEST_ID = 127
_LONGEST_DESCRIPTION = 127
_LONGEST_REASON = 128
_MERCHANT_INITIATED: Mapping[str, str] = {
    "payment_initiator": "MERCHANT",
    "payment_type": "UNSCHEDULED",
    "usage": "SUBSEQUENT",
}


def _custom_id(customer_id: str) -> str:
    """The one field of PayPal's objects that the application may fill: printable ASCII, up to 127 characters."""
    if len(customer_id) > _LONGEST_ID or not customer_id.isascii() or not customer_id.isprintable():
        message = (
            f"PayPal keeps the customer's id in custom_id, which takes up to {_LONGEST_ID} printable ASCII characters"
        )
        raise InvalidRequest(message, param="customer_id")
    return customer_id


def _shortened(said: str, longest: int) -> str:
    return said if len(said) <= longest else said[: longest - 1] + "…"


def subscription_request(
    *,
    customer_id: str,
    plan_id: str,
    success_url: str,
    cancel_url: str,
    quantity: int,
    trial_days: int | None,
    start_at: datetime | None,
    email: str | None,
    now: datetime,
) -> dict[str, object]:
    """A subscription that waits for the payer's consent, and starts as soon as the payer agrees.

    PayPal has trials in plans only. ``trial_days`` puts off the start instead, and with it the first payment, to the end of the
    day so many days from now: whole days, so that a repeated request is the same.
    """
    body: dict[str, object] = {
        "plan_id": plan_id,
        "custom_id": _custom_id(customer_id),
        "application_context": {
            "return_url": success_url,
            "cancel_url": cancel_url,
            "user_action": "SUBSCRIBE_NOW",
            "shipping_preference": "NO_SHIPPING",
        },
    }
    if quantity != 1:
        body["quantity"] = str(quantity)
    if email is not None:
        body["subscriber"] = {"email_address": email}
    if trial_days:
        midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        start = midnight + timedelta(days=trial_days + 1)
        body["start_time"] = wire_time(start)
    if start_at is not None:
        body["start_time"] = wire_time(start_at)
    return body


def order_request(
    amount: Money,
    *,
    capture: bool,
    customer_id: str | None,
    description: str | None,
    invoice_id: str | None,
    source: Mapping[str, object] | None,
) -> dict[str, object]:
    """An order for one payment.

    Args:
        amount: what is to be paid.
        capture: take the money, or only authorize it.
        customer_id: kept in ``custom_id``.
        description: for the payer; cut to 127 characters.
        invoice_id: PayPal takes one id for one payment only, for as long as the account exists: a second net below the
            idempotency key, which it forgets after hours.
        source: how it is paid; None: the browser says it.
    """
    unit: dict[str, object] = {"amount": v2_amount(amount)}
    if customer_id is not None:
        unit["custom_id"] = _custom_id(customer_id)
    if description is not None:
        unit["description"] = _shortened(description, _LONGEST_DESCRIPTION)
    if invoice_id is not None and len(invoice_id) <= _LONGEST_ID:
        unit["invoice_id"] = invoice_id
    body: dict[str, object] = {"intent": "CAPTURE" if capture else "AUTHORIZE", "purchase_units": [unit]}
    return body if source is None else {**body, "payment_source": source}


def wallet_source(success_url: str, cancel_url: str) -> dict[str, object]:
    """PayPal's own page."""
    context = {
        "return_url": success_url,
        "cancel_url": cancel_url,
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
    }
    return {"paypal": {"experience_context": context}}


def vaulted_source(kind: str, payment_method_id: str) -> dict[str, object]:
    """A payment method that is saved in the vault, charged while the payer is away."""
    if kind not in {"card", "paypal", "venmo"}:
        message = f"PayPal charges saved cards and PayPal or Venmo wallets, and not a {kind[:40]!r}"
        raise InvalidRequest(message, param="payment_method_id")
    details: dict[str, object] = {"vault_id": payment_method_id}
    if kind == "card":
        details["stored_credential"] = dict(_MERCHANT_INITIATED)
    return {kind: details}


def capture_request(amount: Money | None, part: str | None = None) -> dict[str, object]:
    """The capture of an authorization.

    Args:
        amount: None: all of it.
        part: the invoice id of a part after which the rest stays reserved; None: what is not taken is released.
    """
    body: dict[str, object] = {"final_capture": part is None}
    if part is not None:
        body["invoice_id"] = part
    if amount is not None:
        body["amount"] = v2_amount(amount)
    return body


def reauthorization_request(amount: Money | None) -> dict[str, object]:
    """The renewal of an authorization; None: of the same amount."""
    return {"amount": v2_amount(amount)} if amount is not None else {}


def refund_request(amount: Money | None, reason: str | None) -> dict[str, object]:
    """The refund of a capture; an empty one gives back all that is left."""
    body: dict[str, object] = {}
    if amount is not None:
        body["amount"] = v2_amount(amount)
    if reason is not None:
        body["note_to_payer"] = _shortened(reason, 255)
    return body


def marked_invoice(invoice_id: str | None, mark: str) -> str:
    """The invoice id of a refund that must be found again: the payment's, which the payer knows, and a mark after it."""
    known = (invoice_id or "")[: _LONGEST_ID - len(mark) - 1]
    return f"{known}-{mark}" if known else mark


def sale_refund_request(amount: Money | None, reason: str | None) -> dict[str, object]:
    """The refund of a sale, in the older shape."""
    body: dict[str, object] = {}
    if amount is not None:
        body["amount"] = v1_amount(amount)
    if reason is not None:
        body["description"] = _shortened(reason, 255)
    return body


def revision_request(plan_id: str | None, quantity: int | None) -> dict[str, object]:
    """A change of plan or quantity."""
    body: dict[str, object] = {}
    if plan_id is not None:
        body["plan_id"] = plan_id
    if quantity is not None:
        body["quantity"] = str(quantity)
    return body


def note(reason: str | None, otherwise: str) -> dict[str, object]:
    """The reason that PayPal wants for every change of a subscription's status."""
    return {"reason": _shortened(reason or otherwise, _LONGEST_REASON)}


def wire_time(moment: datetime) -> str:
    """A time as PayPal's queries take it: UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
