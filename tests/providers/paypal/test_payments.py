"""Orders, authorizations, captures, sales and refunds: what they say, and what is asked of PayPal."""

from typing import Any

import httpx
import pytest

from paylattice import CheckoutStatus, Money, PaymentStatus, RefundStatus
from paylattice.errors import (
    ActionRequired,
    Advice,
    Conflict,
    Declined,
    InvalidRequest,
    InvalidResponse,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    UnsupportedOperation,
)
from paylattice.idempotency import sub_key
from paylattice.providers.paypal.orders import (
    order_session_from,
    payment_from_authorization,
    payment_from_capture,
    payment_from_order,
    payment_from_sale,
    refund_from,
)

from .samples import (
    PAGE,
    authorization,
    capture,
    link,
    order,
    payment_token,
    refund,
    sale,
    sale_refund,
    usd,
    waiting_order,
)
from .scenarios import (
    AUTH,
    AUTHS,
    BACK,
    CAPTURE,
    CAPTURES,
    ORDER,
    ORDERS,
    SALE,
    SALES,
    THANKS,
    TOKEN,
    TOKENS,
    furnished,
)
from .support import World, missing, refusal, unprocessable

USD19 = Money(1900, "USD")
NOTHING = Money(0, "USD")


@pytest.fixture
def world(world: World) -> World:
    return furnished(world)


# --- what an order says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "status", "session", "word"),
    [
        (order("CREATED"), PaymentStatus.REQUIRES_ACTION, CheckoutStatus.OPEN, "CREATED"),
        (waiting_order(), PaymentStatus.REQUIRES_ACTION, CheckoutStatus.OPEN, "PAYER_ACTION_REQUIRED"),
        (order("SAVED"), PaymentStatus.PENDING, CheckoutStatus.PENDING, "SAVED"),
        (order("APPROVED"), PaymentStatus.PENDING, CheckoutStatus.PENDING, "APPROVED"),
        (order("VOIDED"), PaymentStatus.CANCELED, CheckoutStatus.EXPIRED, "VOIDED"),
        (order("COMPLETED"), PaymentStatus.UNKNOWN, CheckoutStatus.UNKNOWN, "COMPLETED"),
        (order("NEW_WORD"), PaymentStatus.UNKNOWN, CheckoutStatus.UNKNOWN, "NEW_WORD"),
        (order(captures=[capture()]), PaymentStatus.SUCCEEDED, CheckoutStatus.COMPLETE, "COMPLETED"),
        (order(captures=[capture(status="PENDING")]), PaymentStatus.PENDING, CheckoutStatus.PENDING, "PENDING"),
        (order(captures=[capture(status="DECLINED")]), PaymentStatus.FAILED, CheckoutStatus.EXPIRED, "DECLINED"),
        (order(captures=[capture(status="FAILED")]), PaymentStatus.FAILED, CheckoutStatus.EXPIRED, "FAILED"),
        (order(captures=[capture(status="REFUNDED")]), PaymentStatus.REFUNDED, CheckoutStatus.COMPLETE, "REFUNDED"),
        (order(captures=[capture(status="ODD")]), PaymentStatus.UNKNOWN, CheckoutStatus.UNKNOWN, "ODD"),
        (
            order(captures=[capture(status="DECLINED"), capture()]),
            PaymentStatus.SUCCEEDED,
            CheckoutStatus.COMPLETE,
            "COMPLETED",
        ),
        (
            order(captures=[capture(), capture(status="DECLINED")]),
            PaymentStatus.SUCCEEDED,
            CheckoutStatus.COMPLETE,
            "COMPLETED",
        ),
        (order(authorizations=[authorization()]), PaymentStatus.AUTHORIZED, CheckoutStatus.COMPLETE, "CREATED"),
        (
            order(authorizations=[authorization(status="VOIDED")]),
            PaymentStatus.CANCELED,
            CheckoutStatus.EXPIRED,
            "VOIDED",
        ),
        (
            order(authorizations=[authorization(status="DENIED")]),
            PaymentStatus.FAILED,
            CheckoutStatus.EXPIRED,
            "DENIED",
        ),
        (
            order(authorizations=[authorization(status="CAPTURED")], captures=[capture(status="PENDING")]),
            PaymentStatus.PENDING,
            CheckoutStatus.PENDING,
            "PENDING",
        ),
    ],
)
def test_an_order_is_as_far_as_its_money_is(
    data: Any, status: PaymentStatus, session: CheckoutStatus, word: str
) -> None:
    payment = payment_from_order(data)
    assert (payment.status, payment.raw_status) == (status, word)
    assert order_session_from(data).status is session


