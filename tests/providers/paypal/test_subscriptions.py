"""Subscriptions: their status, their periods, and what cancelling keeps."""

from datetime import UTC, datetime
from typing import Any

import pytest

from paylattice import CheckoutStatus, InvoiceStatus, Money, SubscriptionStatus
from paylattice.errors import Conflict, InvalidRequest, InvalidResponse, NotFound, OutcomeUnknown, UnsupportedOperation
from paylattice.providers.paypal.wire import subscription_from, subscription_session_from
from tests.kit import NOW

from .samples import billing, cycle, execution, link, pending_subscription, plan, subscription, transaction, usd
from .scenarios import BACK, PLAN, SUB, SUBS, THANKS, furnished
from .support import World, missing, refusal, unprocessable

WHEN = datetime.fromtimestamp(NOW, UTC)
PATH = f"{SUBS}/{SUB}"


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(**changes: Any) -> Any:
    return subscription_from(subscription(**changes), WHEN)


@pytest.fixture
def world(world: World) -> World:
    return furnished(world)


# --- status ------------------------------------------------------------------------------------------------------------

TRIAL = [execution("TRIAL", 1, 0, 1), execution("REGULAR", 0)]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"status": "APPROVAL_PENDING"}, SubscriptionStatus.INCOMPLETE),
        ({"status": "APPROVED"}, SubscriptionStatus.INCOMPLETE),
        ({"status": "ACTIVE"}, SubscriptionStatus.ACTIVE),
        ({"status": "CANCELLED"}, SubscriptionStatus.CANCELED),
        ({"status": "EXPIRED"}, SubscriptionStatus.EXPIRED),
        ({"status": "CANCELED"}, SubscriptionStatus.UNKNOWN),
        ({"status": "HIBERNATING"}, SubscriptionStatus.UNKNOWN),
        ({"status": None}, SubscriptionStatus.UNKNOWN),
        ({"status": 7}, SubscriptionStatus.UNKNOWN),
        ({"billing_info": billing(failed_payments_count=1)}, SubscriptionStatus.PAST_DUE),
        ({"billing_info": billing(outstanding_balance=usd("0.01"))}, SubscriptionStatus.PAST_DUE),
        ({"billing_info": billing(outstanding_balance=usd("-5.00"))}, SubscriptionStatus.ACTIVE),
        ({"billing_info": None}, SubscriptionStatus.ACTIVE),
        ({"start_time": "2026-10-01T00:00:00Z"}, SubscriptionStatus.TRIALING),
        ({"billing_info": billing(cycle_executions=[execution("TRIAL", 0, 2, 2)])}, SubscriptionStatus.TRIALING),
        ({"billing_info": billing(cycle_executions=TRIAL)}, SubscriptionStatus.TRIALING),
        (
            {"billing_info": billing(cycle_executions=TRIAL, next_billing_time="2026-09-20T10:00:00Z")},
            SubscriptionStatus.ACTIVE,
        ),
        ({"billing_info": billing(cycle_executions=TRIAL, failed_payments_count=1)}, SubscriptionStatus.PAST_DUE),
        (
            {"billing_info": billing(cycle_executions=[execution("TRIAL", 1, 1, 2), execution("REGULAR", 1)])},
            SubscriptionStatus.ACTIVE,
        ),
        ({"status": "SUSPENDED"}, SubscriptionStatus.PAUSED),
        ({"status": "SUSPENDED", "billing_info": billing(failed_payments_count=2)}, SubscriptionStatus.UNPAID),
        ({"status": "SUSPENDED", "billing_info": billing(outstanding_balance=usd("19.00"))}, SubscriptionStatus.UNPAID),
        (
            {"status": "SUSPENDED", "billing_info": billing(last_failed_payment={"time": "2026-09-20T10:00:00Z"})},
            SubscriptionStatus.UNPAID,
        ),
        (
            {"status": "SUSPENDED", "billing_info": billing(last_failed_payment={"time": "2026-09-10T10:00:00Z"})},
            SubscriptionStatus.PAUSED,
        ),
        (
            {"status": "ACTIVE", "billing_info": billing(last_failed_payment={"time": "2026-09-10T10:00:00Z"})},
            SubscriptionStatus.ACTIVE,
        ),
    ],
    ids=str,
)
def test_the_status_is_told_by_the_word_and_by_what_is_owed(changes: Any, status: SubscriptionStatus) -> None:
    found = read(**changes)
    assert found.status is status
    word = subscription(**changes)["status"]
    assert found.raw_status == (word if isinstance(word, str) else None)


