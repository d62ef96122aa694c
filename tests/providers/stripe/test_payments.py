"""One-off payments and refunds."""

from typing import Any

import pytest

from paylattice import Money, PaymentStatus, RefundStatus
from paylattice.errors import (
    ActionRequired,
    Advice,
    Conflict,
    Declined,
    DeclineReason,
    InvalidRequest,
    NotFound,
    ResponseOutcomeUnknown,
)
from tests.kit import everything_in

from .samples import charge, intent, refund
from .support import World, missing, refusal


def test_a_payment_is_read_with_its_charge(world: World) -> None:
    world.on("GET", "/v1/payment_intents/pi_1", intent())
    found = world.run(world.provider.get_payment("pi_1"))
    assert found is not None
    assert (found.id, found.amount, found.status) == ("pi_1", Money(1000, "USD"), PaymentStatus.SUCCEEDED)
    assert (found.customer_id, found.payment_method_id) == ("cus_1", "pm_1")
    assert (found.amount_captured, found.refunded) == (Money(1000, "USD"), Money(0, "USD"))
    assert world.server.only("GET").query == {"expand[0]": "latest_charge.balance_transaction"}


def test_a_missing_payment_is_none(world: World) -> None:
    world.on("GET", "/v1/payment_intents/pi_1", missing())
    assert world.run(world.provider.get_payment("pi_1")) is None


@pytest.mark.parametrize(
    ("changes", "status", "refunded"),
    [
        ({"status": "requires_payment_method"}, PaymentStatus.PENDING, None),
        ({"status": "requires_payment_method", "last_payment_error": {"code": "x"}}, PaymentStatus.FAILED, None),
        ({"status": "requires_confirmation"}, PaymentStatus.PENDING, None),
        ({"status": "requires_action"}, PaymentStatus.REQUIRES_ACTION, None),
        ({"status": "processing"}, PaymentStatus.PROCESSING, None),
        ({"status": "requires_capture"}, PaymentStatus.AUTHORIZED, 0),
        ({"status": "canceled"}, PaymentStatus.CANCELED, None),
        ({"status": "levitating"}, PaymentStatus.UNKNOWN, None),
        ({"status": None}, PaymentStatus.UNKNOWN, None),
        ({"latest_charge": "ch_1"}, PaymentStatus.SUCCEEDED, None),
        ({"latest_charge": None}, PaymentStatus.SUCCEEDED, None),
        ({"latest_charge": charge(amount_refunded="many")}, PaymentStatus.SUCCEEDED, None),
        ({"latest_charge": charge(amount_refunded=400)}, PaymentStatus.PARTIALLY_REFUNDED, 400),
        ({"latest_charge": charge(amount_refunded=1000, refunded=True)}, PaymentStatus.REFUNDED, 1000),
        # captured in part: what was never taken is not a refund
        ({"latest_charge": charge(amount_captured=600, amount_refunded=400)}, PaymentStatus.SUCCEEDED, 0),
        ({"latest_charge": charge(amount_captured=600, amount_refunded=500)}, PaymentStatus.PARTIALLY_REFUNDED, 100),
        ({"latest_charge": charge(amount_captured=600, amount_refunded=0)}, PaymentStatus.SUCCEEDED, 0),
        (
            {"latest_charge": charge(amount_captured=600, amount_refunded=1000, refunded=True)},
            PaymentStatus.REFUNDED,
            600,
        ),
        ({"latest_charge": {"amount_refunded": 5}}, PaymentStatus.PARTIALLY_REFUNDED, 5),
        # captured in part, and to be captured further: nothing is released yet
        (
            {"status": "requires_capture", "latest_charge": charge(amount_captured=800, amount_refunded=300)},
            PaymentStatus.AUTHORIZED,
            300,
        ),
    ],
)
def test_the_status_of_a_payment_comes_from_the_intent_and_its_charge(
    world: World, changes: dict[str, Any], status: PaymentStatus, refunded: int | None
) -> None:
    world.on("GET", "/v1/payment_intents/pi_1", intent(**changes))
    found = world.run(world.provider.get_payment("pi_1"))
    assert found is not None
    assert found.status is status
    assert found.refunded == (None if refunded is None else Money(refunded, "USD"))


