"""Orders of PayPal's stand-in, and what they lead to: authorizations, captures, refunds."""

from decimal import Decimal
from typing import Any

import pytest

from .support import NO, OK, WHOLE, PayPalShop, links_of, money, order_body

ORDERS = "/v2/checkout/orders"
CAPTURES = "/v2/payments/captures"
AUTHORIZATIONS = "/v2/payments/authorizations"


@pytest.fixture
def shop() -> PayPalShop:
    return PayPalShop()


def captures_of(order: Any) -> list[Any]:
    return [capture for unit in order["purchase_units"] for capture in unit["payments"]["captures"]]


# --- the payer ---------------------------------------------------------------------------------------------------


def test_a_wallet_order_sends_the_payer_to_paypal(shop: PayPalShop) -> None:
    answer = shop.raw("POST", ORDERS, order_body(), key="k")
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "status", "links"}
    assert answer.json()["status"] == "PAYER_ACTION_REQUIRED"
    assert "payer-action" in links_of(answer.json())


def test_an_order_with_a_payment_source_needs_a_key(shop: PayPalShop) -> None:
    assert shop.refused(ORDERS, order_body()) == (400, "PAYPAL_REQUEST_ID_REQUIRED")


def test_an_order_of_the_old_way_has_another_link(shop: PayPalShop) -> None:
    body = {**order_body(), "application_context": {"return_url": OK, "cancel_url": NO}}
    del body["payment_source"]
    made = shop.post(ORDERS, body)
    assert made["status"] == "CREATED"
    assert "approve" in links_of(made)


def test_the_payers_yes_moves_no_money(shop: PayPalShop) -> None:
    order = shop.approved()
    found = shop.get(f"{ORDERS}/{order}")
    assert (found["status"], shop.server.money_taken()) == ("APPROVED", Decimal(0))
    assert links_of(found)["capture"].endswith(f"{order}/capture")
    assert "payments" not in found["purchase_units"][0]
    assert shop.told() == ["CHECKOUT.ORDER.APPROVED"]


def test_an_order_nobody_approved_is_not_captured(shop: PayPalShop) -> None:
    order = shop.order()
    answer = shop.raw("POST", f"{ORDERS}/{order}/capture", {})
    assert answer.json()["details"][0]["issue"] == "ORDER_NOT_APPROVED"
    assert "payer-action" in links_of(answer.json())


def test_an_approved_order_is_captured_once(shop: PayPalShop) -> None:
    order = shop.approved(custom_id="org_1")
    paid = shop.post(f"{ORDERS}/{order}/capture")
    (capture,) = captures_of(paid)
    assert (paid["status"], capture["status"], capture["custom_id"]) == ("COMPLETED", "COMPLETED", "org_1")
    assert capture["amount"] == money("10.00")
    assert shop.refused(f"{ORDERS}/{order}/capture") == (422, "ORDER_ALREADY_CAPTURED")
    assert shop.server.money_taken() == Decimal("10.00")
    assert shop.told() == ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED", "CHECKOUT.ORDER.COMPLETED"]


def test_a_capture_is_told_in_short_unless_asked_for(shop: PayPalShop) -> None:
    answer = shop.raw("POST", f"{ORDERS}/{shop.approved()}/capture", {})
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "status", "links"}


def test_intent_and_step_agree(shop: PayPalShop) -> None:
    assert shop.refused(f"{ORDERS}/{shop.approved()}/authorize") == (422, "ACTION_DOES_NOT_MATCH_INTENT")
    held = shop.approved(intent="AUTHORIZE")
    assert shop.refused(f"{ORDERS}/{held}/capture") == (422, "ACTION_DOES_NOT_MATCH_INTENT")


def test_an_order_lapses_before_and_after_the_yes(shop: PayPalShop) -> None:
    asked, agreed, paid = shop.order(), shop.approved(), shop.approved()
    shop.post(f"{ORDERS}/{paid}/capture")
    shop.server.advance(hours=3)
    for order in (asked, agreed):
        assert shop.refused(f"{ORDERS}/{order}", method="GET") == (404, "INVALID_RESOURCE_ID")
    assert shop.refused(f"{ORDERS}/{agreed}/capture") == (404, "INVALID_RESOURCE_ID")
    assert shop.get(f"{ORDERS}/{paid}")["status"] == "COMPLETED"
    with pytest.raises(ValueError, match="lapsed"):
        shop.server.complete_checkout(asked)


