"""The guard around every operation of every provider."""

import asyncio
import functools
import inspect
import logging
import pickle
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest

from paylattice import (
    BaseProvider,
    Capability,
    Customer,
    EventType,
    Invoice,
    Money,
    Payment,
    Plan,
    Subscription,
    SubscriptionChange,
    WebhookEvent,
)
from paylattice.errors import (
    ActionRequired,
    ConfigurationError,
    Conflict,
    Declined,
    IdempotencyMismatch,
    InvalidRequest,
    InvalidResponse,
    InvalidSignature,
    MalformedPayload,
    NetworkError,
    NetworkOutcomeUnknown,
    OutcomeUnknown,
    PaymentError,
    ResponseOutcomeUnknown,
    UnsupportedOperation,
)
from paylattice.guard import current_operation, provider_specific
from paylattice.operations import OPERATIONS

from .support import NOW, Acme, AcmeConfig

CUSTOMER = Customer("cus_1")
PAYMENT = Payment("pay_1", Money(500, "USD"), customer_id="cus_1")
EVENT = WebhookEvent("evt_1", EventType.INVOICE_PAID, NOW, "evt_1")


def run(call: Awaitable[Any]) -> Any:
    async def main() -> Any:
        return await call

    return asyncio.run(main())


def fails(call: Awaitable[Any]) -> Any:
    with pytest.raises(PaymentError) as caught:
        run(call)
    return caught.value


def pay(provider: Acme, amount: Money = PAYMENT.amount, **more: Any) -> Awaitable[Payment]:
    return provider.create_payment(amount, customer_id="cus_1", payment_method_id="pm_1", **more)


# --- arguments ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("param", "call"),
    [
        ("email", lambda p: p.create_customer("nobody")),
        ("phone", lambda p: p.create_customer(phone="call me")),
        ("phone", lambda p: p.create_customer(phone="+1")),
        ("email", lambda p: p.create_customer({"a": 1})),
        ("name", lambda p: p.create_customer("a@b", "")),
        ("metadata", lambda p: p.create_customer("a@b", metadata={"a": 1})),
        ("metadata", lambda p: p.create_customer("a@b", metadata=["a"])),
        ("idempotency_key", lambda p: p.create_customer("a@b", idempotency_key="")),
        ("customer_id", lambda p: p.get_customer("../x")),
        ("customer_id", lambda p: p.get_customer(None)),
        ("customer_id", lambda p: p.get_customer(customer_id=7)),
        ("at_period_end", lambda p: p.cancel_subscription("sub_1", at_period_end=None)),
        ("at_period_end", lambda p: p.cancel_subscription("sub_1", at_period_end="yes")),
        ("plan_id", lambda p: p.change_subscription("sub_1", plan_id="a/b")),
        ("quantity", lambda p: p.change_subscription("sub_1", quantity=0)),
        ("prorate", lambda p: p.change_subscription("sub_1", prorate=None)),
        ("quantity", lambda p: p.create_usage_record("si_1", -1)),
        ("quantity", lambda p: p.create_usage_record("si_1", True)),
        ("timestamp", lambda p: p.create_usage_record("si_1", 1, datetime(2026, 1, 1))),  # noqa: DTZ001 - on purpose
        ("limit", lambda p: p.get_invoices("cus_1", 0)),
        ("limit", lambda p: p.get_invoices("cus_1", None)),
        ("amount", lambda p: pay(p, 500)),
        ("amount", lambda p: pay(p, Money(0, "USD"))),
        ("since", lambda p: p.list_events("yesterday")),
    ],
)
def test_bad_arguments_are_refused_before_the_provider_runs(param: str, call: Callable[[Acme], Awaitable[Any]]) -> None:
    provider = Acme()
    error = fails(call(provider))
    assert isinstance(error, InvalidRequest)
    assert error.param == param
    assert provider.calls == []
    assert error.provider == "acme"
    assert error.operation is not None


def test_optional_arguments_may_be_none() -> None:
    provider = Acme(CUSTOMER, True)
    assert run(provider.create_customer("a@b", None, None, idempotency_key=None)) is CUSTOMER
    assert run(provider.create_usage_record("si_1", 0, None)) is True


def test_a_call_that_python_would_refuse_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        run(Acme().get_customer())  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        run(Acme().get_customer("cus_1", "cus_2"))  # type: ignore[call-arg]


