"""Reads Stripe's error responses, by tables from status, type and code to this library's errors.

Sources: https://docs.stripe.com/error-low-level, https://docs.stripe.com/error-codes and
https://docs.stripe.com/declines/codes.
"""

from collections.abc import Mapping

import attrs

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
    PaymentError,
    RateLimited,
)
from ...jsonlike import JsonObject, child, text
from ...redaction import matching
from ...transport.answers import WORD, Asked, ErrorResponse, failure_from
from ...transport.messages import Response

__all__ = ["RESOURCE_MISSING", "error_response_from", "retry_hint", "unsuccessful_payment"]

RESOURCE_MISSING = "resource_missing"

_BY_CODE: Mapping[str, type[PaymentError]] = {
    "lock_timeout": Conflict,
    "idempotency_key_in_use": Conflict,
    "rate_limit": RateLimited,
    "authentication_required": ActionRequired,
    "payment_intent_action_required": ActionRequired,
    "invoice_payment_intent_requires_action": ActionRequired,
    "subscription_payment_intent_requires_action": ActionRequired,
    "payment_intent_unexpected_state": Conflict,
    "setup_intent_unexpected_state": Conflict,
    "payment_method_unexpected_state": Conflict,
    "charge_already_captured": Conflict,
    "charge_expired_for_capture": Conflict,
    "invoice_not_editable": Conflict,
    "api_key_expired": AuthenticationError,
    "platform_api_key_expired": AuthenticationError,
}
"""Error codes that say more than the status does."""

_PASSING = frozenset({"lock_timeout", "idempotency_key_in_use"})
"""Conflicts that go away by themselves, as every 409 does."""

_BY_TYPE: Mapping[str, type[PaymentError]] = {"idempotency_error": IdempotencyMismatch}

DECLINE_REASONS: Mapping[str, DeclineReason] = {
    code: reason
    for reason, codes in {
        DeclineReason.INSUFFICIENT_FUNDS: "insufficient_funds withdrawal_count_limit_exceeded card_velocity_exceeded",
        DeclineReason.AUTHENTICATION_REQUIRED: (
            "authentication_required authentication_not_handled offline_pin_required online_or_offline_pin_required"
        ),
        DeclineReason.INCORRECT_DETAILS: (
            "incorrect_number invalid_number incorrect_cvc invalid_cvc incorrect_zip incorrect_address incorrect_pin "
            "invalid_pin pin_try_exceeded invalid_expiry_month invalid_expiry_year invalid_amount"
        ),
        DeclineReason.EXPIRED_CARD: "expired_card",
        DeclineReason.LOST_STOLEN_OR_FRAUD: (
            "lost_card stolen_card pickup_card restricted_card fraudulent merchant_blacklist security_violation"
        ),
        DeclineReason.NOT_SUPPORTED: (
            "card_not_supported currency_not_supported transaction_not_allowed service_not_allowed not_permitted "
            "invalid_account new_account_information_available"
        ),
        DeclineReason.DUPLICATE: "duplicate_transaction",
        DeclineReason.ISSUER_DECLINED: (
            "generic_decline do_not_honor do_not_try_again call_issuer no_action_taken revocation_of_authorization "
            "revocation_of_all_authorizations stop_payment_order"
        ),
        DeclineReason.TRY_AGAIN: (
            "try_again_later reenter_transaction issuer_not_available processing_error approve_with_id"
        ),
        DeclineReason.TEST_CARD: "testmode_decline",
    }.items()
    for code in codes.split()
}
"""``decline_code`` (or, without one, ``code``) to reason."""

ADVICE: Mapping[str, Advice] = {
    "confirm_card_data": Advice.BRING_THE_PAYER_BACK,
    "do_not_try_again": Advice.DO_NOT_RETRY,
    "try_again_later": Advice.TRY_AGAIN_LATER,
}
"""``advice_code`` to what to do while the payer is away; it wins over the reason's own advice."""


_CLIENT_ERROR = 400
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
    kind = _BY_CODE.get(code or "") or _BY_TYPE.get(text(error, "type") or "")
    if response.status in _MISSING:
        kind = NotFound if _is_missing(code, error) else InvalidRequest
    intent = child(error, "payment_intent")
    return ErrorResponse(
        kind=kind,
        code=code,
        message=_said(error),
        param=text(error, "param"),
        reason=_reason(error),
        advice=ADVICE.get(text(error, "advice_code") or ""),
        payment_id=text(intent, "id"),
        url=text(child(intent, "next_action", "redirect_to_url"), "url"),
        client_secret=text(intent, "client_secret"),
        transient=True if code in _PASSING else None,
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


def _reason(error: JsonObject) -> DeclineReason:
    words = (text(error, "decline_code"), text(error, "code"))
    return next((DECLINE_REASONS[word] for word in words if word and word in DECLINE_REASONS), DeclineReason.UNKNOWN)