def test_several_units_are_captured_each(shop: PayPalShop) -> None:
    units = [{"reference_id": name, "amount": money(value)} for name, value in (("a", "1.00"), ("b", "2.00"))]
    order = shop.post(ORDERS, {**order_body(), "purchase_units": units}, key="k")["id"]
    shop.server.complete_checkout(order)
    assert [each["amount"]["value"] for each in captures_of(shop.post(f"{ORDERS}/{order}/capture"))] == ["1.00", "2.00"]


def test_an_order_may_complete_with_the_payers_yes(shop: PayPalShop) -> None:
    body = {**order_body(), "processing_instruction": "ORDER_COMPLETE_ON_PAYMENT_APPROVAL"}
    order = shop.post(ORDERS, body, key="k")["id"]
    shop.server.complete_checkout(order)
    assert shop.get(f"{ORDERS}/{order}")["status"] == "COMPLETED"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"intent": "CAPTUR"}, (400, "INVALID_PARAMETER_VALUE")),
        ({"purchase_units": []}, (400, "INVALID_ARRAY_MAX_ITEMS")),
        ({"purchase_units": [{"amount": {"value": "1.00"}}]}, (400, "MISSING_REQUIRED_PARAMETER")),
        ({"purchase_units": [{"amount": money("1.0x")}]}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"purchase_units": [{"amount": {"currency_code": "USD", "value": 1}}]}, (400, "INVALID_PARAMETER_SYNTAX")),
        ({"purchase_units": [{"amount": money("0.00")}]}, (422, "CANNOT_BE_ZERO_OR_NEGATIVE")),
        ({"purchase_units": [{"amount": money("-1")}]}, (422, "CANNOT_BE_ZERO_OR_NEGATIVE")),
        ({"purchase_units": [{"amount": money("1.001")}]}, (422, "DECIMAL_PRECISION")),
        ({"purchase_units": [{"amount": money("10.00", "HUF")}]}, (422, "DECIMALS_NOT_SUPPORTED")),
        ({"purchase_units": [{"amount": money("10", "KRW")}]}, (422, "INVALID_CURRENCY_CODE")),
        ({"purchase_units": [{"amount": money("1" + "0" * 15)}]}, (422, "MAX_VALUE_EXCEEDED")),
        ({"purchase_units": [{"amount": money("1")}, {"amount": money("1")}]}, (422, "DUPLICATE_REFERENCE_ID")),
        (
            {"purchase_units": [{"amount": money("1")}, {"amount": money("1", "EUR"), "reference_id": "b"}]},
            (422, "MULTI_CURRENCY_ORDER"),
        ),
        ({"purchase_units": [{"amount": money("1"), "description": "x" * 128}]}, (400, "INVALID_STRING_LENGTH")),
        ({"purchase_units": [{"amount": money("1"), "metadata": {}}]}, (400, "INVALID_PARAMETER")),
        ({"payment_source": {"card": {"number": "4111"}}}, (422, "CARD_NUMBER_REQUIRED")),
        ({"payment_source": {"apple_pay": {}}}, (422, "PAYMENT_SOURCE_CANNOT_BE_USED")),
        ({"payment_source": {"bitcoin": {}}}, (400, "INVALID_PARAMETER")),
        ({"payment_source": {"paypal": {}, "venmo": {}}}, (422, "INCOMPATIBLE_PARAMETER_VALUE")),
        (
            {"payment_source": {"token": {"id": "B-1", "type": "BILLING_AGREEMENT"}}},
            (422, "BILLING_AGREEMENT_NOT_FOUND"),
        ),
        ({"metadata": {}}, (400, "INVALID_PARAMETER")),
    ],
)
def test_what_paypal_does_not_take_is_refused(shop: PayPalShop, change: Any, expected: tuple[int, str]) -> None:
    assert shop.refused(ORDERS, {**order_body(), **change}, key="k") == expected
    assert shop.server.count("order") == 0


