"""Reads Square's error responses, by tables from code and category to this library's errors.

An error body is ``{"errors": [{"category", "code", "detail", "field"}]}``; some come inside a 200. Codes are open words: not
every one that the endpoints name is in the published list. Source:
https://developer.squareup.com/docs/build-basics/handling-errors and
https://developer.squareup.com/reference/square/enums/ErrorCode.
"""

from collections.abc import Mapping

from ...errors import (
    ActionRequired,
    AuthenticationError,
    Conflict,
    Declined,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    PaymentError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
from ...jsonlike import JsonObject, child, children, parse_object, text
from ...transport.answers import ErrorResponse
from ...transport.messages import Response
from .declines import advice_of, reason_of

__all__ = [
    "INVALID_CURSOR",
    "decline_of",
    "error_response_from",
    "errors_in",
    "retry_hint",
    "status_of",
]

INVALID_CURSOR = "INVALID_CURSOR"

KINDS: Mapping[str, type[PaymentError]] = {
    code: kind
    for kind, codes in {
        AuthenticationError: (
            "UNAUTHORIZED ACCESS_TOKEN_EXPIRED ACCESS_TOKEN_REVOKED CLIENT_DISABLED APPLICATION_DISABLED V1_ACCESS_TOKEN "
            "V1_APPLICATION"
        ),
        PermissionDenied: (
            "FORBIDDEN INSUFFICIENT_SCOPES INSUFFICIENT_PERMISSIONS INSUFFICIENT_PERMISSIONS_FOR_REFUND "
            "CARD_PROCESSING_NOT_ENABLED MERCHANT_SUBSCRIPTION_NOT_FOUND"
        ),
        NotFound: "NOT_FOUND GONE",
        IdempotencyMismatch: "IDEMPOTENCY_KEY_REUSED",
        Conflict: (
            "VERSION_MISMATCH CONFLICT REFUND_ALREADY_PENDING PAYMENT_NOT_REFUNDABLE "
            "PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE REFUND_ERROR_PAYMENT_NEEDS_COMPLETION REFUND_DECLINED "
            "DELAYED_TRANSACTION_EXPIRED DELAYED_TRANSACTION_CANCELED DELAYED_TRANSACTION_CAPTURED "
            "DELAYED_TRANSACTION_FAILED CHECKOUT_EXPIRED RESERVATION_DECLINED ORDER_UNPAID_NOT_RETURNABLE"
        ),
        RateLimited: "RATE_LIMITED PLAID_ERROR_RATE_LIMIT",
        ActionRequired: "CARD_DECLINED_VERIFICATION_REQUIRED PLAID_ERROR_ITEM_LOGIN_REQUIRED",
        ProviderUnavailable: (
            "TEMPORARY_ERROR INTERNAL_SERVER_ERROR BAD_GATEWAY SERVICE_UNAVAILABLE GATEWAY_TIMEOUT REQUEST_TIMEOUT"
        ),
        InvalidRequest: (
            "CARD_TOKEN_USED CARD_TOKEN_EXPIRED SOURCE_USED SOURCE_EXPIRED REFUND_AMOUNT_INVALID CURRENCY_MISMATCH "
            "CUSTOMER_NOT_FOUND INVALID_LOCATION LOCATION_MISMATCH AMOUNT_TOO_HIGH AMOUNT_TOO_LOW "
            "PLAID_ERROR_INSUFFICIENT_CREDENTIALS PLAID_ERROR_INVALID_ACCESS_TOKEN PLAID_ERROR_INVALID_ACCOUNT_ID "
            "PLAID_ERROR_ITEM_NOT_FOUND PLAID_ERROR_ITEM_NOT_SUPPORTED PLAID_ERROR_NO_ACCOUNTS"
        ),
    }.items()
    for code in codes.split()
}
"""Codes that say more than their category does."""

CATEGORIES: Mapping[str, type[PaymentError]] = {
    "API_ERROR": ProviderUnavailable,
    "AUTHENTICATION_ERROR": AuthenticationError,
    "INVALID_REQUEST_ERROR": InvalidRequest,
    "RATE_LIMIT_ERROR": RateLimited,
    "PAYMENT_METHOD_ERROR": Declined,
    "REFUND_ERROR": Conflict,
    "MERCHANT_SUBSCRIPTION_ERROR": PermissionDenied,
    "EXTERNAL_VENDOR_ERROR": ProviderUnavailable,
}
"""https://developer.squareup.com/reference/square/enums/ErrorCategory"""

_BY_STATUS = frozenset({401, 403, 404, 408, 409, 410, 429})
"""HTTP statuses that say more than the category: a 404 comes as an INVALID_REQUEST_ERROR, too."""

_TRANSIENT = frozenset({"CONFLICT"})
"""Conflicts that go away by themselves."""

_COMPANIONS = frozenset({"GIFT_CARD_AVAILABLE_AMOUNT"})
"""Codes that only come beside the one that says what happened."""

_GENERAL = frozenset({"GENERIC_DECLINE", "CARD_DECLINED"})
"""Codes that say no more than that it was declined: one that comes beside them says why."""

_STATUS_OF: Mapping[type[PaymentError], int] = {
    ProviderUnavailable: 500,
    AuthenticationError: 401,
    PermissionDenied: 403,
    NotFound: 404,
    Conflict: 409,
    RateLimited: 429,
}

_SOURCE = "source_id"
"""What pays, or is saved: of a 404 that names it, what was sent is wrong; what the request is about is there."""

_DETAILS = ("card_details", "bank_account_details", "square_account_details")
"""Where a payment says what went wrong with its source: https://developer.squareup.com/reference/square/objects/Payment."""

_SERVER_ERROR = 500
_CLIENT_ERROR = 400


def errors_in(body: JsonObject) -> tuple[JsonObject, ...]:
    """The errors of a body, the most telling first; what has neither code nor category is none."""
    found = [error for error in children(body, "errors") if text(error, "code") or text(error, "category")]
    return tuple(sorted(found, key=_says_less))


def _says_less(error: JsonObject) -> tuple[bool, bool]:
    code = text(error, "code")
    return code in _COMPANIONS, code in _GENERAL


def _kind(error: JsonObject, status: int) -> type[PaymentError] | None:
    category = text(error, "category")
    by_code = KINDS.get(text(error, "code") or "")
    if by_code is NotFound and text(error, "field") == _SOURCE:
        return InvalidRequest
    if by_code is not None:
        return by_code
    if status in _BY_STATUS and category != "PAYMENT_METHOD_ERROR":
        return None
    return CATEGORIES.get(category or "")


def error_response_from(body: JsonObject, response: Response) -> ErrorResponse | None:
    """What an error body says; None if it holds no error of Square's."""
    found = errors_in(body)
    if not found:
        return None
    error = found[0]
    code = text(error, "code")
    return ErrorResponse(
        kind=_kind(error, response.status),
        code=code,
        message=text(error, "detail"),
        param=text(error, "field"),
        reason=reason_of(code),
        advice=advice_of(code),
        payment_id=text(child(body, "payment"), "id"),
        transient=code in _TRANSIENT if code in KINDS else None,
    )


def status_of(body: JsonObject) -> int:
    """The HTTP status that errors inside a 200 amount to."""
    found = errors_in(body)
    kind = _kind(found[0], 0) if found else None
    return _STATUS_OF.get(kind or InvalidRequest, _CLIENT_ERROR)


def retry_hint(response: Response) -> bool | None:
    """What the answer says about sending the same request again.

    ``TEMPORARY_ERROR`` comes as a decline and means "again, with the same key"; of the conflicts, ``CONFLICT`` passes by
    itself, and a version that does not match does not.
    """
    if not _CLIENT_ERROR <= response.status < _SERVER_ERROR:
        return None
    body = parse_object(response.body)
    codes = {text(error, "code") for error in errors_in(body)} if body is not None else set[str | None]()
    return True if codes & {"TEMPORARY_ERROR", "CONFLICT"} else None


def decline_of(payment: JsonObject) -> ErrorResponse | None:
    """What is wrong with a payment that was answered and did not succeed; None if nothing is."""
    if text(payment, "status") not in {"FAILED", "CANCELED"}:
        return None
    found = tuple(error for details in _DETAILS for error in errors_in(child(payment, details)))
    code = text(found[0], "code") if found else None
    return ErrorResponse(
        kind=Declined,
        code=code,
        message=text(found[0], "detail") if found else None,
        reason=reason_of(code),
        advice=advice_of(code),
        payment_id=text(payment, "id"),
    )