def test_what_was_taken_and_given_back_is_counted_in_the_order() -> None:
    captures = [capture(amount=usd("5.00")), capture(amount=usd("4.00"), status="PENDING")]
    refunds = [refund(amount=usd("1.00")), refund(amount=usd("2.00"), status="FAILED"), refund(amount={"value": "1"})]
    found = payment_from_order(order(captures=captures, refunds=refunds))
    assert found.amount == USD19
    assert found.amount_captured == Money(500, "USD")
    assert found.refunded == Money(100, "USD")


def test_approval_moves_no_money() -> None:
    assert payment_from_order(order("APPROVED")).amount_captured == NOTHING


@pytest.mark.parametrize(
    ("status", "expected", "captured"),
    [
        ("CREATED", PaymentStatus.AUTHORIZED, NOTHING),
        ("CAPTURED", PaymentStatus.SUCCEEDED, None),
        ("PARTIALLY_CAPTURED", PaymentStatus.SUCCEEDED, None),
        ("DENIED", PaymentStatus.FAILED, NOTHING),
        ("VOIDED", PaymentStatus.CANCELED, NOTHING),
        ("PENDING", PaymentStatus.PENDING, NOTHING),
        ("NEW_WORD", PaymentStatus.UNKNOWN, NOTHING),
    ],
)
def test_an_authorization_does_not_say_how_much_was_captured(
    status: str, expected: PaymentStatus, captured: Money | None
) -> None:
    found = payment_from_authorization(authorization(status=status))
    assert (found.status, found.amount_captured) == (expected, captured)


def test_captures_and_sales_speak_for_themselves() -> None:
    assert payment_from_capture(capture()).amount_captured == USD19
    assert payment_from_capture(capture(status="REFUNDED")).refunded == USD19
    assert payment_from_capture(capture(), ORDER).id == ORDER
    found = payment_from_sale(sale())
    assert (found.id, found.status, found.amount, found.customer_id) == (SALE, PaymentStatus.SUCCEEDED, USD19, "cus_1")
    for word, status in {
        "completed": PaymentStatus.SUCCEEDED,
        "COMPLETED": PaymentStatus.SUCCEEDED,
        "partially_refunded": PaymentStatus.PARTIALLY_REFUNDED,
        "pending": PaymentStatus.PENDING,
        "refunded": PaymentStatus.REFUNDED,
        "denied": PaymentStatus.FAILED,
        "odd": PaymentStatus.UNKNOWN,
    }.items():
        assert payment_from_sale(sale(state=word)).status is status


def test_refunds_of_both_kinds_are_amounts_above_zero() -> None:
    assert refund_from(refund(), payment_id="X").amount == USD19
    assert refund_from(refund(status="PENDING"), payment_id="X").status is RefundStatus.PENDING
    assert refund_from(refund(status="CANCELLED"), payment_id="X").status is RefundStatus.CANCELED
    found = refund_from(sale_refund())
    assert (found.amount, found.payment_id, found.status) == (USD19, SALE, RefundStatus.SUCCEEDED)
    sparse = {"id": "R", "status": "COMPLETED"}
    assert refund_from(sparse, payment_id="X", asked=USD19).amount == USD19
    with pytest.raises(InvalidResponse):
        refund_from(sparse, payment_id="X")


# --- a payment session -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "links",
    [
        [link("self", "https://x.example"), link("payer-action", PAGE)],
        [link("approve", PAGE), link("self", "https://x.example")],
        [link("approve", "https://x.example/old"), link("payer-action", PAGE)],
    ],
)
def test_the_page_is_found_by_its_relation(world: World, links: Any) -> None:
    world.on("POST", ORDERS, httpx.Response(201, json=waiting_order(links=links)))
    session = world.run(world.provider.create_payment_session(USD19, THANKS, BACK, customer_id="cus_1"))
    assert session.url == PAGE
    assert session.payment_id is None
    assert session.id == ORDER


