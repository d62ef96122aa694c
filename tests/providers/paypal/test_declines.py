"""Why cards are declined at PayPal: by the processor's code, the network's advice, and the checks of code and address."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from paylattice.errors import Advice, Conflict, Declined, DeclineReason, InvalidRequest, PaymentError, PermissionDenied
from paylattice.providers.paypal.declines import RESPONSE_CODES, Decline, decline_in
from paylattice.providers.paypal.errors import error_response_from

from .contract import FILES, SPECS, description, official
from .samples import capture, order
from .scenarios import ORDER, ORDERS
from .support import World

KNOWN = """
0000 00N7 0100 0390 0500 0580 0800 0880 0890 0960 0R00 1000 10BR 1300 1310 1312 1317 1320 1330 1335 1340 1350 1352 1360 1370
1380 1382 1384 1390 1393 5100 5110 5120 5130 5135 5140 5150 5160 5170 5180 5190 5200 5210 5400 5500 5650 5700 5710 5800 5900
5910 5920 5930 5950 6300 7600 7700 7710 7800 7900 8000 8010 8020 8030 8100 8110 8220 9100 9500 9510 9520 9530 9540 9600 PCNR
PCVV PP06 PPRN PPAD PPAB PPAE PPAG PPAI PPAR PPAU PPAV PPAX PPBG PPC2 PPCE PPCO PPCR PPCT PPCU PPD3 PPDC PPDI PPDV PPDT PPEF
PPEL PPER PPEX PPFE PPFI PPFR PPFV PPGR PPH1 PPIF PPII PPIM PPIT PPLR PPLS PPMB PPMC PPMD PPNC PPNL PPNM PPNT PPPH PPPI PPPM
PPQC PPRE PPRF PPRR PPS0 PPS1 PPS2 PPS3 PPS4 PPS5 PPS6 PPSC PPSD PPSE PPTE PPTF PPTI PPTR PPTT PPTV PPUA PPUC PPUE PPUI PPUP
PPUR PPVC PPVE PPVT
"""
"""``processor_response.response_code`` in PayPal's description of orders (checkout_orders_v2)."""
APPROVALS = {"0000", "1000", "7600"}


def of(**response: str) -> Decline:
    return decline_in([{"status": "DECLINED", "processor_response": response}])


def advised(found: Decline) -> Advice:
    return Declined("", reason=found.reason, advice_off_session=found.advice).advice_off_session


def test_every_code_in_the_description_has_its_reason() -> None:
    assert RESPONSE_CODES.keys() == set(KNOWN.split()) - APPROVALS


@official
@pytest.mark.contract
def test_the_description_has_no_other_codes() -> None:
    described = json.loads((SPECS / "checkout_orders_v2.json").read_text())["components"]["schemas"]
    assert set(described["processor_response"]["properties"]["response_code"]["enum"]) <= set(KNOWN.split())


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("5120", DeclineReason.INSUFFICIENT_FUNDS),
        ("5400", DeclineReason.EXPIRED_CARD),
        ("00N7", DeclineReason.INCORRECT_DETAILS),
        ("9500", DeclineReason.LOST_STOLEN_OR_FRAUD),
        ("9520", DeclineReason.LOST_STOLEN_OR_FRAUD),
        ("5650", DeclineReason.AUTHENTICATION_REQUIRED),
        ("PP06", DeclineReason.ACCOUNT_CLOSED),
        ("0500", DeclineReason.ISSUER_DECLINED),
        ("2031", DeclineReason.UNKNOWN),
    ],
)
def test_the_processors_code_says_why_and_is_kept(code: str, reason: DeclineReason) -> None:
    found = of(response_code=code)
    assert (found.reason, found.code) == (reason, code)


def test_only_a_passing_cause_advises_another_attempt() -> None:
    again = {code for code in KNOWN.split() if advised(of(response_code=code)) is Advice.TRY_AGAIN_LATER}
    assert again == set("5120 PPAX PPEL PPNL 0500 5100 0800 0960 1360 5920 8000 8100 8110 8220 9100 PPER PPNT".split())  # noqa: SIM905 - a table


@pytest.mark.parametrize(
    ("network", "advice"),
    [
        ("01", Advice.BRING_THE_PAYER_BACK),
        ("02", Advice.TRY_AGAIN_LATER),
        ("03", Advice.DO_NOT_RETRY),
        ("21", Advice.DO_NOT_RETRY),
    ],
)
def test_the_networks_own_advice_wins(network: str, advice: Advice) -> None:
    assert advised(of(response_code="5120", payment_advice_code=network)) is advice
    assert advised(of(response_code="9500", payment_advice_code=network)) is advice


@pytest.mark.parametrize(
    ("response", "code"),
    [({"cvv_code": "N"}, "cvv_N"), ({"avs_code": "N"}, "avs_N"), ({"avs_code": "N", "response_code": "5100"}, "5100")],
)
def test_a_code_or_an_address_that_does_not_match_is_told(response: dict[str, str], code: str) -> None:
    found = of(**response)
    assert (found.reason, found.code) == (DeclineReason.INCORRECT_DETAILS, code)


SILENT: list[dict[str, str]] = [
    {},
    {"response_code": "0000"},
    {"avs_code": "Y", "cvv_code": "M"},
    {"response_code": "x'; --"},
]


@pytest.mark.parametrize("response", SILENT)
def test_what_says_nothing_is_unknown_and_not_worth_another_attempt(response: dict[str, str]) -> None:
    found = of(**response)
    assert (found.reason, found.code) == (DeclineReason.UNKNOWN, None)
    assert advised(found) is Advice.BRING_THE_PAYER_BACK


