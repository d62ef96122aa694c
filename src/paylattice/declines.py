"""Why payments are declined, and what to do then."""

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["OFF_SESSION", "ON_SESSION", "Advice", "DeclineReason"]


class DeclineReason(StrEnum):
    """Why a payment was declined, in words that are the same for every provider."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    AUTHENTICATION_REQUIRED = "authentication_required"
    INCORRECT_DETAILS = "incorrect_details"
    EXPIRED_CARD = "expired_card"
    LOST_STOLEN_OR_FRAUD = "lost_stolen_or_fraud"
    NOT_SUPPORTED = "not_supported"
    DUPLICATE = "duplicate"
    ISSUER_DECLINED = "issuer_declined"
    TRY_AGAIN = "try_again"
    TEST_CARD = "test_card"
    UNKNOWN = "unknown"


class Advice(StrEnum):
    """What to do after a decline."""

    USE_ANOTHER_METHOD = "use_another_method"
    CORRECT_THE_DETAILS = "correct_the_details"
    AUTHENTICATE = "authenticate"
    TRY_AGAIN_LATER = "try_again_later"
    BRING_THE_PAYER_BACK = "bring_the_payer_back"
    DO_NOT_RETRY = "do_not_retry"


ON_SESSION: Mapping[DeclineReason, Advice] = {
    DeclineReason.INSUFFICIENT_FUNDS: Advice.USE_ANOTHER_METHOD,
    DeclineReason.AUTHENTICATION_REQUIRED: Advice.AUTHENTICATE,
    DeclineReason.INCORRECT_DETAILS: Advice.CORRECT_THE_DETAILS,
    DeclineReason.EXPIRED_CARD: Advice.CORRECT_THE_DETAILS,
    DeclineReason.LOST_STOLEN_OR_FRAUD: Advice.USE_ANOTHER_METHOD,
    DeclineReason.NOT_SUPPORTED: Advice.USE_ANOTHER_METHOD,
    DeclineReason.DUPLICATE: Advice.DO_NOT_RETRY,
    DeclineReason.ISSUER_DECLINED: Advice.USE_ANOTHER_METHOD,
    DeclineReason.TRY_AGAIN: Advice.TRY_AGAIN_LATER,
    DeclineReason.TEST_CARD: Advice.USE_ANOTHER_METHOD,
    DeclineReason.UNKNOWN: Advice.USE_ANOTHER_METHOD,
}

OFF_SESSION: Mapping[DeclineReason, Advice] = {
    DeclineReason.INSUFFICIENT_FUNDS: Advice.TRY_AGAIN_LATER,
    DeclineReason.AUTHENTICATION_REQUIRED: Advice.BRING_THE_PAYER_BACK,
    DeclineReason.INCORRECT_DETAILS: Advice.BRING_THE_PAYER_BACK,
    DeclineReason.EXPIRED_CARD: Advice.BRING_THE_PAYER_BACK,
    DeclineReason.LOST_STOLEN_OR_FRAUD: Advice.DO_NOT_RETRY,
    DeclineReason.NOT_SUPPORTED: Advice.BRING_THE_PAYER_BACK,
    DeclineReason.DUPLICATE: Advice.DO_NOT_RETRY,
    DeclineReason.ISSUER_DECLINED: Advice.TRY_AGAIN_LATER,
    DeclineReason.TRY_AGAIN: Advice.TRY_AGAIN_LATER,
    DeclineReason.TEST_CARD: Advice.DO_NOT_RETRY,
    DeclineReason.UNKNOWN: Advice.TRY_AGAIN_LATER,
}
