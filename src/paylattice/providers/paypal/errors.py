"""Reads PayPal's error responses: what each issue means in this library's errors.

``details[].issue`` is the machine's word; ``name`` stands in where there is none. The lists are those of
https://developer.paypal.com/api/rest/reference/orders/v2/errors/ and of the API descriptions.
"""

from collections.abc import Mapping

from ...arguments import web_address
from ...errors import (
    ActionRequired,
    Advice,
    AuthenticationError,
    Conflict,
    Declined,
    DeclineReason,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    PaymentError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
from ...jsonlike import JsonObject, children, parse_object, text
from ...transport import Response
from ...transport.answers import ErrorResponse
from .wire import approval_url

__all__ = ["ALREADY_DONE", "error_response_from", "retry_hint"]

_R = DeclineReason
_REFUSED = range(400, 500)

DECLINES: Mapping[str, DeclineReason] = {
    "INSTRUMENT_DECLINED": _R.ISSUER_DECLINED,
    "TRANSACTION_REFUSED": _R.ISSUER_DECLINED,
    "PAYER_CANNOT_PAY": _R.NOT_SUPPORTED,
    "PAYER_ACCOUNT_RESTRICTED": _R.NOT_SUPPORTED,
    "PAYER_ACCOUNT_LOCKED_OR_CLOSED": _R.NOT_SUPPORTED,
    "PAYEE_BLOCKED_TRANSACTION": _R.LOST_STOLEN_OR_FRAUD,
    "TRANSACTION_BLOCKED_BY_PAYEE": _R.LOST_STOLEN_OR_FRAUD,
    "COMPLIANCE_VIOLATION": _R.LOST_STOLEN_OR_FRAUD,
    "TRANSACTION_LIMIT_EXCEEDED": _R.INSUFFICIENT_FUNDS,
    "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED": _R.TRY_AGAIN,
    "CARD_EXPIRED": _R.EXPIRED_CARD,
    "CARD_TYPE_NOT_SUPPORTED": _R.NOT_SUPPORTED,
    "CARD_BRAND_NOT_SUPPORTED": _R.NOT_SUPPORTED,
    "PAYER_COUNTRY_NOT_SUPPORTED": _R.NOT_SUPPORTED,
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": _R.INSUFFICIENT_FUNDS,
    "CANNOT_BE_PAID_WITH_THIS_INSTRUMENT": _R.NOT_SUPPORTED,
    "REFUND_FAILED_INSUFFICIENT_FUNDS": _R.INSUFFICIENT_FUNDS,
    "SUBSCRIBER_ACCOUNT_LOCKED": _R.NOT_SUPPORTED,
    "SUBSCRIBER_ACCOUNT_CLOSED": _R.NOT_SUPPORTED,
    "SUBSCRIBER_ACCOUNT_RESTRICTED": _R.NOT_SUPPORTED,
    "USER_ACCOUNT_CLOSED": _R.NOT_SUPPORTED,
    "ALIAS_DECLINED_BY_PROCESSOR": _R.ISSUER_DECLINED,
    "PAYMENT_SOURCE_DECLINED_BY_PROCESSOR": _R.ISSUER_DECLINED,
    "DECLINED_DUE_TO_RELATED_TXN": _R.ISSUER_DECLINED,
    "AUTHORIZATION_DENIED": _R.ISSUER_DECLINED,
    "REFERENCED_CARD_EXPIRED": _R.EXPIRED_CARD,
    "PAYMENT_SOURCE_CANNOT_BE_USED": _R.NOT_SUPPORTED,
}
"""The payer's side, or PayPal's risk check, said no."""

FOR_THE_PAYER: frozenset[str] = frozenset(
    {
        "PAYER_ACTION_REQUIRED",
        "ORDER_NOT_APPROVED",
        "ORDER_IS_PENDING_APPROVAL",
        "CONTINGENCY_REQUIRED",
        "CONSENT_NEEDED",
        "AGREEMENT_NOT_APPROVED",
    }
)
"""The payer has to go to the page once more."""

ALREADY_DONE: frozenset[str] = frozenset(
    {
        "ORDER_ALREADY_CAPTURED",
        "ORDER_ALREADY_AUTHORIZED",
        "ORDER_COMPLETED_OR_VOIDED",
        "AUTHORIZATION_ALREADY_CAPTURED",
        "PREVIOUSLY_CAPTURED",
        "PREVIOUSLY_VOIDED",
        "AUTHORIZATION_VOIDED",
        "CAPTURE_FULLY_REFUNDED",
        "TRANSACTION_ALREADY_REFUNDED",
        "TRANSACTION_ALREADY_REFUNDED_OR_REVERSED",
        "SUBSCRIPTION_STATUS_INVALID",
        "SUBSCRIPTION_CANNOT_BE_CANCELLED",
        "SUBSCRIPTION_CANNOT_BE_ACTIVATED",
        "AGREEMENT_ALREADY_CANCELLED",
        "ORDER_ALREADY_COMPLETED",
        "ORDER_EXPIRED",
        "PAYMENT_ALREADY_APPROVED",
        "AUTHORIZATION_EXPIRED",
        "CANNOT_BE_VOIDED",
        "MAX_CAPTURE_COUNT_EXCEEDED",
        "CAPTURE_STATUS_NOT_VALID",
        "PENDING_CAPTURE",
        "TRANSACTION_DISPUTED",
        "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK",
        "ZERO_OUTSTANDING_BALANCE",
    }
)
"""The object is in a state in which this cannot be done, perhaps because it is done already: reading it tells."""

KINDS: Mapping[str, type[PaymentError]] = {
    "AUTHENTICATION_FAILURE": AuthenticationError,
    "INVALID_TOKEN": AuthenticationError,
    "NOT_AUTHORIZED": PermissionDenied,
    "PERMISSION_DENIED": PermissionDenied,
    "PERMISSION_NOT_GRANTED": PermissionDenied,
    "PAYEE_ACCOUNT_RESTRICTED": PermissionDenied,
    "PAYEE_ACCOUNT_LOCKED_OR_CLOSED": PermissionDenied,
    "PAYEE_ACCOUNT_INVALID": PermissionDenied,
    "PAYEE_ACCOUNT_NOT_VERIFIED": PermissionDenied,
    "PAYEE_NOT_ENABLED_FOR_BANK_PROCESSING": PermissionDenied,
    "PAYEE_NOT_ENABLED_FOR_CARD_PROCESSING": PermissionDenied,
    "NOT_ENABLED_FOR_BANK_PROCESSING": PermissionDenied,
    "NOT_ENABLED_FOR_CARD_PROCESSING": PermissionDenied,
    "NOT_ENABLED_TO_VAULT_PAYMENT_SOURCE": PermissionDenied,
    "AUTH_CAPTURE_NOT_ENABLED": PermissionDenied,
    "CARD_SUBSCRIPTIONS_NOT_ENABLED": PermissionDenied,
    "RESOURCE_NOT_FOUND": NotFound,
    "INVALID_RESOURCE_ID": NotFound,
    "INVALID_RESOURCE_ID_EXCEPTION": NotFound,
    "RESOURCE_CONFLICT": Conflict,
    "PREVIOUS_REQUEST_IN_PROGRESS": OutcomeUnknown,
    "ORDER_COMPLETION_IN_PROGRESS": OutcomeUnknown,
    "ACTION_DOES_NOT_MATCH_INTENT": InvalidRequest,
    "DUPLICATE_INVOICE_ID": Conflict,
    "DUPLICATE_REQUEST_ID": IdempotencyMismatch,
    "PAYPAL_REQUEST_ID_PREVIOUSLY_USED": IdempotencyMismatch,
    "PAYPAL_REQUEST_ID_REQUIRED": InvalidRequest,
    "RATE_LIMIT_REACHED": RateLimited,
    "INTERNAL_SERVER_ERROR": ProviderUnavailable,
    "INTERNAL_SERVICE_ERROR": ProviderUnavailable,
    "SERVICE_UNAVAILABLE": ProviderUnavailable,
}
"""Issues and names that say more than the HTTP status."""

_UNDER_WAY = frozenset(issue for issue, kind in KINDS.items() if kind is OutcomeUnknown)
"""The same request, or another for the same object, is being worked on: what comes of it is not known yet."""
_ADVICE: Mapping[str, Advice] = {
    "INSTRUMENT_DECLINED": Advice.BRING_THE_PAYER_BACK,
    "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING": Advice.BRING_THE_PAYER_BACK,
    "CARD_EXPIRED": Advice.BRING_THE_PAYER_BACK,
}


def error_response_from(body: JsonObject) -> ErrorResponse | None:
    """What an error body says; None if it holds no error of PayPal's.

    OAuth's own shape (``error``, ``error_description``) is read, too.
    """
    details = children(body, "details")
    first: JsonObject = next(
        (each for each in details if _is_known(text(each, "issue"))), details[0] if details else {}
    )
    name = text(body, "name") or text(body, "error")
    code = text(first, "issue") or name
    said = text(first, "description") or text(body, "message") or text(body, "error_description")
    if code is None and said is None:
        return None
    url = web_address(approval_url(body, "payer-action", "approve", "redirect"))
    word = (code or "").upper()
    kind = _kind(word, (name or "").upper())
    if word in DECLINES and url is not None:
        kind = ActionRequired  # the buyer may choose another way to pay, on the page that the link leads to
    return ErrorResponse(
        kind=kind,
        code=code,
        message=said,
        param=_param(first),
        reason=DECLINES.get(word, DeclineReason.UNKNOWN),
        advice=_ADVICE.get(word),
        url=url,
        transient=False if kind is Conflict else None,
    )


def retry_hint(response: Response) -> bool | None:
    """What the answer says about sending the same request again, with the same key."""
    body = parse_object(response.body) if response.status in _REFUSED else None
    said = {text(each, "issue") for each in children(body, "details")} if body is not None else set[str | None]()
    return True if said & _UNDER_WAY else None


def _is_known(issue: str | None) -> bool:
    return issue in DECLINES or issue in FOR_THE_PAYER or issue in ALREADY_DONE or issue in KINDS


def _kind(word: str, name: str) -> type[PaymentError] | None:
    if word in DECLINES:
        return Declined
    if word in FOR_THE_PAYER:
        return ActionRequired
    if word in ALREADY_DONE:
        return Conflict
    return KINDS.get(word) or KINDS.get(name)


def _param(detail: JsonObject) -> str | None:
    field = text(detail, "field")
    return field.strip("/").replace("/", ".") or None if field is not None else None
