"""Stripe's error bodies: https://docs.stripe.com/api/errors."""

from collections.abc import Mapping

from ..dispatch import Refused

__all__ = ["Refusal", "card_error", "in_other_mode", "invalid", "missing"]


class Refusal(Refused):
    """A request is refused; or what a test asked for makes no sense.

    Args:
        status: the HTTP status.
        error: the ``error`` object of the body.
    """

    def __init__(self, status: int, error: Mapping[str, object]) -> None:
        super().__init__(str(error.get("message")))
        self.status = status
        self.error = error


def invalid(message: str, *, param: str | None = None, code: str | None = None, **more: object) -> Refusal:
    """400: the request is wrong, or the object's state forbids it."""
    said = {"code": code, "message": message, "param": param, "type": "invalid_request_error", **more}
    return Refusal(400, {name: value for name, value in said.items() if value is not None})


def missing(kind: str, identifier: str, param: str = "id") -> Refusal:
    """There is no such object: 404 for the one that the path names, 400 for one that a parameter refers to."""
    word = kind.replace(".", " ").replace("_", " ") if kind != "payment_method" else "PaymentMethod"
    error = {
        "code": "resource_missing",
        "message": f"No such {word}: '{identifier}'",
        "param": param,
        "type": "invalid_request_error",
    }
    return Refusal(404 if param == "id" else 400, error)


def in_other_mode(kind: str, identifier: str) -> Refusal:
    """There is such an object, and the key is of the other mode."""
    refused = missing(kind, identifier)
    elsewhere = "a similar object exists in live mode, but a test mode key was used to make this request."
    message = f"{refused.error['message']}; {elsewhere}"
    return Refusal(refused.status, {**refused.error, "message": message})


_OWN_CODES = frozenset(
    {"authentication_required", "expired_card", "incorrect_cvc", "incorrect_number", "processing_error"}
)
"""Reasons that are error codes of their own; all others come as ``card_declined``."""


def card_error(reason: str, *, charge: str | None = None, payment_method: object = None) -> dict[str, object]:
    """The error of a declined payment.

    Args:
        reason: the decline code: https://docs.stripe.com/declines/codes.
        charge: the charge that failed.
        payment_method: what was charged.
    """
    error = {
        "charge": charge,
        "code": reason if reason in _OWN_CODES else "card_declined",
        "decline_code": reason,
        "message": f"Your card was declined ({reason.replace('_', ' ')}).",
        "payment_method": payment_method,
        "type": "card_error",
    }
    return {name: value for name, value in error.items() if value is not None}