def test_an_authorized_payment_is_captured_in_full(world: World) -> None:
    world.on("POST", "/v1/payment_intents/pi_1/capture", intent())
    assert world.run(world.provider.capture_payment("pi_1", idempotency_key="c")).status is PaymentStatus.SUCCEEDED
    sent = world.server.only("POST")
    assert sent.form == {"expand[0]": "latest_charge"}
    assert sent.key == "c"


def test_an_authorized_payment_is_captured_in_part(world: World) -> None:
    world.on("GET", "/v1/payment_intents/pi_1", intent(status="requires_capture", amount_capturable=1000))
    world.on("POST", "/v1/payment_intents/pi_1/capture", intent(amount_received=400))
    captured = world.run(world.provider.capture_payment("pi_1", Money(400, "USD")))
    assert captured.amount_captured == Money(400, "USD")
    assert world.server.only("POST").form == {"amount_to_capture": "400", "expand[0]": "latest_charge"}


@pytest.mark.parametrize("amount", [Money(1001, "USD"), Money(400, "EUR")])
def test_more_than_authorized_or_another_currency_is_not_captured(world: World, amount: Money) -> None:
    world.on("GET", "/v1/payment_intents/pi_1", intent(status="requires_capture", amount_capturable=1000))
    with pytest.raises(InvalidRequest) as caught:
        world.run(world.provider.capture_payment("pi_1", amount))
    assert caught.value.param == "amount"
    assert world.server.calls == [("GET", "/v1/payment_intents/pi_1")]


def test_a_capture_that_was_done_already_is_left_to_stripes_own_memory(world: World) -> None:
    world.on("GET", "/v1/payment_intents/pi_1", intent(amount_capturable=0))
    world.on("POST", "/v1/payment_intents/pi_1/capture", intent(amount_received=400))
    world.run(world.provider.capture_payment("pi_1", Money(400, "USD"), idempotency_key="again"))
    assert world.server.only("POST").key == "again"


def test_an_amount_that_cannot_be_compared_is_left_to_stripe(world: World) -> None:
    world.on("GET", "/v1/payment_intents/pi_1", intent(status="requires_capture", currency=None))
    world.on("POST", "/v1/payment_intents/pi_1/capture", intent())
    world.run(world.provider.capture_payment("pi_1", Money(400, "USD")))
    assert len(world.server.seen) == 2


def test_a_payment_is_canceled(world: World) -> None:
    world.on("POST", "/v1/payment_intents/pi_1/cancel", intent(status="canceled"))
    assert world.run(world.provider.cancel_payment("pi_1")).status is PaymentStatus.CANCELED


def test_canceling_a_payment_twice_is_no_error(world: World) -> None:
    world.on("POST", "/v1/payment_intents/pi_1/cancel", refusal(400, "payment_intent_unexpected_state"))
    world.on("GET", "/v1/payment_intents/pi_1", intent(status="canceled"))
    assert world.run(world.provider.cancel_payment("pi_1")).status is PaymentStatus.CANCELED


def test_a_payment_that_was_captured_cannot_be_canceled(world: World) -> None:
    world.on("POST", "/v1/payment_intents/pi_1/cancel", refusal(400, "payment_intent_unexpected_state"))
    world.on("GET", "/v1/payment_intents/pi_1", intent())
    with pytest.raises(Conflict) as caught:
        world.run(world.provider.cancel_payment("pi_1"))
    assert not caught.value.retryable


TEN = Money(1000, "USD")


def pay(world: World, amount: Money = TEN, **more: Any) -> Any:
    call = world.provider.create_payment(amount, customer_id="cus_1", payment_method_id="pm_1", **more)
    return world.run(call)


def test_a_saved_method_is_charged_while_the_payer_is_away(world: World) -> None:
    world.on("POST", "/v1/payment_intents", intent())
    paid = pay(world, description="June", metadata={"order": "7"}, idempotency_key="june")
    assert (paid.id, paid.status) == ("pi_1", PaymentStatus.SUCCEEDED)
    sent = world.server.only("POST")
    assert sent.form == {
        "amount": "1000",
        "currency": "usd",
        "customer": "cus_1",
        "payment_method": "pm_1",
        "confirm": "true",
        "off_session": "true",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
        "description": "June",
        "metadata[order]": "7",
        "metadata[paylattice_key]": "june",
        "expand[0]": "latest_charge",
    }
    assert sent.key == "june"