def test_an_authorization_has_one_unit(shop: PayPalShop) -> None:
    units = [{"reference_id": name, "amount": money("1.00")} for name in "ab"]
    body = {**order_body(intent="AUTHORIZE"), "purchase_units": units}
    assert shop.refused(ORDERS, body, key="k") == (422, "UNSUPPORTED_INTENT")


@pytest.mark.parametrize("value", [".5", "10", "10.0", "0.01"])
def test_amounts_may_be_written_in_many_ways(shop: PayPalShop, value: str) -> None:
    paid = shop.post(f"{ORDERS}/{shop.approved(value)}/capture")
    assert captures_of(paid)[0]["amount"]["value"] == f"{Decimal(value):.2f}"


def test_an_invoice_id_is_taken_once(shop: PayPalShop) -> None:
    shop.captured(invoice_id="inv_1")
    again = shop.approved(invoice_id="inv_1")
    assert shop.refused(f"{ORDERS}/{again}/capture") == (422, "DUPLICATE_INVOICE_ID")
    assert shop.server.money_taken() == Decimal("10.00")


# --- declines ----------------------------------------------------------------------------------------------------


def test_a_decline_sends_the_payer_back(shop: PayPalShop) -> None:
    order = shop.approved()
    shop.server.decline_next_payment()
    answer = shop.raw("POST", f"{ORDERS}/{order}/capture", {}, key="k")
    assert answer.json()["details"][0]["issue"] == "INSTRUMENT_DECLINED"
    assert links_of(answer.json())["redirect"].endswith(order)
    assert shop.post(f"{ORDERS}/{order}/capture", key="k")["status"] == "COMPLETED"


@pytest.mark.parametrize(("succeeded", "status"), [(True, "COMPLETED"), (False, "DECLINED")])
def test_a_completed_order_may_hold_a_pending_capture(shop: PayPalShop, succeeded: bool, status: str) -> None:
    order = shop.approved()
    shop.server.decline_next_payment("PENDING")
    paid = shop.post(f"{ORDERS}/{order}/capture")
    (capture,) = captures_of(paid)
    assert (paid["status"], capture["status"]) == ("COMPLETED", "PENDING")
    assert capture["status_details"] == {"reason": "PENDING_REVIEW"}
    assert shop.refused(f"{CAPTURES}/{capture['id']}/refund") == (422, "PENDING_CAPTURE")
    assert shop.server.money_taken() == Decimal(0)
    shop.server.settle_payment(order, succeeded=succeeded)
    assert shop.get(f"{CAPTURES}/{capture['id']}")["status"] == status
    assert shop.told()[-1] == f"PAYMENT.CAPTURE.{'COMPLETED' if succeeded else 'DENIED'}"
    with pytest.raises(ValueError, match="not pending"):
        shop.server.settle_payment(capture["id"])


def test_a_completed_order_may_hold_a_declined_capture(shop: PayPalShop) -> None:
    shop.server.decline_next_payment("DECLINED")
    paid = shop.post(f"{ORDERS}/{shop.approved()}/capture")
    assert (paid["status"], captures_of(paid)[0]["status"]) == ("COMPLETED", "DECLINED")
    assert shop.server.money_taken() == Decimal(0)
    assert shop.refused(f"{CAPTURES}/{captures_of(paid)[0]['id']}/refund") == (422, "REFUND_NOT_ALLOWED")


def test_a_test_may_ask_for_a_refusal_in_a_header(shop: PayPalShop) -> None:
    order = shop.approved()
    mock = {"PayPal-Mock-Response": '{"mock_application_codes": "TRANSACTION_REFUSED"}'}
    answer = shop.raw("POST", f"{ORDERS}/{order}/capture", {}, headers=mock)
    assert (answer.status_code, answer.json()["details"][0]["issue"]) == (422, "TRANSACTION_REFUSED")
    broken = {**WHOLE, "PayPal-Mock-Response": "{"}
    assert shop.raw("POST", f"{ORDERS}/{order}/capture", {}, headers=broken).status_code == 201


