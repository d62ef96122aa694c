"""What PayPal answers when it refuses: https://developer.paypal.com/api/rest/responses/."""

from collections.abc import Sequence
from typing import Any

import attrs

__all__ = ["Refusal", "body_of", "conflict", "invalid", "missing", "unprocessable"]

_NAMES = {
    400: "INVALID_REQUEST",
    401: "AUTHENTICATION_FAILURE",
    403: "NOT_AUTHORIZED",
    404: "RESOURCE_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    422: "UNPROCESSABLE_ENTITY",
    429: "RATE_LIMIT_REACHED",
    500: "INTERNAL_SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


@attrs.frozen
class Refusal(Exception):
    """PayPal says no.

    Args:
        status: the HTTP status.
        issue: the machine's word.
        said: for people.
        field: which one is wrong.
        links: where the payer can go.
    """

    status: int
    issue: str | None = None
    said: str = ""
    field: str | None = None
    links: Sequence[dict[str, Any]] = ()


def body_of(refusal: Refusal, debug_id: str) -> dict[str, Any]:
    """The error body."""
    body: dict[str, Any] = {
        "name": _NAMES.get(refusal.status, "UNPROCESSABLE_ENTITY"),
        "message": refusal.said or f"HTTP {refusal.status}.",
        "debug_id": debug_id,
    }
    if refusal.issue is not None:
        detail: dict[str, Any] = {"issue": refusal.issue, "description": refusal.said}
        if refusal.field is not None:
            detail |= {"field": refusal.field, "location": "body"}
        body["details"] = [detail]
    if refusal.links:
        body["links"] = list(refusal.links)
    return body


def invalid(issue: str, said: str, field: str | None = None) -> Refusal:
    """The request is not well formed."""
    return Refusal(400, issue, said, field)


def missing() -> Refusal:
    """There is no such object."""
    return Refusal(404, "INVALID_RESOURCE_ID", "Specified resource ID does not exist.")


def unprocessable(issue: str, said: str, field: str | None = None, links: Sequence[dict[str, Any]] = ()) -> Refusal:
    """The request is well formed, and cannot be done."""
    return Refusal(422, issue, said, field, links)


def conflict(issue: str, said: str) -> Refusal:
    """Somebody else is at it."""
    return Refusal(409, issue, said)