def test_a_charge_can_be_an_authorization(world: World) -> None:
    world.on("POST", "/v1/payment_intents", intent(status="requires_capture", latest_charge="ch_1"))
    assert pay(world, capture=False).status is PaymentStatus.AUTHORIZED
    assert world.server.only("POST").form["capture_method"] == "manual"


def test_a_payment_that_is_under_way_is_no_error(world: World) -> None:
    world.on("POST", "/v1/payment_intents", intent(status="processing"))
    assert pay(world).status is PaymentStatus.PROCESSING


def test_a_declined_card_tells_reason_advice_and_payment(world: World) -> None:
    error = {
        "type": "card_error",
        "message": "Your card has insufficient funds.",
        "decline_code": "insufficient_funds",
        "payment_intent": intent(status="requires_payment_method"),
    }
    world.on("POST", "/v1/payment_intents", refusal(402, "card_declined", **error))
    with pytest.raises(Declined) as caught:
        pay(world)
    declined = caught.value
    assert declined.reason is DeclineReason.INSUFFICIENT_FUNDS
    assert (declined.code, declined.payment_id, declined.request_id) == ("card_declined", "pi_1", "req_abc123")
    assert declined.advice_off_session is Advice.TRY_AGAIN_LATER
    assert not declined.retryable
    assert "insufficient funds" in str(declined)
    assert not any("verysecret" in text for text in everything_in(declined))
    assert len(world.server.seen) == 1


@pytest.mark.parametrize(
    ("error", "reason", "advice"),
    [
        ({"decline_code": "do_not_honor"}, DeclineReason.ISSUER_DECLINED, Advice.TRY_AGAIN_LATER),
        (
            {"decline_code": "do_not_honor", "advice_code": "do_not_try_again"},
            DeclineReason.ISSUER_DECLINED,
            Advice.DO_NOT_RETRY,
        ),
        (
            {"decline_code": "lost_card", "advice_code": "try_again_later"},
            DeclineReason.LOST_STOLEN_OR_FRAUD,
            Advice.TRY_AGAIN_LATER,
        ),
        (
            {"decline_code": "fraudulent", "advice_code": "confirm_card_data"},
            DeclineReason.LOST_STOLEN_OR_FRAUD,
            Advice.BRING_THE_PAYER_BACK,
        ),
        ({"code": "expired_card"}, DeclineReason.EXPIRED_CARD, Advice.BRING_THE_PAYER_BACK),
        ({"code": "incorrect_cvc"}, DeclineReason.INCORRECT_DETAILS, Advice.BRING_THE_PAYER_BACK),
        ({"code": "processing_error"}, DeclineReason.TRY_AGAIN, Advice.TRY_AGAIN_LATER),
        ({"decline_code": "a_word_of_2031"}, DeclineReason.UNKNOWN, Advice.BRING_THE_PAYER_BACK),
        ({"decline_code": 7, "advice_code": []}, DeclineReason.UNKNOWN, Advice.BRING_THE_PAYER_BACK),
    ],
)
def test_declines_are_told_apart(world: World, error: dict[str, Any], reason: DeclineReason, advice: Advice) -> None:
    world.on("POST", "/v1/payment_intents", refusal(402, **error))
    with pytest.raises(Declined) as caught:
        pay(world)
    assert (caught.value.reason, caught.value.advice_off_session) == (reason, advice)


def test_authentication_required_brings_the_payer_back(world: World) -> None:
    waiting = intent(
        status="requires_payment_method",
        next_action={"type": "redirect_to_url", "redirect_to_url": {"url": "https://hooks.stripe.com/3ds"}},
    )
    world.on("POST", "/v1/payment_intents", refusal(402, "authentication_required", payment_intent=waiting))
    with pytest.raises(ActionRequired) as caught:
        pay(world)
    needed = caught.value
    assert (needed.url, needed.payment_id) == ("https://hooks.stripe.com/3ds", "pi_1")
    assert needed.client_secret == "pi_1_secret_verysecret"
    assert not any("verysecret" in text for text in everything_in(needed))


def test_a_payment_that_waits_for_the_payer_is_action_required(world: World) -> None:
    world.on("POST", "/v1/payment_intents", intent(status="requires_action"))
    with pytest.raises(ActionRequired) as caught:
        pay(world)
    assert caught.value.payment_id == "pi_1"


