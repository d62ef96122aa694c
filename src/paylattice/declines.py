"""Why payments are declined, and what to do then.

Card schemes fine merchants who send a hopeless payment again: in doubt, the advice is not to.
"""

from collections.abc import Mapping
from enum import StrEnum

__all__ = ["NETWORK_ADVICE", "OFF_SESSION", "ON_SESSION", "Advice", "DeclineReason", "by_word"]


class DeclineReason(StrEnum):
    """Why a payment was declined, in words that are the same for every provider."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    """There is not enough money now, or a limit of the card or account is reached."""
    AUTHENTICATION_REQUIRED = "authentication_required"
    """The bank wants the customer to authenticate."""
    INCORRECT_DETAILS = "incorrect_details"
    """A number, a code, a date or an address is wrong."""
    EXPIRED_CARD = "expired_card"
    """The card is out of date."""
    ACCOUNT_CLOSED = "account_closed"
    """The card or the account is closed, blocked, restricted or gone."""
    AUTHORIZATION_REVOKED = "authorization_revoked"
    """The customer or the bank withdrew the permission to charge, for example by canceling a mandate."""
    LOST_STOLEN_OR_FRAUD = "lost_stolen_or_fraud"
    """The card is lost or stolen, or fraud is suspected. Tell the customer no more than that it was declined."""
    NOT_SUPPORTED = "not_supported"
    """The method cannot pay for this kind of purchase, or not in this currency or country, or not to this merchant."""
    DUPLICATE = "duplicate"
    """The same payment was made a moment ago."""
    ISSUER_DECLINED = "issuer_declined"
    """The bank says no without a reason."""
    TRY_AGAIN = "try_again"
    """The bank, or the network, could not be reached or could not answer."""
    TEST_CARD = "test_card"
    """A test card was used in live mode, or a live card in test mode."""
    UNKNOWN = "unknown"
    """The provider has no word for it that is known here."""


class Advice(StrEnum):
    """What to do after a decline."""

    USE_ANOTHER_METHOD = "use_another_method"
    """Ask the customer for another payment method."""
    CORRECT_THE_DETAILS = "correct_the_details"
    """Ask the customer to correct what was entered."""
    AUTHENTICATE = "authenticate"
    """Let the customer authenticate with the bank."""
    TRY_AGAIN_LATER = "try_again_later"
    """Send a new payment later, in hours or days, and not many times."""
    BRING_THE_PAYER_BACK = "bring_the_payer_back"
    """Do not send it again as it is. Ask the customer to come back and pay, confirm, or give another payment method."""
    DO_NOT_RETRY = "do_not_retry"
    """Do not charge this payment method again."""


ON_SESSION: Mapping[DeclineReason, Advice] = {
    DeclineReason.INSUFFICIENT_FUNDS: Advice.USE_ANOTHER_METHOD,
    DeclineReason.AUTHENTICATION_REQUIRED: Advice.AUTHENTICATE,
    DeclineReason.INCORRECT_DETAILS: Advice.CORRECT_THE_DETAILS,
    DeclineReason.EXPIRED_CARD: Advice.CORRECT_THE_DETAILS,
    DeclineReason.ACCOUNT_CLOSED: Advice.USE_ANOTHER_METHOD,
    DeclineReason.AUTHORIZATION_REVOKED: Advice.USE_ANOTHER_METHOD,
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
    DeclineReason.ACCOUNT_CLOSED: Advice.BRING_THE_PAYER_BACK,
    DeclineReason.AUTHORIZATION_REVOKED: Advice.DO_NOT_RETRY,
    DeclineReason.LOST_STOLEN_OR_FRAUD: Advice.DO_NOT_RETRY,
    DeclineReason.NOT_SUPPORTED: Advice.BRING_THE_PAYER_BACK,
    DeclineReason.DUPLICATE: Advice.DO_NOT_RETRY,
    DeclineReason.ISSUER_DECLINED: Advice.TRY_AGAIN_LATER,
    DeclineReason.TRY_AGAIN: Advice.TRY_AGAIN_LATER,
    DeclineReason.TEST_CARD: Advice.DO_NOT_RETRY,
    DeclineReason.UNKNOWN: Advice.BRING_THE_PAYER_BACK,
}

NETWORK_ADVICE: Mapping[str, Advice] = {
    "01": Advice.BRING_THE_PAYER_BACK,  # there is newer information about the account
    "02": Advice.TRY_AGAIN_LATER,
    "03": Advice.DO_NOT_RETRY,
    "04": Advice.DO_NOT_RETRY,  # the token does not fit
    "05": Advice.BRING_THE_PAYER_BACK,  # the negotiated value is not approved
    "21": Advice.DO_NOT_RETRY,  # the customer canceled the recurring payment
    "22": Advice.DO_NOT_RETRY,  # the merchant does not qualify
    **dict.fromkeys(("24", "25", "26", "27", "28", "29", "30"), Advice.TRY_AGAIN_LATER),  # after an hour ... ten days
    "40": Advice.BRING_THE_PAYER_BACK,  # a prepaid card that cannot be loaded again
    "41": Advice.BRING_THE_PAYER_BACK,  # a card number that was for one payment
    "42": Advice.DO_NOT_RETRY,  # sanctions
    "43": Advice.DO_NOT_RETRY,
    "99": Advice.DO_NOT_RETRY,
    "1": Advice.DO_NOT_RETRY,  # Visa: the issuer never approves
    "2": Advice.TRY_AGAIN_LATER,  # Visa: the issuer cannot approve now
    "3": Advice.BRING_THE_PAYER_BACK,  # Visa: the details are to be entered again
}
"""The card networks' own codes: Mastercard's merchant advice codes (two digits), Visa's categories (one).

What the network says goes before anything that a provider or this library makes of the decline.
"""


def by_word(words: Mapping[DeclineReason, str]) -> Mapping[str, DeclineReason]:
    """Turn a table of a reason's words, apart by spaces, round.

    Args:
        words: a provider's words for each reason.
    """
    return {word: reason for reason, each in words.items() for word in each.split()}