def test_the_provider_gets_its_own_copy_of_metadata_as_a_dict() -> None:
    provider, metadata = Acme(CUSTOMER), {"a": "b"}
    run(provider.create_customer("a@b", metadata=MappingProxyType(metadata)))
    got = provider.calls[0]["metadata"]
    assert type(got) is dict
    assert got == metadata
    assert got is not metadata


# --- capabilities ------------------------------------------------------------------------------------------------


def test_what_is_not_declared_is_unsupported_in_the_providers_own_words_even_if_it_is_implemented() -> None:
    provider = Acme(Subscription("sub_1"))
    error = fails(provider.pause_subscription("sub_1"))
    assert isinstance(error, UnsupportedOperation)
    assert (error.reason, error.alternative) == ("Acme knows no pause.", "Cancel, and subscribe again.")
    assert str(error) == (
        "acme.pause_subscription: not supported: Acme knows no pause. Instead: Cancel, and subscribe again."
    )
    assert provider.calls == []


def test_what_is_not_declared_is_said_before_the_arguments_are_looked_at() -> None:
    assert isinstance(fails(Acme().pause_subscription("../")), UnsupportedOperation)


@pytest.mark.parametrize(
    ("declared", "at_period_end", "works"),
    [
        (Capability.CANCEL_NOW, False, True),
        (Capability.CANCEL_NOW, True, False),
        (Capability.CANCEL_AT_PERIOD_END, True, True),
        (Capability.CANCEL_AT_PERIOD_END, False, False),
    ],
)
def test_each_way_to_cancel_is_a_capability_of_its_own(declared: Capability, at_period_end: bool, works: bool) -> None:
    class OneWay(Acme):
        capabilities = frozenset({declared})

    provider = OneWay(Subscription("sub_1"))
    call = provider.cancel_subscription("sub_1", at_period_end=at_period_end)
    if works:
        assert run(call).id == "sub_1"
    else:
        assert isinstance(fails(call), UnsupportedOperation)
        assert provider.calls == []


def test_creating_a_customer_needs_no_capability() -> None:
    class Bare(Acme):
        capabilities = frozenset[Capability]()

    assert run(Bare(CUSTOMER).create_customer("a@b")) is CUSTOMER


def test_every_operation_that_goes_to_the_provider_is_in_the_table() -> None:
    from paylattice import PaymentProvider

    apart = {"parse_webhook", "aclose"}
    coroutines = {
        name for name, member in inspect.getmembers(PaymentProvider, inspect.iscoroutinefunction) if name[0] != "_"
    }
    assert set(OPERATIONS) == coroutines - apart


def test_every_capability_is_needed_by_an_operation() -> None:
    needed = {row.capability for row in OPERATIONS.values()} | {
        OPERATIONS["cancel_subscription"].capability_for({"at_period_end": True}),
        *(OPERATIONS["change_subscription"].capability_for({"when": when}) for when in ("now", "period_end")),
    }
    assert needed - {None} == set(Capability)


def test_exactly_the_writes_take_an_idempotency_key() -> None:
    from paylattice import PaymentProvider

    taking = {
        name for name in OPERATIONS if "idempotency_key" in inspect.signature(getattr(PaymentProvider, name)).parameters
    }
    assert taking == {name for name, row in OPERATIONS.items() if row.writes}


# --- idempotency keys --------------------------------------------------------------------------------------------


def test_a_write_without_a_key_gets_one() -> None:
    provider = Acme(CUSTOMER, CUSTOMER)
    run(provider.create_customer("a@b"))
    run(provider.create_customer("a@b"))
    first, second = (call["idempotency_key"] for call in provider.calls)
    assert len(first) == len(second) == 36
    assert first != second


def test_a_key_of_the_callers_is_passed_on() -> None:
    provider = Acme(CUSTOMER)
    run(provider.create_customer("a@b", idempotency_key="mine"))
    assert provider.calls[0]["idempotency_key"] == "mine"


def test_one_key_for_the_same_operation_again_is_sent() -> None:
    provider = Acme(CUSTOMER, CUSTOMER)
    run(provider.create_customer("a@b", metadata={"x": "1", "y": "2"}, idempotency_key="mine"))
    run(provider.create_customer("a@b", None, {"y": "2", "x": "1"}, idempotency_key="mine"))
    assert len(provider.calls) == 2


