"""Every command: stored as JSON and read again, called as its operation takes it, and the same for a caller who repeats it."""

import asyncio
import inspect
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest

from paylattice import Money, PaymentProvider, errors
from paylattice.billing import commands
from paylattice.billing.commands import (
    COMMANDS,
    AssignSubscription,
    Authorize,
    BillOutstanding,
    CancelScheduledChange,
    CancelSubscription,
    Capture,
    ChangeSubscription,
    Charge,
    Command,
    CreateCustomer,
    CreateSubscription,
    DeleteCustomer,
    ExtendTrial,
    MergeCustomer,
    PauseSubscription,
    PayInvoice,
    RecordUsage,
    RefundPayment,
    RemovePaymentMethod,
    ResumeSubscription,
    SavePaymentMethod,
    SetDefaultPaymentMethod,
    SetPaymentMethod,
    StartCheckout,
    StartSetup,
    StateCommand,
    TransferCustomer,
    UncancelSubscription,
    UndoSubscription,
    UpdateCustomer,
    Void,
    VoidInvoice,
    command_of,
    readable_command_of,
)
from paylattice.billing.records import BillingOperation
from paylattice.operations import OPERATIONS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ADDED = ChangeSubscription(subscription_id="sub_1", delta=1)
SAMPLES: list[Command[Any]] = [
    CreateCustomer("ada@secret.example"),
    CreateCustomer("ada@secret.example", "Ada", {"org_id": "org", "größe": "ein\u2028Paar"}),
    CreateCustomer(None, None, {"org_id": "org"}, "+15550secret"),
    UpdateCustomer(customer_id="cus_1", email="ada@secret.example", name="Ada secret", phone="+15550secret"),
    UpdateCustomer(name="Ada secret"),
    TransferCustomer(customer_id="cus_1", metadata={"org_id": "new"}, record_id="rec_1"),  # type: ignore[arg-type]  # a field's converter takes it
    MergeCustomer(customer_id="cus_1", into_customer_id="cus_2"),
    DeleteCustomer(customer_id="cus_1"),
    StartCheckout(plan_id="pro", success_url="https://a.test/?token=secret", cancel_url="https://b.test"),
    StartCheckout(
        customer_id="cus_1",
        plan_id="pro",
        success_url="https://a.test",
        cancel_url="https://b.test",
        metadata={"org_id": "org"},
        quantity=3,
        trial_days=0,
        customer_email="ada@secret.example",
    ),
    CancelSubscription(subscription_id="sub_1", at_period_end=False, reason="secret reason"),
    CancelSubscription(at_period_end=True),
    ExtendTrial(subscription_id="sub_1", until=NOON),
    CancelScheduledChange(subscription_id="sub_1"),
    ChangeSubscription(subscription_id="sub_1", plan_id="team", when="period_end"),
    ChangeSubscription(subscription_id="sub_1", plan_id="team", when="now", payment="first"),
    CreateSubscription(plan_id="pro", customer_id="cus_1", trial_end=NOON, metadata={"org_id": "org"}),
    ChangeSubscription(subscription_id="sub_1", plan_id="team", quantity=2, prorate=False),
    ChangeSubscription(quantity=1),
    ChangeSubscription(subscription_id="sub_1", quantity=3, expected_quantity=2),
    ADDED,
    attrs.evolve(ADDED, found_quantity=5, found_plan="pro", decided_ticket=9),
    AssignSubscription(subscription_id="sub_1", plan_id=None, quantity=1, plan_overridden=True),
    PauseSubscription(subscription_id="sub_1"),
    ResumeSubscription(subscription_id="sub_1"),
    UncancelSubscription(subscription_id="sub_1"),
    Charge(amount=Money(2500, "USD"), metadata={"org_id": "org"}, description="secret"),
    Charge(amount=Money(1, "JPY"), customer_id="cus_1", payment_method_id="pm_1", asked_method_id="pm_1"),
    Charge(amount=Money(1, "JPY"), customer_id="cus_1", token="secret-token", verification_token="secret-proof"),
    Authorize(amount=Money(2500, "USD"), customer_id="cus_1", payment_method_id="pm_1"),
    Capture(payment_id="pay_1", amount=Money(5, "USD")),
    Capture(payment_id="pay_1"),
    Void(payment_id="pay_1"),
    UndoSubscription(subscription_id="sub", customer_id="cus"),
    RefundPayment(payment_id="pay_1", amount=Money(5, "USD"), reason="secret reason"),
    RefundPayment(payment_id="pay_1", asked_invoice_id="in_1"),
    RefundPayment(asked_payment_id="pay_1"),
    PayInvoice(invoice_id="in_1"),
    PayInvoice(invoice_id="in_1", payment_method_id="pm_1", subscription_id="sub_1"),
    VoidInvoice(invoice_id="in_1", subscription_id="sub_1"),
    StartSetup(success_url="https://a.test/?token=secret", cancel_url="https://b.test", metadata={"org_id": "org"}),
    SavePaymentMethod(customer_id="cus_1", token="secret", verification_token="secret"),
    SetPaymentMethod(subscription_id="sub_1", payment_method_id="pm_1"),
    SetDefaultPaymentMethod(customer_id="cus_1", payment_method_id="pm_1"),
    RemovePaymentMethod(customer_id="cus_1", payment_method_id="pm_1"),
    BillOutstanding(subscription_id="sub_1"),
    RecordUsage(subscription_item_id="si_1", quantity=0),
    RecordUsage(subscription_item_id="si_1", quantity=7, timestamp=NOON + timedelta(microseconds=1)),
]