def test_an_order_carries_the_key_twice_so_that_paypal_takes_it_once_for_good(world: World) -> None:
    world.run(world.provider.create_payment_session(USD19, THANKS, BACK, idempotency_key="order-7"))
    sent = world.server.only("POST")
    assert sent.key == sent.body["purchase_units"][0]["invoice_id"] == "order-7"
    assert sent.body["payment_source"]["paypal"]["experience_context"]["user_action"] == "PAY_NOW"
    world.on("POST", ORDERS, unprocessable("DUPLICATE_INVOICE_ID"))
    with pytest.raises(Conflict) as caught:
        world.run(world.provider.create_payment_session(USD19, THANKS, BACK, idempotency_key="order-7"))
    assert caught.value.code == "DUPLICATE_INVOICE_ID"
    assert not caught.value.retryable


def test_an_order_that_is_answered_in_short_is_a_session_all_the_same(world: World) -> None:
    short = {"id": ORDER, "status": "PAYER_ACTION_REQUIRED", "links": [link("payer-action", PAGE)]}
    world.on("POST", ORDERS, short)
    session = world.run(world.provider.create_payment_session(USD19, THANKS, BACK, customer_id="cus_1"))
    assert (session.url, session.customer_id, session.replayed) == (PAGE, "cus_1", True)


def test_an_order_without_a_page_is_an_unknown_outcome(world: World) -> None:
    world.on("POST", ORDERS, waiting_order(links=[]))
    with pytest.raises(OutcomeUnknown):
        world.run(world.provider.create_payment_session(USD19, THANKS, BACK))


def test_an_order_of_another_amount_is_no_success(world: World) -> None:
    world.on("POST", ORDERS, waiting_order(unit={"amount": {"currency_code": "USD", "value": "19.01"}}))
    with pytest.raises(OutcomeUnknown, match="another amount"):
        world.run(world.provider.create_payment_session(USD19, THANKS, BACK))


@pytest.mark.parametrize("amount", [Money(1900, "KRW"), Money(1050, "HUF")], ids=str)
def test_money_that_paypal_does_not_take_is_refused_without_a_request(world: World, amount: Money) -> None:
    with pytest.raises(InvalidRequest):
        world.run(world.provider.create_payment_session(amount, THANKS, BACK))
    assert world.server.seen == []


# --- capturing -------------------------------------------------------------------------------------------------------------


def test_an_approved_order_is_captured_once(world: World) -> None:
    world.on("GET", f"{ORDERS}/{ORDER}", order("APPROVED"))
    world.on("POST", f"{ORDERS}/{ORDER}/capture", httpx.Response(201, json=order(captures=[capture()])))
    payment = world.run(world.provider.capture_payment(ORDER))
    assert (payment.id, payment.status, payment.amount_captured) == (ORDER, PaymentStatus.SUCCEEDED, USD19)
    assert world.run(world.provider.capture_payment(ORDER)).status is PaymentStatus.SUCCEEDED
    assert len(world.server.writes) == 1
    assert world.server.writes[0].body == {}
    assert world.server.writes[0].headers["content-type"] == "application/json"


def test_a_capture_that_is_pending_is_no_success_and_not_repeated(world: World) -> None:
    pending = order(captures=[capture(status="PENDING", status_details={"reason": "PENDING_REVIEW"})])
    world.on("GET", f"{ORDERS}/{ORDER}", order("APPROVED"), pending)
    world.on("POST", f"{ORDERS}/{ORDER}/capture", httpx.Response(201, json=pending))
    assert world.run(world.provider.capture_payment(ORDER)).status is PaymentStatus.PENDING
    again = world.run(world.provider.capture_payment(ORDER))
    assert (again.status, again.amount_captured) == (PaymentStatus.PENDING, NOTHING)
    assert len(world.server.writes) == 1


def test_a_capture_that_was_declined_is_an_error_with_the_payment(world: World) -> None:
    world.on("GET", f"{ORDERS}/{ORDER}", order("APPROVED"))
    world.on("POST", f"{ORDERS}/{ORDER}/capture", order(captures=[capture(status="DECLINED")]))
    with pytest.raises(Declined) as caught:
        world.run(world.provider.capture_payment(ORDER))
    assert (caught.value.payment_id, caught.value.code) == (ORDER, "DECLINED")


