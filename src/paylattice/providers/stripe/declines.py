"""Stripe's words for declines, and what they mean.

Sources: https://docs.stripe.com/declines/codes, https://docs.stripe.com/error-codes and
https://docs.stripe.com/declines/card#retrying-issuer-declines.
"""

from collections.abc import Mapping

from ...declines import NETWORK_ADVICE, Advice, DeclineReason, by_word
from ...jsonlike import JsonObject, text

__all__ = ["ADVICE", "DECLINE_CODES", "DECLINE_REASONS", "ERROR_CODES", "advice_of", "reason_of"]

DECLINE_CODES: Mapping[str, DeclineReason] = by_word(
    {
        DeclineReason.INSUFFICIENT_FUNDS: "insufficient_funds withdrawal_count_limit_exceeded card_velocity_exceeded",
        DeclineReason.AUTHENTICATION_REQUIRED: (
            "authentication_required authentication_not_handled mobile_device_authentication_required "
            "offline_pin_required online_or_offline_pin_required"
        ),
        DeclineReason.INCORRECT_DETAILS: (
            "incorrect_number invalid_number incorrect_cvc invalid_cvc incorrect_zip incorrect_address incorrect_pin "
            "invalid_pin invalid_expiry_month invalid_expiry_year"
        ),
        DeclineReason.EXPIRED_CARD: "expired_card",
        DeclineReason.ACCOUNT_CLOSED: (
            "invalid_account new_account_information_available pin_try_exceeded restricted_card invalid_billing_agreement"
        ),
        DeclineReason.AUTHORIZATION_REVOKED: (
            "stop_payment_order revocation_of_authorization revocation_of_all_authorizations debit_not_authorized"
        ),
        DeclineReason.LOST_STOLEN_OR_FRAUD: (
            "lost_card stolen_card pickup_card fraudulent merchant_blacklist security_violation partner_high_risk"
        ),
        DeclineReason.NOT_SUPPORTED: (
            "card_not_supported currency_not_supported transaction_not_allowed service_not_allowed not_permitted "
            "invalid_amount affirm_checkout_canceled"
        ),
        DeclineReason.DUPLICATE: "duplicate_transaction",
        DeclineReason.ISSUER_DECLINED: (
            "generic_decline do_not_honor do_not_try_again call_issuer no_action_taken partner_generic_decline"
        ),
        DeclineReason.TRY_AGAIN: (
            "try_again_later reenter_transaction issuer_not_available processing_error approve_with_id"
        ),
        DeclineReason.TEST_CARD: "testmode_decline",
    }
)
"""``decline_code``: the bank's word. They are open words, and no list in Stripe's SDK has them."""

ERROR_CODES: Mapping[str, DeclineReason] = by_word(
    {
        DeclineReason.INSUFFICIENT_FUNDS: (
            "insufficient_funds charge_exceeds_source_limit charge_exceeds_transaction_limit"
        ),
        DeclineReason.INCORRECT_DETAILS: (
            "incorrect_address incorrect_cvc incorrect_number incorrect_postal_code incorrect_zip invalid_cvc "
            "invalid_expiry_month invalid_expiry_year invalid_number account_number_invalid "
            "bank_account_bad_routing_numbers routing_number_invalid payment_intent_konbini_rejected_confirmation_number"
        ),
        DeclineReason.EXPIRED_CARD: "expired_card expired_payment_method",
        DeclineReason.ACCOUNT_CLOSED: (
            "account_closed no_account bank_account_restricted bank_account_unusable "
            "payment_method_bank_account_blocked payment_method_restricted financial_connections_account_inactive"
        ),
        DeclineReason.AUTHORIZATION_REVOKED: (
            "debit_not_authorized india_recurring_payment_mandate_canceled payment_intent_mandate_invalid "
            "setup_intent_mandate_invalid billing_invalid_mandate payment_method_customer_decline"
        ),
        DeclineReason.AUTHENTICATION_REQUIRED: (
            "authentication_failure payment_intent_authentication_failure setup_intent_authentication_failure"
        ),
        DeclineReason.NOT_SUPPORTED: (
            "invalid_card_type bank_account_declined sepa_unsupported_account three_d_secure_authentication_not_supported"
        ),
        DeclineReason.ISSUER_DECLINED: "refer_to_customer payment_method_provider_decline",
        DeclineReason.TRY_AGAIN: (
            "processing_error payment_method_not_available payment_method_provider_timeout "
            "three_d_secure_authentication_upstream_error card_decline_rate_limit_exceeded "
            "payment_intent_payment_attempt_expired setup_intent_setup_attempt_expired"
        ),
        DeclineReason.UNKNOWN: "card_declined payment_intent_payment_attempt_failed setup_attempt_failed",
    }
)
"""``code``: Stripe's own word, for cards without a ``decline_code`` and for what is no card."""

DECLINE_REASONS: Mapping[str, DeclineReason] = {**ERROR_CODES, **DECLINE_CODES}
"""Either of them; the bank's word is looked up first."""

ADVICE: Mapping[str, Advice] = {
    "confirm_card_data": Advice.BRING_THE_PAYER_BACK,
    "do_not_try_again": Advice.DO_NOT_RETRY,
    "try_again_later": Advice.TRY_AGAIN_LATER,
}
"""``advice_code`` to what to do while the payer is away; it wins over the reason's own advice."""

_NOT_AS_IT_IS: Mapping[str, Advice] = {
    "do_not_try_again": Advice.DO_NOT_RETRY,
    "card_decline_rate_limit_exceeded": Advice.BRING_THE_PAYER_BACK,
    **dict.fromkeys(
        (
            "call_issuer",
            "refer_to_customer",
            "no_action_taken",
            "payment_method_provider_decline",
            "payment_intent_payment_attempt_expired",
            "setup_intent_setup_attempt_expired",
            "approve_with_id",
        ),
        Advice.BRING_THE_PAYER_BACK,
    ),
}
"""Words that are worse than their reason: only the customer can help."""


def reason_of(error: JsonObject) -> DeclineReason:
    """Why the payment was declined: the bank's word if it is known, else Stripe's own."""
    words = (text(error, "decline_code"), text(error, "code"))
    return next((DECLINE_REASONS[word] for word in words if word and word in DECLINE_REASONS), DeclineReason.UNKNOWN)


def advice_of(error: JsonObject) -> Advice | None:
    """What to do while the payer is away: the network's word, else Stripe's, else that of the code; None: the reason's."""
    network = NETWORK_ADVICE.get(text(error, "network_advice_code") or "")
    stripes = ADVICE.get(text(error, "advice_code") or "")
    words = (text(error, "decline_code") or "", text(error, "code") or "")
    return network or stripes or next((_NOT_AS_IT_IS[word] for word in words if word in _NOT_AS_IT_IS), None)
