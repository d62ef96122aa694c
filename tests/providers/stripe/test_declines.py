"""Stripe's words for failures: all that its SDK knows are in a table, and none of them advises what card schemes fine."""

import re
from pathlib import Path
from typing import Any

import pytest
import stripe

from paylattice.errors import Advice, Conflict, Declined, DeclineReason, InvalidRequest, PaymentError, PermissionDenied
from paylattice.providers.stripe.declines import DECLINE_CODES, DECLINE_REASONS, ERROR_CODES
from paylattice.providers.stripe.errors import KINDS, error_response_from
from paylattice.transport import Response
from paylattice.transport.answers import Asked, failure_from

BY_STATUS = """
account_country_invalid_address account_error_country_change_requires_additional_steps account_information_mismatch
account_token_required_for_v2_account acss_debit_session_incomplete action_blocked alipay_upgrade_required
amount_too_large amount_too_small anomalous_money_movement_request approval_required balance_invalid_parameter
bank_account_unverified bank_account_verification_failed bitcoin_upgrade_required cardholder_phone_number_required
charge_invalid_parameter clearing_code_unsupported country_code_invalid country_unsupported coupon_expired
customer_session_expired customer_tax_location_invalid dispute_evidence_page_limit_exceeded email_invalid
failed_tax_calculation financial_account_balance_does_not_support_currency financial_account_capability_not_enabled
financial_account_capability_restricted financial_connections_account_pending_account_numbers
financial_connections_account_unavailable_account_numbers financial_connections_consent_locale_invalid
financial_connections_consent_locale_unsupported financial_connections_no_successful_transaction_refresh
forwarding_api_inactive forwarding_api_invalid_parameter forwarding_api_retryable_upstream_error
forwarding_api_upstream_connection_error forwarding_api_upstream_connection_timeout forwarding_api_upstream_error
instant_payouts_config_disabled instant_payouts_currency_disabled instant_payouts_limit_exceeded
instant_payouts_unsupported intent_verification_method_missing invalid_canceled_subscription_fields invalid_characters
invalid_charge_amount invalid_mandate_reference_prefix_format invalid_source_usage invalid_tax_location
invoice_no_customer_line_items invoice_no_payment_method_types invoice_no_subscription_line_items invoice_upcoming_none
livemode_mismatch missing ownership_declaration_not_allowed parameter_invalid_empty parameter_invalid_integer
parameter_invalid_string_blank parameter_invalid_string_empty parameter_missing parameter_unknown parameters_exclusive
payment_evaluation_on_api_version_not_supported payment_intent_incompatible_payment_method
payment_intent_invalid_parameter payment_method_billing_details_address_missing payment_method_configuration_failures
payment_method_currency_mismatch payment_method_invalid_parameter payment_method_invalid_parameter_testmode
payment_method_microdeposit_failed payment_method_microdeposit_processing_error
payment_method_microdeposit_verification_amounts_invalid payment_method_microdeposit_verification_amounts_mismatch
payment_method_microdeposit_verification_attempts_exceeded
payment_method_microdeposit_verification_descriptor_code_mismatch payment_method_microdeposit_verification_timeout
payment_method_unsupported_type payout_reconciliation_not_ready payouts_limit_exceeded postal_code_invalid
product_inactive progressive_onboarding_limit_exceeded request_blocked resource_missing
service_period_coupon_with_metered_tiered_item_unsupported setup_intent_invalid_parameter
setup_intent_mobile_wallet_unsupported shipping_address_invalid shipping_calculation_failed siret_invalid sku_inactive
smart_disputes_not_available state_unsupported subscription_update_trial_after_billing_cycle_anchor tax_id_invalid
tax_id_prohibited taxes_calculation_failed terminal_location_country_unsupported terminal_reader_busy
terminal_reader_hardware_fault terminal_reader_invalid_location_for_activation
terminal_reader_invalid_location_for_payment terminal_reader_offline terminal_reader_timeout tls_version_unsupported
token_already_used token_card_network_invalid transfer_source_balance_parameters_mismatch url_invalid
"""
"""Codes that say no more than their HTTP status does: a request that is wrong, or a product that is not used here."""


def codes_of_the_sdk() -> set[str]:
    """The codes of ``SetupIntent.last_setup_error``, of which the installed SDK has a list."""
    source = (Path(str(stripe.__file__)).parent / "_setup_intent.py").read_text(encoding="utf-8")
    (found,) = [
        each for each in re.findall(r"Literal\[([^\]]*)\]", source) if "payment_method_customer_decline" in each
    ]
    return set(re.findall(r'"([a-z0-9_]+)"', found))


def read(error: dict[str, Any], status: int = 402) -> PaymentError:
    response = Response(status)
    return failure_from(response, Asked("stripe", "Stripe"), error_response_from({"error": error}, response))


def declined(error: dict[str, Any], status: int = 402) -> Declined:
    found = read(error, status)
    assert isinstance(found, Declined)
    return found