def test_a_declined_instrument_with_a_link_sends_the_payer_there(world: World) -> None:
    world.on("GET", f"{ORDERS}/{ORDER}", order("APPROVED"))
    declined = unprocessable("INSTRUMENT_DECLINED", links=[link("redirect", PAGE)])
    world.on("POST", f"{ORDERS}/{ORDER}/capture", declined)
    with pytest.raises(ActionRequired) as caught:
        world.run(world.provider.capture_payment(ORDER))
    assert (caught.value.url, caught.value.payment_id) == (PAGE, ORDER)
    assert caught.value.code == "INSTRUMENT_DECLINED"


@pytest.mark.parametrize("href", ["javascript:alert(1)", "data:text/html,x", "//evil", 7])
def test_a_link_that_leads_nowhere_is_none(world: World, href: Any) -> None:
    world.on("GET", f"{ORDERS}/{ORDER}", order("APPROVED"))
    world.on(
        "POST",
        f"{ORDERS}/{ORDER}/capture",
        unprocessable("INSTRUMENT_DECLINED", links=[{"rel": "redirect", "href": href}]),
    )
    with pytest.raises(Declined) as caught:
        world.run(world.provider.capture_payment(ORDER))
    assert caught.value.advice_off_session is Advice.BRING_THE_PAYER_BACK


def test_an_order_that_nobody_approved_sends_the_payer_to_its_page(world: World) -> None:
    world.on("GET", f"{ORDERS}/{ORDER}", waiting_order())
    world.on("POST", f"{ORDERS}/{ORDER}/capture", unprocessable("ORDER_NOT_APPROVED"))
    with pytest.raises(ActionRequired) as caught:
        world.run(world.provider.capture_payment(ORDER))
    assert (caught.value.url, caught.value.payment_id) == (PAGE, ORDER)


def test_an_order_is_captured_whole(world: World) -> None:
    world.always("GET", f"{ORDERS}/{ORDER}", order("APPROVED"))
    for amount in (Money(1, "USD"), Money(1901, "USD"), Money(1900, "EUR")):
        with pytest.raises(InvalidRequest) as caught:
            world.run(world.provider.capture_payment(ORDER, amount))
        assert caught.value.param == "amount"
    assert world.server.writes == []


def test_a_capture_of_another_amount_than_was_captured_is_a_conflict(world: World) -> None:
    with pytest.raises(Conflict, match="another amount"):
        world.run(world.provider.capture_payment(ORDER, Money(5, "USD")))


def test_an_approved_order_to_authorize_is_authorized_and_captured(world: World) -> None:
    path = f"{ORDERS}/{ORDER}"
    authorized = order(authorizations=[authorization()])
    captured = order(authorizations=[authorization(status="CAPTURED")], captures=[capture(amount=usd("7.00"))])
    world.on("GET", path, order("APPROVED", intent="AUTHORIZE"), captured)
    world.on("POST", f"{path}/authorize", authorized)
    world.on("POST", f"{AUTHS}/{AUTH}/capture", httpx.Response(201, json=capture(amount=usd("7.00"))))
    payment = world.run(world.provider.capture_payment(ORDER, Money(700, "USD"), idempotency_key="k"))
    assert (payment.status, payment.amount_captured) == (PaymentStatus.SUCCEEDED, Money(700, "USD"))
    assert world.server.writes[1].body == {"final_capture": True, "amount": usd("7.00")}
    assert len({seen.key for seen in world.server.writes}) == 2


@pytest.mark.parametrize("status", ["DENIED", "PENDING"])
def test_an_authorization_that_did_not_come_about_is_not_captured(world: World, status: str) -> None:
    path = f"{ORDERS}/{ORDER}"
    world.on("GET", path, order("APPROVED", intent="AUTHORIZE"))
    world.on("POST", f"{path}/authorize", order(authorizations=[authorization(status=status)]))
    if status == "DENIED":
        with pytest.raises(Declined):
            world.run(world.provider.capture_payment(ORDER))
    else:
        assert world.run(world.provider.capture_payment(ORDER)).status is PaymentStatus.PENDING
    assert len(world.server.writes) == 1


