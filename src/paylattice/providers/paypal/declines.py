"""PayPal's words for declines, and what they mean: its own issues, and the codes of the processors of cards.

Sources: https://developer.paypal.com/api/rest/reference/orders/v2/errors/ and ``processor_response`` in
https://developer.paypal.com/docs/api/orders/v2/#definition-processor_response.
"""

import re
from collections.abc import Iterable, Mapping

import attrs

from ...declines import NETWORK_ADVICE, Advice, DeclineReason, by_word
from ...errors import Declined
from ...jsonlike import JsonObject, child, text

__all__ = ["AVS_CODES", "CVV_CODES", "ISSUES", "ISSUE_ADVICE", "RESPONSE_CODES", "Decline", "decline_in", "declined"]

ISSUES: Mapping[str, DeclineReason] = by_word(
    {
        DeclineReason.ISSUER_DECLINED: (
            "INSTRUMENT_DECLINED TRANSACTION_REFUSED ALIAS_DECLINED_BY_PROCESSOR PAYMENT_SOURCE_DECLINED_BY_PROCESSOR "
            "DECLINED_DUE_TO_RELATED_TXN AUTHORIZATION_DENIED"
        ),
        DeclineReason.INSUFFICIENT_FUNDS: (
            "TRANSACTION_LIMIT_EXCEEDED REDIRECT_PAYER_FOR_ALTERNATE_FUNDING REFUND_FAILED_INSUFFICIENT_FUNDS"
        ),
        DeclineReason.INCORRECT_DETAILS: "PAYMENT_SOURCE_INFO_CANNOT_BE_VERIFIED",
        DeclineReason.EXPIRED_CARD: "CARD_EXPIRED REFERENCED_CARD_EXPIRED TOKEN_EXPIRED",
        DeclineReason.ACCOUNT_CLOSED: (
            "PAYER_ACCOUNT_RESTRICTED PAYER_ACCOUNT_LOCKED_OR_CLOSED SUBSCRIBER_ACCOUNT_LOCKED SUBSCRIBER_ACCOUNT_CLOSED "
            "SUBSCRIBER_ACCOUNT_RESTRICTED USER_ACCOUNT_CLOSED"
        ),
        DeclineReason.LOST_STOLEN_OR_FRAUD: "PAYEE_BLOCKED_TRANSACTION TRANSACTION_BLOCKED_BY_PAYEE COMPLIANCE_VIOLATION",
        DeclineReason.NOT_SUPPORTED: (
            "PAYER_CANNOT_PAY CARD_TYPE_NOT_SUPPORTED CARD_BRAND_NOT_SUPPORTED PAYER_COUNTRY_NOT_SUPPORTED "
            "CANNOT_BE_PAID_WITH_THIS_INSTRUMENT PAYMENT_SOURCE_CANNOT_BE_USED CURRENCY_NOT_SUPPORTED_FOR_CARD_TYPE "
            "BANK_NOT_SUPPORTED_FOR_VERIFICATION COUNTRY_NOT_SUPPORTED_BY_PAYMENT_SOURCE "
            "IBAN_COUNTRY_NOT_SUPPORTED DOMESTIC_TRANSACTION_REQUIRED"
        ),
        DeclineReason.TRY_AGAIN: "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
    }
)
"""``details[].issue``: the payer's side, or PayPal's risk check, said no."""

ISSUE_ADVICE: Mapping[str, Advice] = dict.fromkeys(
    (
        "INSTRUMENT_DECLINED",
        "TRANSACTION_REFUSED",
        "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING",
        "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED",
    ),
    Advice.BRING_THE_PAYER_BACK,
)
"""Issues that are worse than their reason: only the customer can help."""