def test_every_code_that_the_sdk_knows_is_in_one_table() -> None:
    known, by_status = codes_of_the_sdk(), set(BY_STATUS.split())
    assert len(known) > 150
    assert known - ERROR_CODES.keys() - KINDS.keys() - by_status == set()
    if int(stripe.VERSION.partition(".")[0]) >= 16:  # earlier ones do not know the latest codes
        assert len(known) > 200
        assert (ERROR_CODES.keys() | by_status) - known == set()
    assert ERROR_CODES.keys() & KINDS.keys() == set()
    assert by_status & (ERROR_CODES.keys() | KINDS.keys()) == set()


HOPELESS = """
account_closed no_account debit_not_authorized payment_method_customer_decline refer_to_customer
expired_payment_method india_recurring_payment_mandate_canceled payment_intent_mandate_invalid bank_account_unusable
bank_account_restricted expired_card incorrect_number invalid_number card_declined payment_method_provider_decline
sepa_unsupported_account a_code_of_2031
"""
BANK_SAYS = """
do_not_try_again stop_payment_order revocation_of_authorization revocation_of_all_authorizations lost_card
stolen_card pickup_card fraudulent restricted_card call_issuer invalid_account pin_try_exceeded no_action_taken
new_account_information_available a_code_of_2031
"""


@pytest.mark.parametrize("code", HOPELESS.split())
def test_a_hopeless_payment_is_never_advised_again(code: str) -> None:
    assert declined({"code": code}).advice_off_session in {Advice.BRING_THE_PAYER_BACK, Advice.DO_NOT_RETRY}


@pytest.mark.parametrize("code", BANK_SAYS.split())
def test_nor_is_one_that_the_bank_says_is_hopeless(code: str) -> None:
    found = declined({"code": "card_declined", "decline_code": code})
    assert found.advice_off_session in {Advice.BRING_THE_PAYER_BACK, Advice.DO_NOT_RETRY}


def test_only_words_that_name_a_passing_cause_advise_another_attempt() -> None:
    again = {
        word
        for word in DECLINE_REASONS
        if declined({"code": "card_declined", "decline_code": word}).advice_off_session is Advice.TRY_AGAIN_LATER
    }
    assert again == {
        *("insufficient_funds", "withdrawal_count_limit_exceeded", "card_velocity_exceeded"),
        *("charge_exceeds_source_limit", "charge_exceeds_transaction_limit"),
        *("try_again_later", "reenter_transaction", "issuer_not_available", "processing_error"),
        *(
            "payment_method_not_available",
            "payment_method_provider_timeout",
            "three_d_secure_authentication_upstream_error",
        ),
        *("generic_decline", "do_not_honor", "partner_generic_decline"),
    }


@pytest.mark.parametrize(
    ("network", "stripes", "advice"),
    [
        ("03", None, Advice.DO_NOT_RETRY),
        ("03", "try_again_later", Advice.DO_NOT_RETRY),
        ("21", None, Advice.DO_NOT_RETRY),
        ("01", "try_again_later", Advice.BRING_THE_PAYER_BACK),
        ("25", "do_not_try_again", Advice.TRY_AGAIN_LATER),
        ("77", "do_not_try_again", Advice.DO_NOT_RETRY),
        (None, "do_not_try_again", Advice.DO_NOT_RETRY),
    ],
)
def test_the_networks_own_advice_wins(network: str | None, stripes: str | None, advice: Advice) -> None:
    error = {"decline_code": "insufficient_funds", "network_advice_code": network, "advice_code": stripes}
    assert declined({"code": "card_declined", **error}).advice_off_session is advice


def test_who_must_not_retry_is_not_told_to_try_later_with_the_payer_there_either() -> None:
    error = {"code": "card_declined", "decline_code": "issuer_not_available"}
    assert declined(error).advice_on_session is Advice.TRY_AGAIN_LATER
    assert declined({**error, "network_advice_code": "03"}).advice_on_session is Advice.USE_ANOTHER_METHOD


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("account_closed", 400, Declined),
        ("payment_intent_mandate_invalid", 400, Declined),
        ("incorrect_number", 400, InvalidRequest),
        ("amount_too_small", 400, InvalidRequest),
        ("charge_already_refunded", 400, Conflict),
        ("balance_insufficient", 400, Conflict),
        ("capability_not_active", 400, PermissionDenied),
    ],
)
def test_a_code_says_whether_request_state_account_or_method_is_at_fault(
    code: str, status: int, kind: type[PaymentError]
) -> None:
    assert type(read({"code": code}, status)) is kind


def test_the_banks_word_goes_before_stripes() -> None:
    assert declined({"code": "card_declined", "decline_code": "expired_card"}).reason is DeclineReason.EXPIRED_CARD
    assert declined({"code": "expired_card", "decline_code": "of_2031"}).reason is DeclineReason.EXPIRED_CARD
    assert DeclineReason.UNKNOWN not in DECLINE_CODES.values()
