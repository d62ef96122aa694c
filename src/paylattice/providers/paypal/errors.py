"""Reads PayPal's error responses: what each issue means in this library's errors.

``details[].issue`` is the machine's word; ``name`` stands in where there is none. The lists are those of
https://developer.paypal.com/api/rest/reference/orders/v2/errors/ and of the API descriptions.
"""

import re
from collections.abc import Mapping

from ...arguments import web_address
from ...errors import (
    ActionRequired,
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
from .declines import ISSUE_ADVICE, ISSUES, decline_in
from .wire import approval_url

__all__ = ["ALREADY_DONE", "error_response_from", "retry_hint"]

_REFUSED = range(400, 500)
_WORD = re.compile(r"[A-Za-z0-9_]+")
_REFUNDS_OF_V1 = frozenset({"TRANSACTION_REFUSED"})
"""Names of v1's refusals. v1 is asked for refunds only: they say that the state of the payment, or the account, allows none,
and not that a payer was declined, as the same word does among v2's issues:
https://developer.paypal.com/api/deprecated/payments/v1/errors/transaction_refused."""

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
        "REFUND_TIME_LIMIT_EXCEEDED",
        "MAX_NUMBER_OF_REFUNDS_EXCEEDED",
        "REFUND_NOT_ALLOWED",
        "PARTIAL_REFUND_NOT_ALLOWED",
        "MAX_AUTHORIZATION_COUNT_EXCEEDED",
        "ORDER_CANNOT_BE_CONFIRMED",
        "ORDER_CANNOT_BE_SAVED",
        "PREVIOUS_TRANSACTION_REFERENCE_HAS_CHARGEBACK",
        "PREVIOUS_TRANSACTION_REFERENCE_VOIDED",
        "PLAN_STATUS_INACTIVE",
        "PLAN_STATUS_INVALID",
        "PRICING_SCHEME_UPDATE_NOT_ALLOWED",
        "BILLING_CYCLE_EXECUTION_COMPLETED",
        "REFUND_TIME_EXCEEDED_FOR_PAYMENT_SOURCE",
        "MAX_REFUND_LIMIT_EXCEEDED",
        "MAX_PAYER_AMOUNT_LIMIT_EXCEEDED",
        "MAX_PAYEE_AMOUNT_LIMIT_EXCEEDED",
        "PAYEE_REFUND_AMOUNT_LIMIT_EXCEEDED",
        "FULL_REFUND_NOT_ALLOWED_AFTER_PARTIAL_REFUND",
        "REAUTHORIZATION_NOT_SUPPORTED",
        "REAUTHORIZATION_TOO_SOON",
        "TOO_MANY_REAUTHORIZATIONS",
        "CANNOT_REAUTH_CHILD_AUTHORIZATION",
        "CANNOT_REAUTH_INSIDE_HONOR_PERIOD",
        "AUTHORIZATION_ALREADY_COMPLETED",
        "AUTHORIZATION_CANNOT_BE_VOIDED",
        "PAYPAL_TRANSACTION_ID_EXPIRED",
        "PNREF_EXPIRED",
        "PAYEE_FX_RATE_ID_EXPIRED",
        "DUPLICATE_RESOURCE_IDENTIFIER",
        "TEMPLATE_NAME_ALREADY_EXISTS",
        "INVOICE_CANCELED_ALREADY",
        "CANNOT_CANCEL_DRAFT_INVOICE",
        "CANNOT_CANCEL_PAID_INVOICE",
        "CANNOT_CANCEL_REFUNDED_INVOICE",
        "CANNOT_CANCEL_SCHEDULED_INVOICE",
        "CANNOT_PROCESS_PAYMENTS",
        "CANNOT_PROCESS_REFUNDS",
        "CANNOT_REMIND_INVOICE",
        "CANNOT_DELETE_EXTERNAL_PAYMENT",
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
    "INVALID_ACCOUNT_STATUS": PermissionDenied,
    "TRANSACTION_RECEIVING_LIMIT_EXCEEDED": PermissionDenied,
    "REFUND_IS_RESTRICTED": PermissionDenied,
    "PLATFORM_FEE_NOT_ENABLED": PermissionDenied,
    "NOT_ENABLED_FOR_APPLE_PAY": PermissionDenied,
    "NOT_ENABLED_FOR_GOOGLE_PAY": PermissionDenied,
    "NOT_ELIGIBLE_FOR_TOKEN_PROCESSING": PermissionDenied,
    "NOT_ELIGIBLE_FOR_PNREF_PROCESSING": PermissionDenied,
    "NOT_ELIGIBLE_FOR_PAYPAL_TRANSACTION_ID_PROCESSING": PermissionDenied,
    "PERMISSION_DENIED_FOR_DONATION_ITEMS": PermissionDenied,
    "SETUP_ERROR_FOR_BANK": PermissionDenied,
    "COUNTRY_NOT_SUPPORTED": PermissionDenied,
    "CURRENCY_NOT_SUPPORTED_FOR_RECEIVER": PermissionDenied,
    "PAYEE_COUNTRY_NOT_SUPPORTED_FOR_PAYMENT_SOURCE": PermissionDenied,
    "PAYEE_PRICING_TIER_ID_NOT_ENABLED": PermissionDenied,
    "PLATFORM_FEES_NOT_SUPPORTED": PermissionDenied,
    "INVALID_PLATFORM_FEES_ACCOUNT": PermissionDenied,
    "SAVE_ORDER_NOT_SUPPORTED": PermissionDenied,
    "SHIPPING_TYPE_NOT_SUPPORTED_FOR_CLIENT": PermissionDenied,
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
"""The same request, or another for the same object, is in progress: its outcome is not known yet."""


def error_response_from(body: JsonObject) -> ErrorResponse | None:
    """What an error body says; None if it holds no error of PayPal's.

    OAuth's own shape (``error``, ``error_description``) is read, too.
    """
    details = children(body, "details")
    first: JsonObject = next(
        (each for each in details if _is_known(text(each, "issue"))), details[0] if details else {}
    )
    name = text(body, "name") or text(body, "error")
    issue = text(first, "issue")
    prose = issue if issue is not None and not _WORD.fullmatch(issue) else None  # v1 writes sentences there
    code = issue if prose is None and issue is not None else name
    said = text(first, "description") or prose or text(body, "message") or text(body, "error_description")
    if code is None and said is None:
        return None
    url = web_address(approval_url(body, "payer-action", "approve", "redirect"))
    word = (code or "").upper()
    kind = _kind(word, (name or "").upper())
    decline = decline_in((body,))
    says_why = (
        decline.reason is not DeclineReason.UNKNOWN
    )  # the processor does: the issue says only that it was declined
    if word in _REFUNDS_OF_V1 and code == name:
        return ErrorResponse(kind=Conflict, code=code, message=said, transient=False)
    if word in ISSUES and url is not None:
        kind = ActionRequired  # the buyer may choose another way to pay, on the page that the link leads to
    return ErrorResponse(
        kind=kind,
        code=code,
        message=said,
        param=_param(first),
        reason=decline.reason if says_why else ISSUES.get(word) or decline.reason,
        advice=decline.advice or (None if says_why else ISSUE_ADVICE.get(word)),
        url=url,
        transient=False if kind is Conflict else None,
    )


def retry_hint(response: Response) -> bool | None:
    """What the answer says about sending the same request again, with the same key."""
    body = parse_object(response.body) if response.status in _REFUSED else None
    said = {text(each, "issue") for each in children(body, "details")} if body is not None else set[str | None]()
    return True if said & _UNDER_WAY else None


def _is_known(issue: str | None) -> bool:
    return issue in ISSUES or issue in FOR_THE_PAYER or issue in ALREADY_DONE or issue in KINDS


def _kind(word: str, name: str) -> type[PaymentError] | None:
    if word in ISSUES:
        return Declined
    if word in FOR_THE_PAYER:
        return ActionRequired
    if word in ALREADY_DONE:
        return Conflict
    return KINDS.get(word) or KINDS.get(name)


def _param(detail: JsonObject) -> str | None:
    field = text(detail, "field")
    return field.strip("/").replace("/", ".") or None if field is not None else None