# --- authorizations ----------------------------------------------------------------------------------------------


def test_an_authorization_is_captured_in_parts(shop: PayPalShop) -> None:
    held = shop.authorized("10.00")
    path = f"{AUTHORIZATIONS}/{held}"
    assert (shop.get(path)["status"], shop.server.money_taken()) == ("CREATED", Decimal(0))
    shop.post(f"{path}/capture", {"amount": money("4.00")})
    assert shop.get(path)["status"] == "PARTIALLY_CAPTURED"
    assert shop.refused(f"{path}/capture", {"amount": money("6.01")}) == (422, "MAX_CAPTURE_AMOUNT_EXCEEDED")
    assert shop.refused(f"{path}/capture", {"amount": money("1", "EUR")}) == (422, "AUTH_CAPTURE_CURRENCY_MISMATCH")
    shop.post(f"{path}/capture", {"amount": money("5.00"), "final_capture": True})
    assert shop.get(path)["status"] == "CAPTURED"
    assert shop.refused(f"{path}/capture") == (422, "AUTHORIZATION_ALREADY_CAPTURED")
    assert shop.refused(f"{path}/void") == (422, "PREVIOUSLY_CAPTURED")
    assert shop.server.money_taken() == Decimal("9.00")


def test_a_void_says_nothing_unless_asked_for(shop: PayPalShop) -> None:
    path = f"{AUTHORIZATIONS}/{shop.authorized()}"
    answer = shop.raw("POST", f"{path}/void", {})
    assert (answer.status_code, answer.content) == (204, b"")
    assert shop.get(path)["status"] == "VOIDED"
    assert shop.refused(f"{path}/void") == (422, "PREVIOUSLY_VOIDED")
    assert shop.refused(f"{path}/capture") == (422, "AUTHORIZATION_VOIDED")
    asked = shop.raw("POST", f"{AUTHORIZATIONS}/{shop.authorized()}/void", {}, headers=WHOLE)
    assert (asked.status_code, asked.json()["status"]) == (200, "VOIDED")


def test_an_authorization_ends_after_29_days(shop: PayPalShop) -> None:
    path = f"{AUTHORIZATIONS}/{shop.authorized()}"
    shop.server.advance(days=29)
    assert shop.get(path)["status"] == "VOIDED"
    assert shop.refused(f"{path}/capture") == (422, "AUTHORIZATION_EXPIRED")
    assert shop.told()[-1] == "PAYMENT.AUTHORIZATION.VOIDED"


def test_an_authorization_may_be_denied(shop: PayPalShop) -> None:
    shop.server.decline_next_payment("DECLINED")
    assert shop.refused(f"{AUTHORIZATIONS}/{shop.authorized()}/capture") == (422, "AUTHORIZATION_DENIED")


def test_the_bank_may_say_no_to_the_capture(shop: PayPalShop) -> None:
    path = f"{AUTHORIZATIONS}/{shop.authorized()}"
    shop.server.decline_next_payment("PAYER_CANNOT_PAY")
    assert shop.refused(f"{path}/capture") == (422, "PAYER_CANNOT_PAY")
    shop.server.decline_next_payment("DECLINED")
    assert shop.post(f"{path}/capture")["status"] == "DECLINED"
    assert shop.get(path)["status"] == "CREATED"


# --- refunds -----------------------------------------------------------------------------------------------------


def test_a_capture_is_refunded_in_parts_then_wholly(shop: PayPalShop) -> None:
    capture = shop.captured()
    path = f"{CAPTURES}/{capture}"
    first = shop.post(f"{path}/refund", {"amount": money("4.00"), "note_to_payer": "Sorry"})
    assert (first["status"], first["amount"], first["note_to_payer"]) == ("COMPLETED", money("4.00"), "Sorry")
    assert links_of(first)["up"].endswith(path)
    assert shop.get(path)["status"] == "PARTIALLY_REFUNDED"
    assert shop.refused(f"{path}/refund", {"amount": money("6.01")}) == (422, "REFUND_AMOUNT_EXCEEDED")
    euros = {"amount": money("1.00", "EUR")}
    assert shop.refused(f"{path}/refund", euros) == (422, "REFUND_CAPTURE_CURRENCY_MISMATCH")
    rest = shop.post(f"{path}/refund")
    assert rest["amount"] == money("6.00")
    assert rest["seller_payable_breakdown"]["total_refunded_amount"] == money("10.00")
    assert shop.get(path)["status"] == "REFUNDED"
    assert shop.refused(f"{path}/refund") == (422, "CAPTURE_FULLY_REFUNDED")
    assert shop.server.money_taken() == Decimal(0)
    assert shop.get(f"/v2/payments/refunds/{rest['id']}")["amount"] == money("6.00")