@pytest.mark.parametrize(
    "other",
    [
        lambda p: p.create_customer("other@b", idempotency_key="mine"),
        lambda p: p.create_customer("a@b", "Ada", idempotency_key="mine"),
        lambda p: p.create_customer("a@b", metadata={"x": "1"}, idempotency_key="mine"),
        lambda p: p.delete_customer("cus_1", idempotency_key="mine"),
    ],
)
def test_one_key_for_another_operation_is_refused_before_anything_is_sent(
    other: Callable[[Acme], Awaitable[Any]],
) -> None:
    provider = Acme(CUSTOMER)
    run(provider.create_customer("a@b", idempotency_key="mine"))
    error = fails(other(provider))
    assert isinstance(error, IdempotencyMismatch)
    assert error.idempotency_key == "mine"
    assert error.operation in {"create_customer", "delete_customer"}
    assert len(provider.calls) == 1


def test_a_key_that_was_refused_for_bad_arguments_is_still_free() -> None:
    provider = Acme(CUSTOMER)
    fails(provider.create_customer("nobody", idempotency_key="mine"))
    assert run(provider.create_customer("a@b", idempotency_key="mine")) is CUSTOMER


def test_providers_of_two_tenants_share_no_keys() -> None:
    one, other = Acme(CUSTOMER), Acme(CUSTOMER)
    run(one.create_customer("a@b", idempotency_key="mine"))
    assert run(other.create_customer("c@d", idempotency_key="mine")) is CUSTOMER


def test_a_subclass_may_send_more_under_the_callers_key() -> None:
    class Tagged(Acme):
        async def create_customer(
            self,
            email: str | None = None,
            name: str | None = None,
            metadata: Mapping[str, str] | None = None,
            *,
            phone: str | None = None,
            idempotency_key: str | None = None,
        ) -> Customer:
            tagged = {**(metadata or {}), "tag": "x"}
            return await super().create_customer(email, name, tagged, idempotency_key=idempotency_key)

    provider = Tagged(CUSTOMER, CUSTOMER)
    run(provider.create_customer("a@b", idempotency_key="mine"))
    run(provider.create_customer("a@b", idempotency_key="mine"))
    assert [(call["metadata"], call["idempotency_key"]) for call in provider.calls] == [({"tag": "x"}, "mine")] * 2


# --- answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "call"),
    [
        (Customer("cus_2"), lambda p: p.get_customer("cus_1")),
        ({"id": "cus_1"}, lambda p: p.get_customer("cus_1")),
        (Subscription("cus_1"), lambda p: p.get_customer("cus_1")),
        (Subscription("sub_2"), lambda p: p.get_subscription("sub_1")),
        ([Subscription("sub_1", "cus_2")], lambda p: p.list_subscriptions("cus_1")),
        ([Subscription("sub_1", "cus_1"), None], lambda p: p.list_subscriptions("cus_1")),
        (Subscription("sub_1", "cus_1"), lambda p: p.list_subscriptions("cus_1")),
        (None, lambda p: p.list_subscriptions("cus_1")),
        ({}, lambda p: p.list_subscriptions("cus_1")),
        (iter([]), lambda p: p.list_subscriptions("cus_1")),
        ([Invoice("in_1", "cus_2", Money(1, "USD"))], lambda p: p.get_invoices("cus_1")),
        (
            [Invoice("in_1", "cus_1", Money(1, "USD"), subscription_id="sub_2")],
            lambda p: p.get_invoices("cus_1", subscription_id="sub_1"),
        ),
        ([{"id": "evt_1"}], lambda p: p.list_events(NOW)),
        ([None], lambda p: p.list_events(NOW)),
    ],
)
def test_an_answer_to_another_question_is_not_passed_on(answer: object, call: Callable[[Acme], Awaitable[Any]]) -> None:
    error = fails(call(Acme(answer)))
    assert type(error) is InvalidResponse
    assert "not passed on" in str(error)
    assert error.provider == "acme"