def test_the_newest_attempt_that_says_why_counts() -> None:
    first, last = ({"processor_response": {"response_code": code}} for code in ("9500", "5120"))
    assert decline_in([first, last, {"status": "DECLINED"}]).code == "5120"


@pytest.mark.parametrize(
    ("issue", "kind"),
    [
        ("REFUND_TIME_LIMIT_EXCEEDED", Conflict),
        ("MAX_NUMBER_OF_REFUNDS_EXCEEDED", Conflict),
        ("REFUND_NOT_ALLOWED", Conflict),
        ("PLAN_STATUS_INVALID", Conflict),
        ("MAX_REFUND_LIMIT_EXCEEDED", Conflict),
        ("REAUTHORIZATION_NOT_SUPPORTED", Conflict),
        ("CURRENCY_NOT_SUPPORTED_FOR_RECEIVER", PermissionDenied),
        ("INVALID_ACCOUNT_STATUS", PermissionDenied),
        ("TRANSACTION_RECEIVING_LIMIT_EXCEEDED", PermissionDenied),
    ],
)
def test_a_state_of_payment_or_account_is_no_wrong_request(issue: str, kind: type[PaymentError]) -> None:
    body: dict[str, Any] = {"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue}]}
    found = error_response_from(body)
    assert found is not None
    assert found.kind is kind


STATES = re.compile(
    "ALREADY|EXPIRED|ENABLED|STATUS|LIMIT|RESTRICT|LOCKED|CLOSED|CANNOT_(CANCEL|PROCESS|REMIND)|EXISTS|DISPUTE|CHARGEBACK"
)


def issues_in(value: Any) -> Iterator[str]:
    """The issues of all refusals that a description lists."""
    if isinstance(value, dict):
        issue = value.get("issue")
        yield from issue["enum"] if isinstance(issue, dict) and "enum" in issue else ()
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from issues_in(inner)


@official
@pytest.mark.contract
def test_no_state_that_the_descriptions_list_is_called_a_wrong_request() -> None:
    listed = {issue for name in FILES for issue in issues_in(description(name)) if STATES.search(issue)}
    kinds = {
        issue: error_response_from({"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": issue}]}) for issue in listed
    }
    assert len(listed) > 40
    assert {issue for issue, found in kinds.items() if found is None or found.kind in {None, InvalidRequest}} == set()


def test_a_refusal_of_a_sales_refund_is_about_the_payment_and_nobody_was_declined() -> None:
    """https://developer.paypal.com/api/deprecated/payments/v1/errors/transaction_refused: too late, refunded already, ..."""
    refused = error_response_from(
        {"name": "TRANSACTION_REFUSED", "message": "This request was refused.", "debug_id": "x"}
    )
    assert refused is not None
    assert (refused.kind, refused.code) == (Conflict, "TRANSACTION_REFUSED")
    declined = error_response_from({"name": "UNPROCESSABLE_ENTITY", "details": [{"issue": "TRANSACTION_REFUSED"}]})
    assert declined is not None
    assert declined.kind is Declined


def test_a_sentence_in_the_place_of_the_issue_is_no_code() -> None:
    """v1 writes sentences there."""
    found = error_response_from(
        {
            "name": "VALIDATION_ERROR",
            "message": "Invalid request - see details.",
            "details": [{"field": "amount.total", "issue": "Currency amount must be a positive number."}],
        }
    )
    assert found is not None
    assert (found.code, found.param) == ("VALIDATION_ERROR", "amount.total")
    assert found.message == "Currency amount must be a positive number."


@pytest.mark.parametrize("kind", ["async", "blocking"])
def test_a_capture_that_the_bank_declined_says_why(kind: str) -> None:
    world = World(kind)
    declined = capture(
        status="DECLINED", processor_response={"response_code": "5400", "avs_code": "Y", "cvv_code": "M"}
    )
    world.on("GET", f"{ORDERS}/{ORDER}", order("APPROVED"))
    world.on("POST", f"{ORDERS}/{ORDER}/capture", order("COMPLETED", captures=[declined]))
    with pytest.raises(Declined) as caught:
        world.run(world.provider.capture_payment(ORDER))
    assert (caught.value.reason, caught.value.code) == (DeclineReason.EXPIRED_CARD, "5400")
    assert caught.value.payment_id == ORDER


@pytest.mark.parametrize(
    ("response", "reason", "advice"),
    [
        ({"response_code": "9500"}, DeclineReason.LOST_STOLEN_OR_FRAUD, None),
        (
            {"response_code": "9500", "payment_advice_code": "03"},
            DeclineReason.LOST_STOLEN_OR_FRAUD,
            Advice.DO_NOT_RETRY,
        ),
        ({"payment_advice_code": "21"}, DeclineReason.ISSUER_DECLINED, Advice.DO_NOT_RETRY),
        ({"response_code": "9600"}, DeclineReason.ISSUER_DECLINED, Advice.BRING_THE_PAYER_BACK),
    ],
)
def test_an_error_says_what_its_processor_says(
    response: dict[str, str], reason: DeclineReason, advice: Advice | None
) -> None:
    details = [{"issue": "INSTRUMENT_DECLINED"}]
    body = {"name": "UNPROCESSABLE_ENTITY", "details": details, "processor_response": response}
    found = error_response_from(body)
    assert found is not None
    assert (found.kind, found.reason, found.advice) == (Declined, reason, advice)