def test_a_refund_has_a_time_limit_and_an_invoice_id_once(shop: PayPalShop) -> None:
    path = f"{CAPTURES}/{shop.captured()}"
    shop.post(f"{path}/refund", {"amount": money("1.00"), "invoice_id": "r1"})
    again = {"amount": money("1.00"), "invoice_id": "r1"}
    assert shop.refused(f"{path}/refund", again) == (422, "DUPLICATE_INVOICE_ID")
    shop.server.advance(days=181)
    assert shop.refused(f"{path}/refund") == (422, "REFUND_TIME_LIMIT_EXCEEDED")


def test_refunds_are_in_the_order(shop: PayPalShop) -> None:
    capture = shop.captured()
    shop.post(f"{CAPTURES}/{capture}/refund")
    order = shop.get(f"{ORDERS}/{shop.server.objects('order')[0]['id']}")
    payments = order["purchase_units"][0]["payments"]
    assert (payments["captures"][0]["status"], len(payments["refunds"])) == ("REFUNDED", 1)


# --- sales, the payments of subscriptions ------------------------------------------------------------------------


def test_a_sale_has_the_older_shape(shop: PayPalShop) -> None:
    shop.subscription()
    (sale,) = shop.server.objects("sale")
    found = shop.get(f"/v1/payments/sale/{sale['id']}")
    assert (found["state"], found["amount"]["total"], found["amount"]["currency"]) == ("completed", "19.0", "USD")


def test_a_sale_is_refunded_in_the_older_shape(shop: PayPalShop) -> None:
    shop.subscription()
    sale = shop.server.objects("sale")[0]["id"]
    path = f"/v1/payments/sale/{sale}/refund"
    assert shop.refused(path, {"amount": money("1.00")}) == (400, "INVALID_PARAMETER")
    first = shop.post(path, {"amount": {"total": "4.00", "currency": "USD"}})
    assert (first["state"], first["amount"], first["sale_id"]) == (
        "completed",
        {"total": "4.0", "currency": "USD"},
        sale,
    )
    assert shop.get(f"/v1/payments/sale/{sale}")["state"] == "partially_refunded"
    more = {"amount": {"total": "15.01", "currency": "USD"}}
    assert shop.refused(path, more) == (400, "REFUND_EXCEEDED_TRANSACTION_AMOUNT")
    assert shop.refused(path, {"amount": {"total": "1", "currency": "EUR"}}) == (400, "CURRENCY_MISMATCH")
    rest = shop.post(path, {})
    assert rest["amount"]["total"] == "15.0"
    assert shop.refused(path) == (400, "TRANSACTION_ALREADY_REFUNDED")
    assert shop.get(f"/v1/payments/refund/{rest['id']}")["sale_id"] == sale
    assert shop.server.money_taken() == Decimal(0)


def test_old_and_new_refunds_are_found_in_their_own_place(shop: PayPalShop) -> None:
    shop.subscription()
    sale = shop.server.objects("sale")[0]["id"]
    old = shop.post(f"/v1/payments/sale/{sale}/refund", {})["id"]
    new = shop.post(f"{CAPTURES}/{shop.captured()}/refund")["id"]
    assert shop.refused(f"/v2/payments/refunds/{old}", method="GET")[0] == 404
    assert shop.refused(f"/v1/payments/refund/{new}", method="GET") == (404, "INVALID_RESOURCE_ID")
    assert shop.refused("/v1/payments/sale/NONE", method="GET") == (404, "INVALID_RESOURCE_ID")