RESPONSE_CODES: Mapping[str, DeclineReason] = by_word(
    {
        DeclineReason.INSUFFICIENT_FUNDS: "5120 PPAX PPEL PPNL",
        DeclineReason.AUTHENTICATION_REQUIRED: "5650 7700 7710 PPD3 PCNR",
        DeclineReason.INCORRECT_DETAILS: (
            "00N7 0890 1380 1382 5110 5130 5170 5190 5500 7900 PCVV PPAD PPAV PPC2 PPEX PPVE PPFV PPII"
        ),
        DeclineReason.EXPIRED_CARD: "5400 PPEF",
        DeclineReason.ACCOUNT_CLOSED: (
            "0390 1330 1335 1352 5135 5140 5180 5710 5930 5950 6300 PP06 PPAB PPFR PPFI PPTE PPTR PPTV"
        ),
        DeclineReason.AUTHORIZATION_REVOKED: "0580 0R00 PPRN",
        DeclineReason.LOST_STOLEN_OR_FRAUD: "5150 5160 9500 9510 9520 9540 PPSC",
        DeclineReason.NOT_SUPPORTED: (
            "1300 1310 1312 1317 1320 1340 1350 1370 1384 1390 1393 5210 5700 5800 5910 7800 8010 8020 8030 PPAE PPAG PPAI "
            "PPAU PPBG PPCE PPCO PPCR PPCT PPCU PPDC PPDI PPGR PPMB PPMC PPMD PPNC PPNM PPPH PPPI PPPM PPQC PPRE PPRF PPRR "
            "PPS0 PPS1 PPS2 PPS3 PPS4 PPS5 PPS6 PPTF PPTI PPTT PPUA PPUC PPUE PPUI PPUP PPUR PPVC PPVT PPIM PPIT PPLR PPFE"
        ),
        DeclineReason.DUPLICATE: "5200 PPIF",
        DeclineReason.ISSUER_DECLINED: "0100 0500 10BR 5100 5900 9530 PPSE PPDT",
        DeclineReason.TRY_AGAIN: "0800 0880 0960 1360 5920 8000 8100 8110 8220 9100 PPER PPNT",
        DeclineReason.UNKNOWN: "9600 PPAR PPDV PPH1 PPLS PPSD",
    }
)
"""A card processor's ``response_code``. 0000, 1000 and 7600 are approvals."""

_RESPONSE_ADVICE: Mapping[str, Advice] = {
    "PPRN": Advice.DO_NOT_RETRY,  # another attempt is not permitted
    **dict.fromkeys(("0100", "10BR", "5900", "9530", "PPSE", "PPDT", "0880"), Advice.BRING_THE_PAYER_BACK),
}
"""Codes that are worse than their reason: refer to the bank, a try that would be refused again."""

AVS_CODES = frozenset("CN1")
"""``avs_code``: neither the address nor the postal code matches. A partial match alone declines nothing."""

CVV_CODES = frozenset("N1")
"""``cvv_code``: the security code does not match."""

_APPROVED = frozenset({"0000", "1000", "7600"})
_CODE = re.compile(r"[A-Z0-9]{4}")
_RISK = "DECLINED_BY_RISK_FRAUD_FILTERS"


@attrs.frozen
class Decline:
    """Why a card was declined.

    Args:
        reason: in this library's words.
        code: the processor's own; None: it said nothing.
        advice: what to do while the payer is away; None: what the reason advises.
    """

    reason: DeclineReason = DeclineReason.UNKNOWN
    code: str | None = None
    advice: Advice | None = None


def decline_in(payments: Iterable[JsonObject]) -> Decline:
    """Why a payment was declined, by the newest of its captures and authorizations that says so.

    Args:
        payments: captures, authorizations, or anything else with a ``processor_response``; oldest first.
    """
    found = Decline()
    for each in payments:
        found = _decline_of(each) or found
    return found


def declined(
    message: str, payments: tuple[JsonObject, ...], status: str | None, payment_id: str | None = None
) -> Declined:
    """The error for captures or authorizations that were declined, with the processor's code for it, if there is one."""
    decline = decline_in(payments)
    return Declined(
        message,
        reason=decline.reason,
        advice_off_session=decline.advice,
        code=decline.code or status,
        payment_id=payment_id,
    )


def _decline_of(payment: JsonObject) -> Decline | None:
    response = child(payment, "processor_response")
    code = (text(response, "response_code") or "").upper()
    advice = NETWORK_ADVICE.get(text(response, "payment_advice_code") or "")
    cvv, avs = text(response, "cvv_code"), text(response, "avs_code")
    mismatch = f"cvv_{cvv}" if cvv in CVV_CODES else f"avs_{avs}" if avs in AVS_CODES else None
    if _CODE.fullmatch(code) and code not in _APPROVED:
        reason = RESPONSE_CODES.get(code, DeclineReason.UNKNOWN)
        if mismatch is not None and reason in {DeclineReason.ISSUER_DECLINED, DeclineReason.UNKNOWN}:
            reason = DeclineReason.INCORRECT_DETAILS
        return Decline(reason, code, advice or _RESPONSE_ADVICE.get(code))
    if text(child(payment, "status_details"), "reason") == _RISK:
        return Decline(DeclineReason.LOST_STOLEN_OR_FRAUD, _RISK, advice)
    if mismatch is not None:
        return Decline(DeclineReason.INCORRECT_DETAILS, mismatch, advice)
    return Decline(advice=advice) if advice is not None else None