# --- periods -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "cycles", "following", "begins"),
    [
        ("2026-08-12T08:00:00Z", [cycle()], "2026-10-12T10:00:00Z", "2026-09-12T08:00:00"),
        ("2026-01-31T08:00:00Z", [cycle()], "2026-02-28T10:00:00Z", "2026-01-31T08:00:00"),
        ("2026-01-31T08:00:00Z", [cycle()], "2026-03-31T10:00:00Z", "2026-02-28T08:00:00"),
        ("2024-02-29T08:00:00Z", [cycle(unit="YEAR")], "2026-02-28T10:00:00Z", "2025-02-28T08:00:00"),
        ("2026-09-01T08:00:00Z", [cycle(unit="WEEK", every=2)], "2026-09-29T10:00:00Z", "2026-09-15T08:00:00"),
        ("2026-09-20T08:00:00Z", [cycle(unit="DAY")], "2026-09-22T10:00:00Z", "2026-09-21T08:00:00"),
        (
            "2026-09-14T08:00:00Z",
            [cycle(None, "DAY", 14, kind="TRIAL", total=1), cycle(sequence=2)],
            "2026-09-28T10:00:00Z",
            "2026-09-14T08:00:00",
        ),
        (
            "2026-08-14T08:00:00Z",
            [cycle(sequence=2), cycle(None, "DAY", 7, kind="TRIAL", total=2)],
            "2026-09-28T10:00:00Z",
            "2026-08-28T08:00:00",
        ),
        # the plan was changed, or the subscription paused, on the way: one period of the plan back
        ("2026-08-12T08:00:00Z", [cycle()], "2026-10-25T10:00:00Z", "2026-09-25T10:00:00"),
        ("2026-09-12T08:00:00Z", [cycle()], "2026-09-25T10:00:00Z", "2026-09-12T08:00:00"),
    ],
)
def test_a_period_ends_when_paypal_charges_next_and_began_one_period_of_the_plan_before(
    start: str, cycles: list[Any], following: str, begins: str
) -> None:
    found = read(start_time=start, plan=plan(*cycles), billing_info=billing(next_billing_time=following))
    assert found.current_period_end == datetime.fromisoformat(following)
    assert found.current_period_start == utc(begins)


def test_without_a_plan_or_a_date_a_period_is_not_made_up() -> None:
    without_plan = read(plan=None)
    assert without_plan.current_period_start is None
    assert without_plan.current_period_end == utc("2026-10-12T10:00:00")
    without_date = read(billing_info=billing(next_billing_time=None))
    assert (without_date.current_period_start, without_date.current_period_end) == (None, None)
    for status in ("APPROVAL_PENDING", "APPROVED", "CANCELLED", "EXPIRED"):
        found = read(status=status)
        assert (found.current_period_start, found.current_period_end) == (None, None)


def test_a_deferred_start_is_a_trial_until_then() -> None:
    later = read(start_time="2026-10-05T00:00:00Z", billing_info=billing(next_billing_time="2026-10-05T10:00:00Z"))
    assert later.status is SubscriptionStatus.TRIALING
    assert later.trial_end == utc("2026-10-05T00:00:00")
    assert later.current_period_start is None
    assert later.current_period_end == utc("2026-10-05T10:00:00")


def test_a_trial_ends_when_its_cycles_do() -> None:
    cycles = [cycle(None, "DAY", 7, kind="TRIAL", total=2), cycle(sequence=2)]
    info = billing(cycle_executions=[execution("TRIAL", 1, 1, 2)], next_billing_time="2026-09-25T10:00:00Z")
    found = read(start_time="2026-09-18T08:00:00Z", plan=plan(*cycles), billing_info=info)
    assert found.status is SubscriptionStatus.TRIALING
    assert found.trial_end == utc("2026-10-02T08:00:00")
    without_plan = read(start_time="2026-09-18T08:00:00Z", plan=None, billing_info=info)
    assert without_plan.trial_end == utc("2026-09-25T10:00:00")


@pytest.mark.parametrize(
    "strange",
    [
        cycle(unit="FORTNIGHT"),
        cycle(unit="MONTH", every=10**30),
        cycle(unit="DAY", every=-5),
        cycle(total=-1),
        {"tenure_type": "REGULAR"},
        {},
    ],
)
def test_strange_plans_leave_the_period_open_and_break_nothing(strange: dict[str, Any]) -> None:
    found = read(plan=plan(strange))
    assert found.current_period_end == utc("2026-10-12T10:00:00")


