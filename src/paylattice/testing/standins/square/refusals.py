"""What Square answers when it refuses: https://developer.squareup.com/docs/build-basics/general-considerations/handling-errors."""

from typing import Any

from ..dispatch import Refused

__all__ = ["Refusal", "bad", "conflict", "declined", "forbidden", "missing", "refused_refund", "unauthorized"]


class Refusal(Refused):
    """Square says no.

    Args:
        status: the HTTP status.
        category: Square's word for the kind.
        code: Square's word for it.
        detail: for people.
        field: which one is wrong.
        more: what the body holds besides the error.
    """

    def __init__(
        self,
        status: int,
        category: str,
        code: str,
        detail: str,
        field: str | None = None,
        *,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.category = category
        self.code = code
        self.detail = detail
        self.field = field
        self.more: dict[str, Any] = more or {}

    def body(self) -> dict[str, Any]:
        """The error body."""
        error = {"category": self.category, "code": self.code, "detail": self.detail}
        return {"errors": [{**error, "field": self.field} if self.field else error], **self.more}


def bad(code: str, detail: str, field: str | None = None) -> Refusal:
    """The request is wrong."""
    return Refusal(400, "INVALID_REQUEST_ERROR", code, detail, field)


def missing(what: str = "Resource") -> Refusal:
    """There is no such object."""
    return Refusal(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", f"{what} not found.")


def conflict(code: str = "VERSION_MISMATCH", field: str | None = "version", *, status: int = 409) -> Refusal:
    """The object has changed since. Square has two codes and two statuses for it, by endpoint."""
    return Refusal(status, "INVALID_REQUEST_ERROR", code, "The object has changed since: read it again.", field)


def declined(code: str, payment: dict[str, Any] | None = None) -> Refusal:
    """The bank declines. The error response also holds the failed payment."""
    more = {"payment": payment} if payment else None
    return Refusal(400, "PAYMENT_METHOD_ERROR", code, f"Authorization error: '{code}'", more=more)


def refused_refund(code: str, detail: str, field: str | None = None) -> Refusal:
    """This money cannot be given back."""
    return Refusal(400, "REFUND_ERROR", code, detail, field)


def unauthorized(detail: str) -> Refusal:
    """The token is unknown."""
    return Refusal(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", detail)


def forbidden(detail: str) -> Refusal:
    """The token is known, and not allowed to."""
    return Refusal(403, "AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES", detail)
