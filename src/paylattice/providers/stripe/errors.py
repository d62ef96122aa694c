"""What Stripe's refusals mean: tables from status, type and code to this library's errors.

Sources: https://docs.stripe.com/error-low-level, https://docs.stripe.com/error-codes and
https://docs.stripe.com/declines/codes.
"""

import re
from collections.abc import Mapping
from typing import TypedDict

from ...errors import (
    ActionRequired,
    Advice,
    AuthenticationError,
    Conflict,
    Declined,
    DeclineReason,
    IdempotencyMismatch,
    InvalidRequest,
    InvalidResponse,
    NotFound,
    OutcomeUnknown,
    PaymentError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
    ResponseOutcomeUnknown,
    UnavailableOutcomeUnknown,
)
from ...jsonlike import JsonObject, child, parse_object, text
from ...redaction import redact
from ...transport.messages import Response
from ...transport.retry import retry_after

__all__ = ["RESOURCE_MISSING", "failure_from", "request_id_of", "retry_hint", "unreadable", "unsuccessful_payment"]

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

_BY_STATUS: Mapping[int, type[PaymentError]] = {
    400: InvalidRequest,
    401: AuthenticationError,
    402: Declined,
    403: PermissionDenied,
    404: InvalidRequest,
    408: ProviderUnavailable,
    409: Conflict,
    424: ProviderUnavailable,
    425: ProviderUnavailable,
    429: RateLimited,
}