def test_a_declined_capture_of_an_authorization_is_an_error(world: World) -> None:
    world.on("POST", f"{AUTHS}/{AUTH}/capture", capture(status="DECLINED"))
    with pytest.raises(Declined) as caught:
        world.run(world.provider.capture_payment(AUTH))
    assert caught.value.code == "DECLINED"


def test_only_an_order_to_authorize_can_be_authorized(world: World) -> None:
    with pytest.raises(InvalidRequest):
        world.run(world.provider.authorize_payment(ORDER))
    world.always("GET", f"{ORDERS}/{ORDER}", missing())
    with pytest.raises(NotFound):
        world.run(world.provider.authorize_payment(ORDER))
    assert world.server.writes == []


@pytest.mark.parametrize("data", [order("VOIDED"), order(captures=[capture(status="DECLINED")])])
def test_what_is_over_cannot_be_captured(world: World, data: Any) -> None:
    world.always("GET", f"{ORDERS}/{ORDER}", data)
    with pytest.raises(Conflict):
        world.run(world.provider.capture_payment(ORDER))
    assert world.server.writes == []


def test_an_id_is_looked_for_in_every_place(world: World) -> None:
    assert world.run(world.provider.get_payment(SALE)).id == SALE  # type: ignore[union-attr]
    assert world.run(world.provider.get_payment(CAPTURE)).id == CAPTURE  # type: ignore[union-attr]
    for place in (ORDERS, CAPTURES, AUTHS, SALES):
        world.always("GET", f"{place}/NOBODY", missing())
        world.always("GET", f"{place}/no-body", refusal(400, "INVALID_REQUEST", "INVALID_PARAMETER_SYNTAX"))
    assert world.run(world.provider.get_payment("NOBODY")) is None
    assert world.run(world.provider.get_payment("no-body")) is None
    with pytest.raises(NotFound):
        world.run(world.provider.capture_payment("NOBODY"))
    world.always("GET", f"{CAPTURES}/NOBODY", refusal(403, "NOT_AUTHORIZED", "PERMISSION_DENIED"))
    with pytest.raises(PermissionDenied):
        world.run(world.provider.get_payment("NOBODY"))


# --- voiding -----------------------------------------------------------------------------------------------------------------


def test_an_order_without_reserved_money_cannot_be_canceled(world: World) -> None:
    world.always("GET", f"{ORDERS}/{ORDER}", order("APPROVED"))
    with pytest.raises(UnsupportedOperation, match="lapses"):
        world.run(world.provider.cancel_payment(ORDER))


def test_what_was_captured_is_refunded_and_not_canceled(world: World) -> None:
    for identifier in (ORDER, CAPTURE, SALE):
        with pytest.raises(Conflict, match="refund"):
            world.run(world.provider.cancel_payment(identifier))
    assert world.server.writes == []


def test_a_pending_sale_can_neither_be_canceled_nor_captured(world: World) -> None:
    world.always("GET", f"{SALES}/{SALE}", sale(state="pending"))
    with pytest.raises(Conflict):
        world.run(world.provider.cancel_payment(SALE))
    with pytest.raises(Conflict):
        world.run(world.provider.capture_payment(SALE))


# --- refunding ---------------------------------------------------------------------------------------------------------------


def test_a_refund_of_an_order_goes_to_the_capture_that_took_the_money(world: World) -> None:
    world.always("GET", f"{ORDERS}/{ORDER}", order(captures=[capture(), capture(id="DECLINED1", status="DECLINED")]))
    found = world.run(world.provider.refund_payment(ORDER, Money(1900, "USD"), "Sorry", idempotency_key="k1"))
    assert (found.payment_id, found.amount, found.status) == (ORDER, USD19, RefundStatus.SUCCEEDED)
    assert world.server.only("POST").path == f"{CAPTURES}/{CAPTURE}/refund"
    mark = sub_key("k1", CAPTURE)
    assert world.server.only("POST").body == {"amount": usd(), "note_to_payer": "Sorry", "invoice_id": mark}