@pytest.mark.parametrize(
    ("answer", "call"),
    [
        (None, lambda p: p.create_customer("a@b")),
        ({"id": "cus_1"}, lambda p: p.create_customer("a@b")),
        (CUSTOMER, lambda p: p.delete_customer("cus_1")),
        (Subscription("sub_2"), lambda p: p.cancel_subscription("sub_1")),
        (SubscriptionChange(Subscription("sub_2")), lambda p: p.change_subscription("sub_1", quantity=2)),
        (Subscription("sub_1"), lambda p: p.change_subscription("sub_1", quantity=2)),
        (Payment("pay_1", Money(499, "USD")), pay),
        (Payment("pay_1", Money(500, "EUR")), pay),
        (Payment("pay_1", Money(500, "USD"), customer_id="cus_2"), pay),
        ("yes", lambda p: p.create_usage_record("si_1", 1)),
    ],
)
def test_a_write_that_is_answered_wrongly_has_an_unknown_outcome(
    answer: object, call: Callable[[Acme], Awaitable[Any]]
) -> None:
    error = fails(call(Acme(answer)))
    assert type(error) is ResponseOutcomeUnknown
    assert error.outcome_unknown
    assert error.provider == "acme"


@pytest.mark.parametrize(
    ("answer", "call"),
    [
        (None, lambda p: p.get_customer("cus_1")),
        (Customer("cus_1"), lambda p: p.get_customer("cus_1")),
        (None, lambda p: p.delete_customer("cus_1")),
        ([], lambda p: p.list_subscriptions("cus_1")),
        ([Subscription("sub_1"), Subscription("sub_2", "cus_1")], lambda p: p.list_subscriptions("cus_1")),
        (
            SubscriptionChange(Subscription("sub_1"), "https://consent"),
            lambda p: p.change_subscription("sub_1", quantity=2),
        ),
        (Payment("pay_1", Money(500, "USD")), pay),
        (False, lambda p: p.create_usage_record("si_1", 1)),
        ([EVENT], lambda p: p.list_events(NOW)),
    ],
)
def test_the_answer_to_the_question_is_passed_on(answer: object, call: Callable[[Acme], Awaitable[Any]]) -> None:
    assert run(call(Acme(answer))) is answer


# --- errors ------------------------------------------------------------------------------------------------------

STRAY = [
    KeyError("hunter2"),
    ValueError("hunter2"),
    TypeError("hunter2"),
    RuntimeError("hunter2"),
    AttributeError("hunter2"),
    RecursionError("hunter2"),
    MemoryError("hunter2"),
    OSError("hunter2"),
    UnicodeDecodeError("utf-8", b"hunter2", 0, 1, "hunter2"),
    ExceptionGroup("hunter2", [ValueError("hunter2")]),
    StopAsyncIteration("hunter2"),
    TimeoutError("hunter2"),
]