def row(command: Command[Any], **changes: object) -> BillingOperation:
    stored = BillingOperation("acme", "key-1", command.kind, "org", command.to_json(), NOON)
    return attrs.evolve(stored, **changes)


def test_every_command_has_a_sample_here() -> None:
    assert {type(each) for each in SAMPLES} == set(COMMANDS.values())
    exported = {each for each in vars(commands).values() if isinstance(each, type) and issubclass(each, Command)}
    assert {each for each in exported if not inspect.isabstract(each)} == set(COMMANDS.values())


@pytest.mark.parametrize("command", SAMPLES, ids=lambda each: each.kind)
def test_a_command_comes_back_from_json_as_it_was(command: Command[Any]) -> None:
    text = json.dumps(command.to_json())
    assert command_of(row(command, arguments=json.loads(text))) == command


@pytest.mark.parametrize("command", SAMPLES, ids=lambda each: each.kind)
def test_a_command_is_called_with_what_its_operation_takes(command: Command[Any]) -> None:
    if isinstance(command, AssignSubscription | MergeCustomer):
        return
    operation = OPERATIONS[command.operation]
    method = getattr(PaymentProvider, operation.name)
    inspect.signature(method).bind(None, **command.arguments(), idempotency_key="k")


@pytest.mark.parametrize("command", SAMPLES, ids=lambda each: each.kind)
def test_what_is_personal_or_secret_is_not_in_the_repr(command: Command[Any]) -> None:
    assert "secret" not in repr(command)