def test_a_full_refund_says_nothing_of_an_amount(world: World) -> None:
    assert world.run(world.provider.refund_payment(CAPTURE, idempotency_key="k1")).amount == USD19
    assert world.server.only("POST").body == {"invoice_id": sub_key("k1", CAPTURE)}


def test_a_sale_is_refunded_in_the_older_shape(world: World) -> None:
    found = world.run(world.provider.refund_payment(SALE, USD19, "Sorry"))
    assert (found.payment_id, found.amount) == (SALE, USD19)
    assert world.server.only("POST").path == f"{SALES}/{SALE}/refund"
    assert world.server.only("POST").body == {"amount": {"currency": "USD", "total": "19.00"}, "description": "Sorry"}


def test_a_refund_of_a_captured_authorization_finds_the_capture_through_the_order(world: World) -> None:
    world.always("GET", f"{AUTHS}/{AUTH}", authorization(status="CAPTURED"))
    assert world.run(world.provider.refund_payment(AUTH)).payment_id == AUTH
    assert world.server.only("POST").path == f"{CAPTURES}/{CAPTURE}/refund"
    world.always("GET", f"{AUTHS}/{AUTH}", authorization(status="CAPTURED", supplementary_data=None))
    with pytest.raises(Conflict, match="pass the capture's"):
        world.run(world.provider.refund_payment(AUTH))


@pytest.mark.parametrize(
    ("identifier", "place", "data"),
    [
        (ORDER, ORDERS, order("APPROVED")),
        (ORDER, ORDERS, order(captures=[capture(status="PENDING")])),
        (CAPTURE, CAPTURES, capture(status="DECLINED")),
        (AUTH, AUTHS, authorization()),
        (SALE, SALES, sale(state="pending")),
    ],
)
def test_where_no_money_was_taken_none_is_given_back(world: World, identifier: str, place: str, data: Any) -> None:
    world.always("GET", f"{place}/{identifier}", data)
    with pytest.raises(Conflict):
        world.run(world.provider.refund_payment(identifier))
    assert world.server.writes == []


@pytest.mark.parametrize("amount", [Money(1901, "USD"), Money(1900, "EUR")], ids=str)
def test_more_than_was_taken_is_not_given_back(world: World, amount: Money) -> None:
    with pytest.raises(InvalidRequest):
        world.run(world.provider.refund_payment(ORDER, amount))
    assert world.server.writes == []


@pytest.mark.parametrize(
    ("issue", "error"),
    [
        ("CAPTURE_FULLY_REFUNDED", Conflict),
        ("REFUND_AMOUNT_EXCEEDED", InvalidRequest),
        ("REFUND_TIME_LIMIT_EXCEEDED", Conflict),
        ("REFUND_FAILED_INSUFFICIENT_FUNDS", Declined),
        ("PENDING_CAPTURE", Conflict),
    ],
)
def test_paypal_s_reasons_against_a_refund_are_told_apart(world: World, issue: str, error: type[Exception]) -> None:
    world.on("POST", f"{CAPTURES}/{CAPTURE}/refund", unprocessable(issue))
    with pytest.raises(error) as caught:
        world.run(world.provider.refund_payment(ORDER))
    assert getattr(caught.value, "code", None) == issue


def test_an_answer_about_another_refund_is_not_believed(world: World) -> None:
    world.on("POST", f"{CAPTURES}/{CAPTURE}/refund", httpx.Response(201, json=refund(amount=usd("1.00"))))
    with pytest.raises(OutcomeUnknown):
        world.run(world.provider.refund_payment(ORDER, USD19))


# --- saved payment methods -------------------------------------------------------------------------------------------


def charge(world: World, customer_id: str = "customer_4029352050", **more: Any) -> Any:
    return world.run(world.provider.create_payment(USD19, customer_id=customer_id, payment_method_id=TOKEN, **more))


def test_a_saved_card_is_charged_as_by_the_merchant(world: World) -> None:
    world.on("POST", ORDERS, httpx.Response(201, json=order(captures=[capture()], unit={"custom_id": "cus_1"})))
    assert charge(world, "cus_1").status is PaymentStatus.SUCCEEDED
    card = world.server.only("POST").body["payment_source"]["card"]
    assert card["vault_id"] == TOKEN
    assert card["stored_credential"]["payment_initiator"] == "MERCHANT"


