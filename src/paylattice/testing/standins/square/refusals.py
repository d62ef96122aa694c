"""What Square answers when it refuses: https://developer.squareup.com/docs/build-basics/general-considerations/handling-errors."""

from typing import Any

__all__ = ["Refusal", "bad", "declined", "missing", "stale"]


class Refusal(Exception):
    """Square says no.

    Args:
        status: the HTTP status.
        category: Square's word for the kind.
        code: Square's word for it.
        detail: for people.
        field: which one is wrong.
    """

    def __init__(self, status: int, category: str, code: str, detail: str, field: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.category = category
        self.code = code
        self.detail = detail
        self.field = field

    def body(self) -> dict[str, Any]:
        """The error body."""
        error = {"category": self.category, "code": self.code, "detail": self.detail}
        return {"errors": [{**error, "field": self.field} if self.field else error]}


def bad(code: str, detail: str, field: str | None = None) -> Refusal:
    """The request is wrong."""
    return Refusal(400, "INVALID_REQUEST_ERROR", code, detail, field)


def missing(what: str = "Resource") -> Refusal:
    """There is no such object."""
    return Refusal(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", f"{what} not found.")


def stale() -> Refusal:
    """Somebody else has changed the object since."""
    return Refusal(
        409, "INVALID_REQUEST_ERROR", "VERSION_MISMATCH", "The object was changed: read it again.", "version"
    )


def declined(code: str) -> Refusal:
    """The card was declined."""
    return Refusal(400, "PAYMENT_METHOD_ERROR", code, f"Authorization error: '{code}'")
