"""Square's words for declines, and what they mean.

Source: https://developer.squareup.com/reference/square/enums/ErrorCode.
"""

from collections.abc import Mapping

from ...declines import Advice, DeclineReason, by_word

__all__ = ["DECLINE_REASONS", "advice_of", "reason_of"]

DECLINE_REASONS: Mapping[str, DeclineReason] = by_word(
    {
        DeclineReason.INSUFFICIENT_FUNDS: "INSUFFICIENT_FUNDS TRANSACTION_LIMIT GIFT_CARD_AVAILABLE_AMOUNT",
        DeclineReason.AUTHENTICATION_REQUIRED: "CARD_DECLINED_VERIFICATION_REQUIRED APPLE_TTP_PIN_TOKEN",
        DeclineReason.INCORRECT_DETAILS: (
            "CVV_FAILURE VERIFY_CVV_FAILURE ADDRESS_VERIFICATION_FAILURE VERIFY_AVS_FAILURE INVALID_POSTAL_CODE "
            "EXPIRATION_FAILURE BAD_EXPIRATION INVALID_EXPIRATION INVALID_EXPIRATION_YEAR INVALID_EXPIRATION_DATE "
            "PAN_FAILURE INVALID_CARD INVALID_CARD_DATA INVALID_ENCRYPTED_CARD INVALID_PIN MISSING_PIN CARD_MISMATCH "
            "MISSING_ACCOUNT_TYPE"
        ),
        DeclineReason.EXPIRED_CARD: "CARD_EXPIRED",
        DeclineReason.ACCOUNT_CLOSED: "ACCOUNT_UNUSABLE INVALID_ACCOUNT ALLOWABLE_PIN_TRIES_EXCEEDED",
        DeclineReason.AUTHORIZATION_REVOKED: "BUYER_REFUSED_PAYMENT",
        DeclineReason.NOT_SUPPORTED: (
            "CARD_NOT_SUPPORTED UNSUPPORTED_CARD_BRAND UNSUPPORTED_ENTRY_METHOD UNSUPPORTED_INSTRUMENT_TYPE "
            "CARDHOLDER_INSUFFICIENT_PERMISSIONS CHIP_INSERTION_REQUIRED CARD_PRESENCE_REQUIRED "
            "MANUALLY_ENTERED_PAYMENT_NOT_SUPPORTED UNSUPPORTED_SOURCE_TYPE PAYMENT_LIMIT_EXCEEDED "
            "PAYMENT_AMOUNT_MISMATCH CART_INELIGIBLE_FOR_EBT PAYMENT_SOURCE_NOT_ENABLED_FOR_TARGET"
        ),
        DeclineReason.ISSUER_DECLINED: (
            "GENERIC_DECLINE CARD_DECLINED CARD_DECLINED_CALL_ISSUER VOICE_FAILURE READER_DECLINED"
        ),
        DeclineReason.TRY_AGAIN: "TEMPORARY_ERROR",
    }
)
"""Codes of the category PAYMENT_METHOD_ERROR."""

_NOT_AS_IT_IS = frozenset({"CARD_DECLINED_CALL_ISSUER", "VOICE_FAILURE", "READER_DECLINED"})
"""Words that are worse than their reason: only the customer can help."""


def reason_of(code: str | None) -> DeclineReason:
    """Why the payment was declined."""
    return DECLINE_REASONS.get(code or "", DeclineReason.UNKNOWN)


def advice_of(code: str | None) -> Advice | None:
    """What to do while the payer is away; None: what the reason advises."""
    return Advice.BRING_THE_PAYER_BACK if code in _NOT_AS_IT_IS else None
