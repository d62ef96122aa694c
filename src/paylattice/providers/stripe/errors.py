"""Reads Stripe's error responses, by tables from status, type and code to this library's errors.

Sources: https://docs.stripe.com/error-low-level and https://docs.stripe.com/error-codes. Declines are in :mod:`.declines`.
"""

from collections.abc import Mapping

import attrs

from ...errors import (
    ActionRequired,
    AuthenticationError,
    Conflict,
    Declined,
    DeclineReason,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    PaymentError,
    PermissionDenied,
    RateLimited,
)
from ...jsonlike import JsonObject, child, text
from ...redaction import matching
from ...transport.answers import WORD, Asked, ErrorResponse, failure_from
from ...transport.messages import Response
from .declines import ERROR_CODES, advice_of, reason_of

__all__ = ["RESOURCE_MISSING", "error_response_from", "retry_hint", "unsuccessful_payment"]

RESOURCE_MISSING = "resource_missing"

KINDS: Mapping[str, type[PaymentError]] = {
    code: kind
    for kind, codes in {
        ActionRequired: (
            "authentication_required payment_intent_action_required invoice_payment_intent_requires_action "
            "subscription_payment_intent_requires_action"
        ),
        AuthenticationError: "api_key_expired platform_api_key_expired secret_key_required",
        PermissionDenied: (
            "account_invalid capability_not_active payment_method_unactivated payouts_not_allowed transfers_not_allowed "
            "testmode_charges_only not_allowed_on_standard_account application_fees_not_allowed platform_account_required "
            "stripe_tax_inactive storer_capability_missing storer_capability_not_active"
        ),
        Conflict: (
            "lock_timeout idempotency_key_in_use payment_intent_unexpected_state setup_intent_unexpected_state "
            "payment_method_unexpected_state intent_invalid_state status_transition_invalid charge_already_captured "
            "charge_expired_for_capture capture_charge_authorization_expired capture_unauthorized_payment "
            "charge_already_refunded charge_disputed charge_not_refundable refund_disputed_payment balance_insufficient "
            "invoice_not_editable invoice_on_behalf_of_not_editable resource_already_exists bank_account_exists "
            "token_in_use customer_max_payment_methods customer_max_subscriptions out_of_inventory "
            "return_intent_already_processed payment_method_bank_account_already_verified"
        ),
        RateLimited: "rate_limit payment_intent_rate_limit_exceeded",
    }.items()
    for code in codes.split()
}
"""Error codes that say more than the status does."""

_OF_THE_METHOD = frozenset(
    {DeclineReason.ACCOUNT_CLOSED, DeclineReason.AUTHORIZATION_REVOKED, DeclineReason.EXPIRED_CARD}
)
"""What is wrong with the payment method and not with the request, although it comes with status 400, too."""

_TRANSIENT = frozenset({"lock_timeout", "idempotency_key_in_use"})
"""Conflicts that go away by themselves, as every 409 does."""

_BY_TYPE: Mapping[str, type[PaymentError]] = {"idempotency_error": IdempotencyMismatch}

_CLIENT_ERROR = _BAD_REQUEST = 400
_MISSING = frozenset({404, 410})
_CONFLICT = 409
_DECLINED = 402


def retry_hint(response: Response) -> bool | None:
    """What Stripe says about sending the same request again: its header, else a conflict is worth another attempt."""
    if response.status < _CLIENT_ERROR:
        return None
    said = {"true": True, "false": False}.get(response.headers.get("stripe-should-retry", ""))
    return True if said is None and response.status == _CONFLICT else said


def error_response_from(body: JsonObject, response: Response) -> ErrorResponse | None:
    """What an error body says; None if it holds no error of Stripe's."""
    error = child(body, "error")
    if not error:
        return None
    code = text(error, "code")
    kind = KINDS.get(code or "") or _BY_TYPE.get(text(error, "type") or "")
    if kind is None and response.status == _BAD_REQUEST and ERROR_CODES.get(code or "") in _OF_THE_METHOD:
        kind = Declined
    if response.status in _MISSING:
        kind = NotFound if _is_missing(code, error) else InvalidRequest
    intent = child(error, "payment_intent")
    return ErrorResponse(
        kind=kind,
        code=code,
        message=_said(error),
        param=text(error, "param"),
        reason=reason_of(error),
        advice=advice_of(error),
        payment_id=text(intent, "id"),
        url=text(child(intent, "next_action", "redirect_to_url"), "url"),
        client_secret=text(intent, "client_secret"),
        transient=True if code in _TRANSIENT else None,
        replayed=response.headers.get("idempotent-replayed") == "true",
    )


def unsuccessful_payment(intent: JsonObject, response: Response, asked: Asked) -> PaymentError | None:
    """The error that a PaymentIntent means whose confirmation did not succeed; None if it did, or still may."""
    status = text(intent, "status")
    error: JsonObject = {**child(intent, "last_payment_error"), "payment_intent": intent}
    if status == "requires_action":
        error = {"code": "requires_action", "payment_intent": intent}
        kind: type[PaymentError] = ActionRequired
    elif status == "requires_payment_method":
        kind = Declined
    else:
        return None
    refused = Response(_DECLINED, response.headers)
    found = error_response_from({"error": error}, refused)
    failure = failure_from(refused, asked, attrs.evolve(found, kind=kind) if found else None)
    failure.http_status = response.status
    return failure


def _is_missing(code: str | None, error: JsonObject) -> bool:
    """Whether a 404 is about the object, and not about the path: old and local servers give no code."""
    return code == RESOURCE_MISSING or (
        code is None and not (text(error, "message") or "").startswith("Unrecognized request URL")
    )


def _said(error: JsonObject) -> str | None:
    """Stripe's text, and the bank's word for a decline."""
    word = matching(WORD, text(error, "decline_code"))
    return f"{text(error, 'message') or ''} [{word}]".strip() if word else text(error, "message")