def test_a_payment_that_failed_in_an_answer_of_200_is_declined(world: World) -> None:
    failed = intent(
        status="requires_payment_method", last_payment_error={"code": "card_declined", "decline_code": "stolen_card"}
    )
    world.on("POST", "/v1/payment_intents", failed)
    with pytest.raises(Declined) as caught:
        pay(world)
    assert (caught.value.reason, caught.value.payment_id) == (DeclineReason.LOST_STOLEN_OR_FRAUD, "pi_1")


@pytest.mark.parametrize("changes", [{"amount": 999}, {"currency": "eur"}, {"customer": "cus_2"}])
def test_an_answer_about_another_payment_is_not_passed_on(world: World, changes: dict[str, Any]) -> None:
    world.on("POST", "/v1/payment_intents", intent(**changes))
    with pytest.raises(ResponseOutcomeUnknown):
        pay(world)


def test_an_amount_that_stripe_cannot_take_is_refused_before_sending(world: World) -> None:
    with pytest.raises(InvalidRequest):
        pay(world, Money(1001, "KWD"))
    assert world.server.seen == []


def test_all_that_is_left_is_refunded(world: World) -> None:
    world.on("POST", "/v1/refunds", refund(amount=1000))
    given = world.run(world.provider.refund_payment("pi_1", idempotency_key="r"))
    assert (given.id, given.amount, given.status) == ("re_1", Money(1000, "USD"), RefundStatus.SUCCEEDED)
    sent = world.server.only("POST")
    assert sent.form == {"payment_intent": "pi_1", "metadata[paylattice_key]": "r"}
    assert sent.key == "r"


def test_a_part_is_refunded_in_the_payments_currency(world: World) -> None:
    world.on("GET", "/v1/payment_intents/pi_1", intent()).on("POST", "/v1/refunds", refund(reason="duplicate"))
    given = world.run(world.provider.refund_payment("pi_1", Money(400, "USD"), "duplicate", idempotency_key="r"))
    assert (given.payment_id, given.reason) == ("pi_1", "duplicate")
    assert world.server.only("POST").form == {
        "payment_intent": "pi_1",
        "amount": "400",
        "reason": "duplicate",
        "metadata[paylattice_key]": "r",
    }


def test_a_refund_in_another_currency_is_refused(world: World) -> None:
    world.on("GET", "/v1/payment_intents/pi_1", intent())
    with pytest.raises(InvalidRequest, match="USD"):
        world.run(world.provider.refund_payment("pi_1", Money(400, "EUR")))
    assert world.server.calls == [("GET", "/v1/payment_intents/pi_1")]


def test_a_refund_of_a_missing_payment_is_not_found(world: World) -> None:
    world.on("GET", "/v1/payment_intents/pi_1", missing())
    with pytest.raises(NotFound):
        world.run(world.provider.refund_payment("pi_1", Money(400, "USD")))


def test_a_reason_in_other_words_is_kept_in_the_metadata(world: World) -> None:
    kept = refund(amount=1000, metadata={"reason": "broken on arrival"})
    world.on("POST", "/v1/refunds", kept)
    given = world.run(world.provider.refund_payment("pi_1", reason="broken on arrival", idempotency_key="r"))
    assert given.reason == "broken on arrival"
    assert world.server.only("POST").form == {
        "payment_intent": "pi_1",
        "metadata[reason]": "broken on arrival",
        "metadata[paylattice_key]": "r",
    }


def test_a_payment_that_is_refunded_already_is_a_conflict(world: World) -> None:
    world.on("POST", "/v1/refunds", refusal(400, "charge_already_refunded"))
    with pytest.raises(Conflict) as caught:
        world.run(world.provider.refund_payment("pi_1"))
    assert caught.value.code == "charge_already_refunded"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("pending", RefundStatus.PENDING),
        ("requires_action", RefundStatus.PENDING),
        ("failed", RefundStatus.FAILED),
        ("canceled", RefundStatus.CANCELED),
        ("evaporated", RefundStatus.UNKNOWN),
        (None, RefundStatus.UNKNOWN),
    ],
)
def test_a_refund_can_be_in_every_state(world: World, word: str | None, status: RefundStatus) -> None:
    world.on("POST", "/v1/refunds", refund(status=word))
    given = world.run(world.provider.refund_payment("pi_1"))
    assert (given.status, given.raw_status) == (status, word)