def test_dates_at_the_ends_of_the_calendar_break_nothing() -> None:
    for start in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        for following in ("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
            for status in ("ACTIVE", "CANCELLED"):
                info = billing(next_billing_time=following, last_payment={"time": following})
                assert read(start_time=start, billing_info=info, status=status).id == SUB


# --- what the operations do -----------------------------------------------------------------------------------------------


def test_cancelling_keeps_the_day_until_which_it_is_paid_for(world: World) -> None:
    canceled = subscription(status="CANCELLED", status_update_time="2026-09-21T14:13:20Z", plan=None)
    canceled["billing_info"] = {"outstanding_balance": usd("0.0")}
    world.on("GET", PATH, subscription(), canceled)
    world.on("POST", f"{PATH}/cancel", missing_body())
    found = world.run(world.provider.cancel_subscription(SUB, reason="Too dear"))
    assert found.status is SubscriptionStatus.CANCELED
    assert found.canceled_at == utc("2026-09-21T14:13:20")
    assert found.cancel_at == utc("2026-10-12T08:00:00")
    assert world.server.only("POST").body == {"reason": "Too dear"}
    assert world.server.only("POST").key is None


def missing_body() -> Any:
    import httpx

    return httpx.Response(204)


def test_a_payment_that_came_late_still_counts_for_its_period() -> None:
    late = billing(next_billing_time=None, last_payment={"amount": usd(), "time": "2026-09-22T09:00:00Z"})
    assert read(status="CANCELLED", billing_info=late).cancel_at == utc("2026-10-12T08:00:00")
    early = billing(next_billing_time=None, last_payment={"amount": usd(), "time": "2026-09-11T22:00:00Z"})
    assert read(status="CANCELLED", billing_info=early).cancel_at == utc("2026-10-12T08:00:00")
    assert read(status="CANCELLED", billing_info=billing(last_payment=None)).cancel_at is None


def test_cancelling_what_has_ended_sends_nothing(world: World) -> None:
    for word in ("CANCELLED", "EXPIRED"):
        world.always("GET", PATH, subscription(status=word))
        assert world.run(world.provider.cancel_subscription(SUB)).status.is_terminal
    assert world.server.writes == []


def test_cancelling_at_the_end_of_the_period_is_refused_with_what_to_do(world: World) -> None:
    with pytest.raises(UnsupportedOperation, match="until cancel_at"):
        world.run(world.provider.cancel_subscription(SUB, at_period_end=True))
    assert world.server.seen == []


def test_what_has_ended_cannot_be_changed(world: World) -> None:
    world.always("GET", PATH, subscription(status="CANCELLED"))
    provider = world.provider
    for call in (
        lambda: provider.pause_subscription(SUB),
        lambda: provider.resume_subscription(SUB),
        lambda: provider.change_subscription(SUB, quantity=2),
    ):
        with pytest.raises(Conflict):
            world.run(call())
    assert world.server.writes == []


def test_a_subscription_that_nobody_approved_cannot_be_canceled(world: World) -> None:
    world.always("GET", PATH, pending_subscription())
    world.on("POST", f"{PATH}/cancel", unprocessable("SUBSCRIPTION_STATUS_INVALID"))
    with pytest.raises(Conflict) as caught:
        world.run(world.provider.cancel_subscription(SUB))
    assert caught.value.code == "SUBSCRIPTION_STATUS_INVALID"


def test_a_change_brings_the_page_where_the_payer_consents_and_the_old_plan_until_then(world: World) -> None:
    change = world.run(world.provider.change_subscription(SUB, plan_id="P-TEAM"))
    assert change.approval_url == "https://www.paypal.com/x"
    assert change.subscription.plan_id == PLAN
    assert world.server.only("POST").body == {"plan_id": "P-TEAM"}


def test_a_change_to_what_is_there_already_sends_nothing(world: World) -> None:
    change = world.run(world.provider.change_subscription(SUB, plan_id=PLAN, quantity=1))
    assert change.approval_url is None
    assert world.server.writes == []
    with pytest.raises(InvalidRequest):
        world.run(world.provider.change_subscription(SUB))


def test_a_checkout_leads_to_the_approve_link_wherever_it_stands(world: World) -> None:
    session = world.run(world.provider.create_checkout_session("cus_1", PLAN, THANKS, BACK, {"org": "7"}))
    assert session.id == SUB
    assert session.url == "https://www.sandbox.paypal.com/webapps/billing/subscriptions?ba_token=BA-2M539689T3856352J"
    assert session.status is CheckoutStatus.OPEN
    assert session.subscription_id is None
    assert session.customer_id == "cus_1"
    assert dict(session.metadata) == {"org": "7"}
    sent = world.server.only("POST")
    assert sent.headers["prefer"] == "return=representation"
    assert sent.body["application_context"]["user_action"] == "SUBSCRIBE_NOW"
    assert sent.body["custom_id"] == "cus_1"


def test_a_replayed_checkout_says_so(world: World) -> None:
    world.on("POST", SUBS, pending_subscription())
    assert world.run(world.provider.create_checkout_session("cus_1", PLAN, THANKS, BACK)).replayed
    assert not world.run(world.provider.create_checkout_session("cus_1", PLAN, THANKS, BACK)).replayed


def test_a_checkout_without_a_link_is_an_unknown_outcome(world: World) -> None:
    world.on("POST", SUBS, {**pending_subscription(), "links": [link("edit", "https://www.paypal.com/edit")]})
    with pytest.raises(OutcomeUnknown):
        world.run(world.provider.create_checkout_session("cus_1", PLAN, THANKS, BACK))


def test_a_subscription_to_another_plan_is_no_success(world: World) -> None:
    world.on("POST", SUBS, {**pending_subscription(), "plan_id": "P-ANOTHER"})
    with pytest.raises(OutcomeUnknown, match="another plan"):
        world.run(world.provider.create_checkout_session("cus_1", PLAN, THANKS, BACK))


@pytest.mark.parametrize("url", ["javascript:alert(1)", "//evil.example", "", "https://", 7, None])
def test_a_link_that_is_no_web_address_reaches_nobody(world: World, url: Any) -> None:
    world.on("POST", SUBS, {**pending_subscription(), "links": [{"rel": "approve", "href": url}]})
    with pytest.raises(OutcomeUnknown):
        world.run(world.provider.create_checkout_session("cus_1", PLAN, THANKS, BACK))


@pytest.mark.parametrize("customer_id", ["ü", "c" * 128, "\u200b"])
def test_a_customer_s_id_that_custom_id_cannot_hold_is_refused(world: World, customer_id: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        world.run(world.provider.create_checkout_session(customer_id, PLAN, THANKS, BACK))
    assert caught.value.param == "customer_id"
    assert world.server.seen == []


def test_a_trial_puts_off_the_start_by_whole_days(world: World) -> None:
    world.run(world.provider.create_checkout_session("cus_1", PLAN, THANKS, BACK, trial_days=14))
    assert world.server.only("POST").body["start_time"] == "2026-10-06T00:00:00Z"
    world.run(world.provider.create_checkout_session("cus_1", PLAN, THANKS, BACK, trial_days=0))
    assert "start_time" not in world.server.writes[-1].body


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("APPROVAL_PENDING", CheckoutStatus.OPEN),
        ("APPROVED", CheckoutStatus.PENDING),
        ("ACTIVE", CheckoutStatus.COMPLETE),
        ("SUSPENDED", CheckoutStatus.COMPLETE),
        ("CANCELLED", CheckoutStatus.COMPLETE),
        ("NEW_WORD", CheckoutStatus.UNKNOWN),
    ],
)
def test_a_session_s_status_is_the_subscription_s(word: str, status: CheckoutStatus) -> None:
    session = subscription_session_from(subscription(status=word))
    assert session.status is status
    assert (session.subscription_id is None) is (status is CheckoutStatus.OPEN)