class Recorded:
    """Notes how it is called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []

    def __getattr__(self, name: str) -> Any:
        async def call(**arguments: object) -> None:
            self.calls.append((name, arguments))

        return call


@pytest.mark.parametrize("command", SAMPLES, ids=lambda each: each.kind)
def test_what_is_sent_is_what_was_checked(command: Command[Any]) -> None:
    provider: Any = Recorded()
    if isinstance(command, UndoSubscription):
        return  # several operations, in tests/billing/test_second_subscriptions.py
    if isinstance(command, AssignSubscription | MergeCustomer):
        with pytest.raises(errors.ConfigurationError, match="sent to no provider"):
            asyncio.run(command.send(provider, "k"))
        return
    asyncio.run(command.send(provider, "k"))
    assert provider.calls == [(command.operation, {**command.arguments(), "idempotency_key": "k"})]


def test_what_billing_decides_makes_no_other_command_of_it() -> None:
    asked = CancelSubscription(at_period_end=True, reason="moving")
    assert attrs.evolve(asked, subscription_id="sub_1").asks_the_same(asked)
    assert not attrs.evolve(asked, at_period_end=False).asks_the_same(asked)
    assert not attrs.evolve(asked, reason=None).asks_the_same(asked)
    assert not ChangeSubscription(plan_id="pro").asks_the_same(asked)
    usage = RecordUsage(quantity=1, timestamp=NOON)
    elsewhere = NOON.astimezone(timezone(timedelta(hours=9)))
    assert RecordUsage(subscription_item_id="si_1", quantity=1, timestamp=elsewhere).asks_the_same(usage)


CANCEL = CancelSubscription(subscription_id="sub_1", at_period_end=True)
CHANGE = ChangeSubscription(subscription_id="sub_1", plan_id="team")
PAUSE = PauseSubscription(subscription_id="sub_1")
RESUME = ResumeSubscription(subscription_id="sub_1")
KEEP = UncancelSubscription(subscription_id="sub_1")
SUPERSEDES: Mapping[Command[Any], list[Command[Any]]] = {
    CANCEL: [CANCEL, KEEP, CHANGE, PAUSE, RESUME],
    KEEP: [CANCEL, KEEP],
    CHANGE: [CANCEL, CHANGE],
    PAUSE: [PAUSE, RESUME],
    RESUME: [PAUSE, RESUME],
}


@pytest.mark.parametrize("newer", SUPERSEDES, ids=lambda each: each.kind)
def test_a_command_supersedes_what_would_set_back_what_it_sets(newer: Command[Any]) -> None:
    assert [each for each in SUPERSEDES if newer.supersedes(each)] == SUPERSEDES[newer]
    elsewhere = [attrs.evolve(each, subscription_id="sub_2") for each in SUPERSEDES]
    assert not any(newer.supersedes(each) for each in elsewhere)


def test_what_depends_on_the_quantity_is_given_up_for_a_cancellation_alone() -> None:
    decided = attrs.evolve(ADDED, found_quantity=5, decided_ticket=9)
    for added in (ADDED, decided):
        assert [each for each in (*SUPERSEDES, ADDED, decided) if each.supersedes(added)] == [CANCEL]
    assert not any(ADDED.supersedes(each) for each in SUPERSEDES)
    assert [each for each in SUPERSEDES if decided.supersedes(each)] == [CHANGE]


def test_no_other_command_supersedes_anything() -> None:
    others = [each for each in SAMPLES if not isinstance(each, StateCommand)]
    assert not any(newer.supersedes(older) or older.supersedes(newer) for newer in others for older in SAMPLES)


def test_a_change_of_a_customer_supersedes_only_what_it_sets_again() -> None:
    both = UpdateCustomer(customer_id="cus_1", email="a@b.co", name="Ada")
    one, other = (
        UpdateCustomer(customer_id="cus_1", email="c@d.co"),
        UpdateCustomer(customer_id="cus_2", email="e@f.co"),
    )
    assert both.supersedes(one)
    assert not one.supersedes(both)
    assert not both.supersedes(other)


DAMAGED: Mapping[str, tuple[str, dict[str, object]]] = {
    "an unknown command": ("frobnicate", {"version": 1}),
    "an unknown version": ("cancel_subscription", {"version": 2, "subscription_id": "sub_1", "at_period_end": True}),
    "an unknown field": ("cancel_subscription", {"version": 1, "at_period_end": True, "gently": True}),
    "a missing field": ("cancel_subscription", {"version": 1, "subscription_id": "sub_1"}),
    "a text for a flag": ("cancel_subscription", {"version": 1, "at_period_end": "ada@secret.example"}),
    "a list for a text": ("create_customer", {"version": 1, "email": ["ada@secret.example"]}),
    "a number in a string map": ("create_customer", {"version": 1, "email": "a@b.co", "metadata": {"secret": 1}}),
    "nothing": ("create_customer", {}),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_a_row_that_cannot_be_read_is_one_of_our_errors_and_shows_nothing_of_it(what: str) -> None:
    kind, arguments = DAMAGED[what]
    damaged = row(SAMPLES[0], operation=kind, arguments=arguments)
    with pytest.raises(errors.ConfigurationError, match="newer version") as caught:
        command_of(damaged)
    assert (caught.value.provider, caught.value.retryable) == ("acme", False)
    assert "secret" not in str(caught.value)
    assert readable_command_of(damaged) is None