def test_somebody_else_s_payment_method_is_not_charged(world: World) -> None:
    with pytest.raises(InvalidRequest) as caught:
        charge(world, "customer_2")
    assert caught.value.param == "payment_method_id"
    world.always("GET", f"{TOKENS}/{TOKEN}", missing())
    with pytest.raises(InvalidRequest):
        charge(world)
    assert world.server.writes == []


@pytest.mark.parametrize(
    "source", [{}, {"bank": {"ach_debit": {}}}, {"card": None}, None, "card", {"paypal": {}, "card": {}}]
)
def test_a_payment_method_that_cannot_be_charged_later_is_refused(world: World, source: Any) -> None:
    world.always("GET", f"{TOKENS}/{TOKEN}", payment_token(payment_source=source))
    with pytest.raises(InvalidRequest):
        charge(world)
    assert world.server.writes == []


def test_a_payment_that_needs_the_payer_says_where(world: World) -> None:
    world.on("POST", ORDERS, httpx.Response(201, json=waiting_order(unit={"custom_id": "customer_4029352050"})))
    with pytest.raises(ActionRequired) as caught:
        charge(world)
    assert (caught.value.url, caught.value.payment_id) == (PAGE, ORDER)


def test_a_declined_charge_is_declined_and_says_why(world: World) -> None:
    world.on("POST", ORDERS, unprocessable("TRANSACTION_REFUSED"))
    with pytest.raises(Declined):
        charge(world)
    world.on("POST", ORDERS, httpx.Response(201, json=order(captures=[capture(status="DECLINED")])))
    with pytest.raises(Declined) as caught:
        charge(world)
    assert caught.value.payment_id == ORDER


def test_a_charge_that_is_answered_in_short_is_read_again(world: World) -> None:
    whole = order(captures=[capture()], unit={"custom_id": "customer_4029352050"})
    world.on("POST", ORDERS, httpx.Response(201, json={"id": ORDER, "status": "COMPLETED", "links": []}))
    world.on("GET", f"{ORDERS}/{ORDER}", whole)
    assert charge(world).status is PaymentStatus.SUCCEEDED
    world.on("POST", ORDERS, httpx.Response(201, json={"id": ORDER, "status": "COMPLETED", "links": []}))
    world.on("GET", f"{ORDERS}/{ORDER}", {"id": ORDER, "status": "COMPLETED"})
    with pytest.raises(OutcomeUnknown):
        charge(world)


def test_payment_methods_are_listed_page_by_page_for_the_vault_s_customer(world: World) -> None:
    following = link("next", "https://evil.example/v3/vault/payment-tokens?customer_id=another&page=2")
    second = payment_token(id="token2", payment_source={"venmo": {"user_name": "ada"}})
    world.on("GET", TOKENS, {"payment_tokens": [payment_token()], "links": [following]}, {"payment_tokens": [second]})
    found = world.run(world.provider.get_payment_methods("customer_4029352050"))
    assert [(one.id, one.type, one.brand, one.last4, one.exp_month, one.exp_year) for one in found] == [
        (TOKEN, "card", "visa", "1111", 2, 2027),
        ("token2", "venmo", None, None, None, None),
    ]
    assert {one.customer_id for one in found} == {"customer_4029352050"}
    assert [seen.query["customer_id"] for seen in world.server.asked] == ["customer_4029352050"] * 2
    assert [seen.query["page"] for seen in world.server.asked] == ["1", "2"]
    world.on("GET", TOKENS, missing())
    assert world.run(world.provider.get_payment_methods("nobody")) == []


@pytest.mark.parametrize(
    "expiry", ["2027-13", "2027-00", "27-02", "2027", "\u0662\u0660\u0662\u0667-02", "²⁰²⁷-02", 7, None]
)
def test_an_expiry_that_cannot_be_one_is_left_out(world: World, expiry: Any) -> None:
    odd = payment_token(payment_source={"card": {"expiry": expiry, "brand": 7}})
    world.on("GET", TOKENS, {"payment_tokens": [odd]})
    (found,) = world.run(world.provider.get_payment_methods("c"))
    assert (found.exp_month, found.exp_year, found.brand) == (None, None, None)