# --- reading ---------------------------------------------------------------------------------------------------------------


def test_a_subscription_is_read_with_its_plan(world: World) -> None:
    found = world.run(world.provider.get_subscription(SUB))
    assert found is not None
    assert world.server.only("GET").query == {"fields": "plan,last_failed_payment"}
    assert found.items[0].id == found.id == SUB
    assert found.quantity == 1
    assert found.customer_id == "cus_1"


def test_a_subscription_that_is_not_there_is_none_or_not_found(world: World) -> None:
    world.always("GET", f"{SUBS}/I-NOBODY", missing())
    world.always("GET", f"{SUBS}/nobody", refusal(400, "INVALID_REQUEST", "INVALID_PARAMETER_SYNTAX"))
    assert world.run(world.provider.get_subscription("I-NOBODY")) is None
    assert world.run(world.provider.get_subscription("nobody")) is None
    with pytest.raises(NotFound):
        world.run(world.provider.cancel_subscription("I-NOBODY"))


def test_a_refusal_for_another_reason_does_not_make_a_subscription_disappear(world: World) -> None:
    world.always("GET", PATH, refusal(400, "INVALID_REQUEST", "INVALID_PARAMETER_VALUE", field="fields"))
    with pytest.raises(InvalidRequest):
        world.run(world.provider.get_subscription(SUB))