_SAYS_NOTHING_OF_EARLIER_ATTEMPTS = (
    AuthenticationError,
    Conflict,
    InvalidResponse,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
"""Refusals of this attempt alone. The others come from the endpoint, which would have replayed an earlier result."""

_LEADS: Mapping[type[PaymentError], str] = {
    ActionRequired: "the payer has to authenticate: bring them back and complete the payment there",
    AuthenticationError: "Stripe does not accept the secret key: check STRIPE_SECRET_KEY (wrong, rolled, or expired)",
    Conflict: "Stripe cannot do this in the object's present state, or somebody else is changing it",
    Declined: "the payment was declined",
    IdempotencyMismatch: "the idempotency key was used before with other parameters: a new operation needs a new key",
    InvalidRequest: "Stripe refuses the request",
    InvalidResponse: "this is no answer of Stripe's API: check the base URL, and what stands between here and Stripe",
    NotFound: "Stripe has no such object, in this account and mode (test or live)",
    PermissionDenied: "the key may not do this: give the restricted key the permission, or use another key",
    ProviderUnavailable: "Stripe cannot answer at the moment",
    RateLimited: "too many requests to Stripe",
}

_SILENT = (AuthenticationError,)
"""Stripe's own text for these repeats a part of the key."""

_MAY_HAVE_HAPPENED = "it may have taken effect. Do not send it as new: provider.recover(error) finds out"
_STORED_FAILURE = (
    "Stripe stored this failure under the idempotency key and will only repeat it: read the object's state, "
    "and if nothing happened, send it again with a new key"
)

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


class _Context(TypedDict, total=False):
    """The fields that every error has."""

    provider: str
    code: str | None
    http_status: int
    request_id: str | None
    idempotency_key: str | None


_SERVER_ERROR = 500
_REDIRECTS = range(300, 400)
_CLIENT_ERROR = 400
_NOT_FOUND = 404
_CONFLICT = 409

_WORD = re.compile(r"[a-z][a-z0-9_.]{0,79}")
_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
_PARAM = re.compile(r"[A-Za-z0-9_.\[\]-]{1,200}")


def retry_hint(response: Response) -> bool | None:
    """What Stripe says about sending the same request again: its header, else a conflict is worth another attempt."""
    if response.status < _CLIENT_ERROR:
        return None
    said = {"true": True, "false": False}.get(response.headers.get("stripe-should-retry", ""))
    return True if said is None and response.status == _CONFLICT else said


def request_id_of(response: Response) -> str | None:
    """Stripe's id of the request."""
    return _matching(_ID, response.headers.get("request-id"))


def failure_from(response: Response, *, writes: bool, key: str | None = None) -> PaymentError:
    """The error that an answer means which is not a success, or whose body is no JSON object.

    Args:
        response: the last answer of the transport.
        writes: whether the request may have changed something.
        key: the idempotency key that it carried.
    """
    if response.status < _REDIRECTS.start:
        return unreadable("its body is no JSON object", response, writes=writes, key=key)
    error = child(parse_object(response.body) or {}, "error")
    kind = _kind(response, error)
    code = _matching(_WORD, text(error, "code"))
    context = _context(response, code=code, key=key)
    said = "" if issubclass(kind, _SILENT) else redact(text(error, "message"))
    lead = f"{_LEADS[kind]}{f'. Stripe says: {said}' if said else ''}"
    if writes and response.status >= _SERVER_ERROR:
        stored = _replayed(response)
        message = f"{lead}; {_STORED_FAILURE if stored else _MAY_HAVE_HAPPENED}"
        return UnavailableOutcomeUnknown(message, retryable=not stored, **context)
    if writes and response.unsettled and issubclass(kind, _SAYS_NOTHING_OF_EARLIER_ATTEMPTS):
        return OutcomeUnknown(f"{lead}; an earlier attempt brought no answer: {_MAY_HAVE_HAPPENED}", **context)
    if kind is Declined:
        return _declined(error, lead, context)
    if kind is ActionRequired:
        return _action_required(child(error, "payment_intent"), lead, context)
    if kind is InvalidRequest:
        return InvalidRequest(lead, param=_matching(_PARAM, text(error, "param")), **context)
    if kind is RateLimited:
        return RateLimited(lead, retry_after=retry_after(response), **context)
    if kind is Conflict:
        return Conflict(lead, retryable=code in _PASSING or response.status == _CONFLICT, **context)
    return kind(lead, **context)


def unreadable(why: str, response: Response, *, writes: bool, key: str | None = None) -> PaymentError:
    """The error for a success that cannot be read."""
    context = _context(response, key=key)
    if writes:
        return ResponseOutcomeUnknown(f"Stripe took the request, but its answer cannot be read: {why}", **context)
    return InvalidResponse(f"Stripe's answer cannot be read: {why}", **context)


def unsuccessful_payment(intent: JsonObject) -> PaymentError | None:
    """The error that a PaymentIntent means whose confirmation did not succeed; None if it did, or still may."""
    status = text(intent, "status")
    error = child(intent, "last_payment_error")
    if status == "requires_action":
        return _action_required(intent, _LEADS[ActionRequired], {"code": "requires_action"})
    if status == "requires_payment_method":
        said = redact(text(error, "message"))
        lead = f"{_LEADS[Declined]}{f'. Stripe says: {said}' if said else ''}"
        code = _matching(_WORD, text(error, "code"))
        return _declined({**error, "payment_intent": intent}, lead, {"code": code})
    return None


def _kind(response: Response, error: JsonObject) -> type[PaymentError]:
    status = response.status
    if status >= _SERVER_ERROR:
        return ProviderUnavailable
    if status in _REDIRECTS:
        return InvalidResponse
    code = text(error, "code")
    if status == _NOT_FOUND and error:
        return NotFound if _is_missing(code, error) else InvalidRequest
    if status == _NOT_FOUND:
        return InvalidResponse
    return (
        _BY_CODE.get(code or "")
        or _BY_TYPE.get(text(error, "type") or "")
        or _BY_STATUS.get(status)
        or (InvalidRequest if error else InvalidResponse)
    )


def _is_missing(code: str | None, error: JsonObject) -> bool:
    """Whether a 404 is about the object, and not about the path: old and local servers give no code."""
    return code == RESOURCE_MISSING or (
        code is None and not (text(error, "message") or "").startswith("Unrecognized request URL")
    )


def _declined(error: JsonObject, lead: str, context: _Context) -> Declined:
    word = _matching(_WORD, text(error, "decline_code"))
    reason = DECLINE_REASONS.get(word or "") or DECLINE_REASONS.get(text(error, "code") or "") or DeclineReason.UNKNOWN
    return Declined(
        f"{lead} [{word}]" if word else lead,
        reason=reason,
        payment_id=_payment_id(child(error, "payment_intent")),
        advice_off_session=ADVICE.get(text(error, "advice_code") or ""),
        **context,
    )


def _action_required(intent: JsonObject, lead: str, context: _Context) -> ActionRequired:
    return ActionRequired(
        lead,
        url=text(child(intent, "next_action", "redirect_to_url"), "url"),
        client_secret=text(intent, "client_secret"),
        payment_id=_payment_id(intent),
        **context,
    )


def _payment_id(intent: JsonObject) -> str | None:
    return _matching(_ID, text(intent, "id"))


def _replayed(response: Response) -> bool:
    return response.headers.get("idempotent-replayed") == "true"


def _matching(pattern: re.Pattern[str], value: str | None) -> str | None:
    """The value if it looks as it should: hostile answers must not smuggle a payload into an error's fields."""
    return value if value is not None and pattern.fullmatch(value) and redact(value) == value else None


def _context(response: Response, *, code: str | None = None, key: str | None = None) -> _Context:
    return {
        "provider": "stripe",
        "code": code,
        "http_status": response.status,
        "request_id": request_id_of(response),
        "idempotency_key": key,
    }