@pytest.mark.parametrize("stray", STRAY, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize(
    ("kind", "call"),
    [
        (InvalidResponse, lambda p: p.get_customer("cus_1")),
        (ResponseOutcomeUnknown, lambda p: p.create_customer("a@b")),
    ],
    ids=["read", "write"],
)
def test_a_stray_exception_becomes_ours_without_its_text(
    stray: Exception, kind: type[PaymentError], call: Callable[[Acme], Awaitable[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = fails(call(Acme(stray)))
    assert type(error) is kind
    assert (error.__cause__, error.__context__) == (None, None)
    assert "hunter2" not in f"{error} {error!r} {vars(error)!r} {caplog.text}"
    assert f"Acme failed with {type(stray).__name__} at {Acme.__module__}:" in str(error)
    assert (error.provider, error.operation) == (
        "acme",
        "get_customer" if kind is InvalidResponse else "create_customer",
    )


def test_an_exception_on_the_way_into_the_operation_becomes_ours_too() -> None:
    class Plain(BaseProvider):
        name = "plain"
        capabilities = frozenset({Capability.PLANS})

        def get_plan(self, plan_id: str) -> Awaitable[Plan | None]:
            raise ValueError(plan_id)

        def list_plans(self) -> Awaitable[list[Plan]]:
            return [Plan("p")]  # type: ignore[return-value]  # forgot to be a coroutine

    assert type(fails(Plain().get_plan("hunter2"))) is InvalidResponse
    assert type(fails(Plain().list_plans())) is InvalidResponse


def test_a_provider_that_needs_an_event_loop_is_told_what_the_blocking_face_needs() -> None:
    class Loopy(Acme):
        async def get_customer(self, customer_id: str) -> Customer | None:
            await asyncio.sleep(0.1)
            return None

    from paylattice.driving import run as drive

    with pytest.raises(InvalidResponse, match=r"it must send, sleep and lock with self\.transport alone"):
        drive(Loopy().get_customer("cus_1"))


def test_an_error_of_the_providers_passes_as_it_is_and_learns_where_it_happened() -> None:
    declined = Declined("no", code="card_declined")
    provider = Acme(declined)
    error = fails(pay(provider, idempotency_key="mine"))
    assert error is declined
    assert (error.provider, error.operation, error.idempotency_key) == ("acme", "create_payment", "mine")


def test_an_error_that_names_its_provider_keeps_the_name() -> None:
    assert fails(Acme(Conflict("no", provider="acme-eu")).get_customer("cus_1")).provider == "acme-eu"


def test_an_error_carries_the_key_of_the_operation_and_not_of_one_of_its_steps() -> None:
    lost = NetworkOutcomeUnknown("lost", idempotency_key="key-of-a-step", operation="a_step")
    error = fails(Acme(lost).create_customer("a@b", idempotency_key="mine"))
    assert (error.idempotency_key, error.operation) == ("mine", "create_customer")


def test_an_error_of_a_read_carries_no_key() -> None:
    assert fails(Acme(NetworkError("lost")).get_customer("cus_1")).idempotency_key is None


@pytest.mark.parametrize("passing", [asyncio.CancelledError(), KeyboardInterrupt(), SystemExit(1), GeneratorExit()])
def test_what_is_no_exception_passes_untouched(passing: BaseException) -> None:
    from paylattice.driving import run as drive

    with pytest.raises(type(passing)) as caught:
        drive(Acme(passing).create_customer("a@b"))
    assert caught.value is passing


def test_a_task_can_be_cancelled_in_the_middle_of_an_operation() -> None:
    class Slow(Acme):
        async def get_customer(self, customer_id: str) -> Customer | None:
            await asyncio.sleep(60)
            return None

    async def main() -> None:
        task = asyncio.create_task(Slow().get_customer("cus_1"))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


def test_the_running_operation_is_known_while_it_runs() -> None:
    provider = Acme(CUSTOMER)
    run(provider.create_customer("a@b"))
    assert provider.calls[0]["operation"] == "create_customer"
    assert current_operation() is None


def test_operations_side_by_side_each_know_their_own() -> None:
    provider = Acme(None, CUSTOMER)

    async def main() -> None:
        await asyncio.gather(provider.get_customer("cus_1"), provider.create_customer("a@b"))

    asyncio.run(main())
    assert {call["operation"] for call in provider.calls} == {"get_customer", "create_customer"}


# --- recovery ----------------------------------------------------------------------------------------------------


def test_recovery_repeats_the_operation_under_the_key_that_was_made() -> None:
    provider = Acme(NetworkOutcomeUnknown("lost"), CUSTOMER)
    error = fails(provider.create_customer("a@b", "Ada", {"x": "1"}))
    assert run(provider.recover(error)) is CUSTOMER
    first, second = provider.calls
    assert first == second
    assert first["idempotency_key"] == error.idempotency_key


def test_recovery_repeats_what_was_asked_for_whatever_became_of_the_callers_dict() -> None:
    class Greedy(Acme):
        async def create_customer(
            self,
            email: str | None = None,
            name: str | None = None,
            metadata: Any = None,
            *,
            phone: str | None = None,
            idempotency_key: str | None = None,
        ) -> Customer:
            answer = await self.answer(metadata=dict(metadata))
            metadata.clear()
            return answer  # type: ignore[no-any-return]

    provider, metadata = Greedy(None, None, CUSTOMER), {"x": "1"}
    error = fails(provider.create_customer("a@b", metadata=metadata, idempotency_key="mine"))
    metadata["x"] = "2"
    error = fails(provider.recover(error))
    assert run(provider.recover(error)) is CUSTOMER
    assert [call["metadata"] for call in provider.calls] == [{"x": "1"}] * 3


def test_recovery_may_end_in_another_unknown_outcome_that_can_be_recovered() -> None:
    provider = Acme(NetworkOutcomeUnknown("lost"), NetworkOutcomeUnknown("lost again"), CUSTOMER)
    first = fails(provider.create_customer("a@b"))
    second = fails(provider.recover(first))
    assert second.idempotency_key == first.idempotency_key
    assert run(provider.recover(second)) is CUSTOMER


def test_recovery_may_end_in_a_definite_error() -> None:
    provider = Acme(NetworkOutcomeUnknown("lost"), Declined("no"))
    assert isinstance(fails(provider.recover(fails(pay(provider)))), Declined)


def test_a_stray_exception_in_a_write_can_be_recovered() -> None:
    provider = Acme(KeyError("id"), CUSTOMER)
    assert run(provider.recover(fails(provider.create_customer("a@b")))) is CUSTOMER


def test_another_instance_with_the_same_settings_can_recover() -> None:
    error = fails(Acme(NetworkOutcomeUnknown("lost")).create_customer("a@b"))
    assert run(Acme(CUSTOMER).recover(error)) is CUSTOMER


def test_a_provider_of_another_account_does_not_recover() -> None:
    error = fails(Acme(NetworkOutcomeUnknown("lost")).create_customer("a@b"))
    other = Acme(CUSTOMER, config=AcmeConfig(key="sk_of_somebody_else"))
    refused = fails(other.recover(error))
    assert isinstance(refused, InvalidRequest)
    assert other.calls == []


def test_an_operation_inside_an_operation_is_recovered_as_the_one_that_was_asked_for() -> None:
    class TwoSteps(Acme):
        async def create_payment(self, amount: Money, **more: Any) -> Payment:  # type: ignore[override]
            customer = await self.create_customer("a@b", idempotency_key="step")
            return Payment("pay_1", amount, customer_id=customer.id)

    provider = TwoSteps(NetworkOutcomeUnknown("lost"), CUSTOMER)
    error = fails(pay(provider, idempotency_key="mine"))
    assert (error.operation, error.idempotency_key) == ("create_payment", "mine")
    assert run(provider.recover(error)) == Payment("pay_1", Money(500, "USD"), customer_id="cus_1")


@pytest.mark.parametrize(
    "error",
    [
        NetworkError("lost", provider="acme"),
        Declined("no", provider="acme"),
        NetworkOutcomeUnknown("lost", provider="other"),
        NetworkOutcomeUnknown("lost"),
        ValueError("hunter2"),
        None,
    ],
)
def test_only_unknown_outcomes_of_this_provider_can_be_recovered(error: Any) -> None:
    refused = fails(Acme().recover(error))
    assert isinstance(refused, InvalidRequest)
    assert "hunter2" not in str(refused)


def test_an_error_from_another_process_says_how_to_go_on() -> None:
    error = fails(Acme(NetworkOutcomeUnknown("lost")).create_customer("a@b", idempotency_key="mine"))
    travelled = pickle.loads(pickle.dumps(error))
    refused = fails(Acme().recover(travelled))
    assert isinstance(refused, InvalidRequest)
    assert "error.idempotency_key" in str(refused)
    assert travelled.idempotency_key == "mine"


def test_an_error_of_a_read_cannot_be_recovered_even_if_it_claims_to_be_unknown() -> None:
    provider = Acme(OutcomeUnknown("lost"))
    assert isinstance(fails(provider.recover(fails(provider.get_customer("cus_1")))), InvalidRequest)


# --- webhooks ----------------------------------------------------------------------------------------------------


def test_an_event_is_passed_on() -> None:
    assert run(Acme(EVENT).parse_webhook(b"{}", {})) is EVENT
    assert Acme({"id": "evt_1"}).verify_webhook_signature(b"{}", "sig", "secret") == {"id": "evt_1"}


@pytest.mark.parametrize("stray", STRAY, ids=lambda e: type(e).__name__)
def test_a_stray_exception_in_a_webhook_is_a_malformed_payload(stray: Exception) -> None:
    errors = [fails(Acme(stray).parse_webhook(b"{}", {}))]
    with pytest.raises(MalformedPayload) as caught:
        Acme(stray).verify_webhook_signature(b"{}", "sig", "secret")
    errors.append(caught.value)
    for error, operation in zip(errors, ["parse_webhook", "verify_webhook_signature"], strict=True):
        assert type(error) is MalformedPayload
        assert (error.provider, error.operation) == ("acme", operation)
        assert (error.__cause__, error.__context__) == (None, None)
        assert "hunter2" not in f"{error} {vars(error)!r}"


@pytest.mark.parametrize("answer", [None, {"id": "evt_1"}, CUSTOMER])
def test_what_is_no_event_is_a_malformed_payload(answer: object) -> None:
    assert isinstance(fails(Acme(answer).parse_webhook(b"{}", {})), MalformedPayload)


def test_a_webhook_error_passes_and_learns_where_it_happened() -> None:
    error = fails(Acme(InvalidSignature("forged")).parse_webhook(b"{}", {}))
    assert (type(error), error.provider, error.operation) == (InvalidSignature, "acme", "parse_webhook")
    with pytest.raises(InvalidSignature) as caught:
        Acme(InvalidSignature("forged")).verify_webhook_signature(b"{}", "sig", "secret")
    assert (caught.value.provider, caught.value.operation) == ("acme", "verify_webhook_signature")


def test_a_configuration_error_in_a_webhook_stays_one() -> None:
    assert isinstance(fails(Acme(ConfigurationError("no secret")).parse_webhook(b"{}", {})), ConfigurationError)


def test_a_signature_check_that_has_to_be_awaited_cannot_be_defined() -> None:
    with pytest.raises(TypeError, match="must be a plain function"):

        class Careless(BaseProvider):
            name = "careless"

            async def verify_webhook_signature(self, payload: bytes, signature: Any, secret: str) -> Any:  # type: ignore[override]
                return {}


# --- what is under guard -----------------------------------------------------------------------------------------


def logged(method: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Awaitable[Any]:
        return method(*args, **kwargs)

    return call


def test_a_decorated_operation_is_under_guard() -> None:
    class Decorated(BaseProvider):
        name = "decorated"
        capabilities = frozenset({Capability.PLANS})

        @logged
        async def get_plan(self, plan_id: str) -> Plan | None:
            raise ValueError(plan_id)

    assert isinstance(fails(Decorated().get_plan("../x")), InvalidRequest)
    assert isinstance(fails(Decorated().get_plan("x")), InvalidResponse)


def test_a_decorator_around_a_guarded_operation_is_under_guard_too() -> None:
    @functools.wraps(Acme.create_customer)
    async def broken(*_: Any, **__: Any) -> Any:
        raise ValueError

    class Wrapped(Acme):
        create_customer = broken

    assert isinstance(fails(Wrapped().create_customer("a@b")), ResponseOutcomeUnknown)


def test_an_operation_of_a_mixin_is_under_guard() -> None:
    class Plans:
        async def get_plan(self, plan_id: str) -> Plan | None:
            return Plan("another")

    class Mixed(Plans, BaseProvider):
        name = "mixed"
        capabilities = frozenset({Capability.PLANS})

    assert isinstance(fails(Mixed().get_plan("../x")), InvalidRequest)
    assert isinstance(fails(Mixed().get_plan("x")), InvalidResponse)
    assert run(Plans().get_plan("x")) == Plan("another")


class _Leaky(Acme):
    """A plugin whose steps before an event is applied fail, or answer with something else."""

    answer: Any = None

    async def verify_with_provider(self, event: WebhookEvent) -> WebhookEvent:
        raise KeyError(event.raw["secret"])

    async def follow_links(self, event: WebhookEvent) -> WebhookEvent:
        return self.answer  # type: ignore[no-any-return]


def test_a_step_before_an_event_is_applied_fails_with_our_errors_alone() -> None:
    leaky = _Leaky(AcmeConfig(key="key"))
    event = WebhookEvent("evt_1", EventType.INVOICE_PAID, NOW, "evt_1", provider="acme", raw={"secret": "card"})
    with pytest.raises(InvalidResponse) as caught:
        run(leaky.verify_with_provider(event))
    assert (caught.value.provider, caught.value.operation) == ("acme", "verify_with_provider")
    assert "KeyError" in str(caught.value)
    assert "card" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("answer", [None, CUSTOMER, EVENT], ids=["nothing", "a customer", "another provider's event"])
def test_a_step_that_answers_with_no_event_of_its_own_is_refused(answer: object) -> None:
    leaky = _Leaky(AcmeConfig(key="key"))
    leaky.answer = answer
    event = WebhookEvent("evt_1", EventType.REFUND_CREATED, NOW, "evt_1", provider="acme")
    with pytest.raises(InvalidResponse, match="returns no event"):
        run(leaky.follow_links(event))
    leaky.answer = event
    assert run(leaky.follow_links(event)) is event


def test_a_subclass_does_not_guard_twice() -> None:
    class Sub(Acme):
        pass

    assert Sub.create_customer is Acme.create_customer


def test_an_operation_with_open_keywords_is_checked_by_their_names_and_can_be_recovered() -> None:
    class Open(Acme):
        async def create_payment(self, amount: Money, **more: Any) -> Payment:  # type: ignore[override]
            return await self.answer(amount=amount, **more)  # type: ignore[no-any-return]

    provider = Open(NetworkOutcomeUnknown("lost"), PAYMENT)
    call = provider.create_payment(PAYMENT.amount, customer_id="../x", payment_method_id="pm_1")
    assert isinstance(fails(call), InvalidRequest)
    error = fails(pay(provider, description=None))
    assert run(provider.recover(error)) is PAYMENT
    assert provider.calls[0] == provider.calls[1]


def test_a_guarded_operation_keeps_its_name_and_words() -> None:
    assert Acme.create_customer.__name__ == "create_customer"
    assert Acme.create_customer.__qualname__ == "Acme.create_customer"


def test_operations_work_in_the_time_zone_of_the_caller() -> None:
    from datetime import timedelta, timezone

    there = datetime(2026, 1, 31, 12, tzinfo=timezone(timedelta(hours=-5)))
    provider = Acme(True)
    run(provider.create_usage_record("si_1", 1, there))
    assert provider.calls[0]["timestamp"] == datetime(2026, 1, 31, 17, tzinfo=UTC)


# --- answers that must not be passed on --------------------------------------------------------------------------


@pytest.mark.parametrize("hostile", ["../../other?x=1", "..", "a/b", "a b", ""])
def test_an_answer_with_an_id_that_cannot_be_one_is_not_passed_on(hostile: str) -> None:
    assert isinstance(fails(Acme(Customer(hostile)).create_customer("a@b.test")), ResponseOutcomeUnknown)


@pytest.mark.parametrize("hostile", ["javascript:alert(1)", "//x.test", "data:text/html,x", "https://"])
def test_an_address_that_is_no_web_address_is_not_passed_on(hostile: str) -> None:
    invoice = Invoice("in_1", "cus_1", Money(1, "USD"), hosted_url=hostile)
    assert isinstance(fails(Acme([invoice]).get_invoices("cus_1")), InvalidResponse)
    change = SubscriptionChange(Subscription("sub_1"), approval_url=hostile)
    assert isinstance(fails(Acme(change).change_subscription("sub_1", quantity=2)), ResponseOutcomeUnknown)


def test_a_payer_is_not_sent_to_what_is_no_web_address() -> None:
    for told, known in (("javascript:alert(1)", None), ("https://pay.test/3ds", "https://pay.test/3ds")):
        error = fails(Acme(ActionRequired("the payer has to act", url=told)).create_customer("a@b.test"))
        assert isinstance(error, ActionRequired)
        assert error.url == known


def test_a_customer_who_was_merged_into_another_is_passed_on_with_both_ids() -> None:
    merged = Customer("cus_2", merged_from="cus_1")
    assert run(Acme(merged).get_customer("cus_1")) == merged
    assert isinstance(fails(Acme(merged).get_customer("cus_3")), InvalidResponse)


# --- a provider's own operations ---------------------------------------------------------------------------------


class Extra(Acme):
    @provider_specific(returns=str, writes=True)
    async def open_portal(self, customer_id: str, return_url: str, *, idempotency_key: str | None = None) -> str:
        return await self.answer(customer_id=customer_id, key=idempotency_key)


def test_an_operation_of_the_provider_alone_is_under_the_same_guard() -> None:
    provider = Extra("https://portal.test")
    assert run(provider.open_portal("cus_1", "https://back.test")) == "https://portal.test"
    assert provider.calls[0]["operation"] == "open_portal"
    assert provider.calls[0]["key"]


def test_its_arguments_are_checked_by_their_names() -> None:
    assert fails(Extra().open_portal("../x", "https://back.test")).param == "customer_id"
    assert fails(Extra().open_portal("cus_1", "javascript:1")).param == "return_url"


def test_what_it_stumbles_over_does_not_escape_and_can_be_recovered() -> None:
    provider = Extra(ZeroDivisionError("secret"), "https://portal.test")
    error = fails(provider.open_portal("cus_1", "https://back.test", idempotency_key="k1"))
    assert isinstance(error, OutcomeUnknown)
    assert "secret" not in str(error)
    assert run(provider.recover(error)) == "https://portal.test"
    assert [call["key"] for call in provider.calls] == ["k1", "k1"]


def test_an_answer_of_another_kind_is_refused() -> None:
    assert isinstance(fails(Extra(7).open_portal("cus_1", "https://back.test")), ResponseOutcomeUnknown)