def test_an_answer_about_another_subscription_is_not_passed_on(world: World) -> None:
    world.always("GET", PATH, subscription(id="I-ANOTHER"))
    with pytest.raises(InvalidResponse):
        world.run(world.provider.get_subscription(SUB))


def test_a_customer_s_subscriptions_are_picked_out_of_all_pages_newest_first(world: World) -> None:
    following = "https://api.paypal.com/v1/billing/subscriptions?page=2&page_size=20&customer_ids=x"
    sparse = {"id": "I-SPARSE", "status": "ACTIVE"}
    others = subscription(id="I-OTHER", custom_id="cus_2")
    world.on(
        "GET",
        SUBS,
        {"subscriptions": [sparse, others], "links": [link("next", following)]},
        {"subscriptions": [subscription()]},
    )
    world.always("GET", f"{SUBS}/I-SPARSE", subscription(id="I-SPARSE", create_time="2026-09-01T00:00:00Z"))
    found = world.run(world.provider.list_subscriptions("cus_1"))
    assert [one.id for one in found] == ["I-SPARSE", SUB]
    assert ("GET", f"{SUBS}/I-OTHER") not in world.server.calls


def test_a_list_that_does_not_end_is_an_error(world: World) -> None:
    again = link("next", "https://api.paypal.com/v1/billing/subscriptions?page=1")
    world.always("GET", SUBS, {"subscriptions": [], "links": [again]})
    with pytest.raises(InvalidResponse, match="does not end"):
        world.run(world.provider.list_subscriptions("cus_1"))
    assert len(world.server.asked) == 1


# --- invoices ----------------------------------------------------------------------------------------------------------------


def test_the_transactions_of_a_subscription_are_its_invoices_newest_first(world: World) -> None:
    older = transaction("OLD", time="2026-08-12T10:00:00Z", status="REFUNDED")
    failed = transaction("NEW", time="2026-09-20T10:00:00Z", status="DECLINED")
    world.always("GET", f"{PATH}/transactions", {"transactions": [older, transaction(), failed, transaction()]})
    found = world.run(world.provider.get_invoices("cus_1", subscription_id=SUB))
    assert [one.id for one in found] == ["NEW", "8MC585209K746392H", "OLD"]
    assert [one.status for one in found] == [InvoiceStatus.OPEN, InvoiceStatus.PAID, InvoiceStatus.PAID]
    assert found[0].amount_paid == Money(0, "USD")
    assert found[1].amount == found[1].amount_paid == Money(1900, "USD")
    assert {one.subscription_id for one in found} == {SUB}
    assert world.server.asked[-1].query == {"start_time": "2026-08-11T08:01:00Z", "end_time": "2026-09-22T14:13:20Z"}


def test_an_old_subscription_s_transactions_are_read_year_by_year_until_there_are_enough(world: World) -> None:
    world.always("GET", PATH, subscription(create_time="2023-09-01T00:00:00Z"))
    pages = iter([[transaction("A")], [transaction("A"), transaction("B")], [transaction("C")], [transaction("D")]])
    world.always("GET", f"{PATH}/transactions", lambda _seen: answer({"transactions": next(pages)}))
    found = world.run(world.provider.get_invoices("cus_1", limit=3, subscription_id=SUB))
    assert [one.id for one in found] == ["A", "B", "C"]
    assert len([seen for seen in world.server.asked if seen.path.endswith("/transactions")]) == 3


def answer(data: Any) -> Any:
    import httpx

    return httpx.Response(200, json=data)


def test_invoices_without_a_subscription_are_refused_with_what_to_do(world: World) -> None:
    with pytest.raises(UnsupportedOperation, match="subscription_id="):
        world.run(world.provider.get_invoices("cus_1"))
