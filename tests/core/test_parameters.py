"""An override can be called as the protocol says, or its class is not made."""

import asyncio
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

import pytest

from paylattice import (
    BaseProvider,
    BillingService,
    Capability,
    Customer,
    InMemoryRepository,
    Money,
    Payment,
    PaymentProvider,
    errors,
    guard,
)
from paylattice import arguments as checks
from paylattice.operations import OPERATIONS
from paylattice.parameters import Parameters
from paylattice.providers.memory import InMemoryProvider

from .support import Acme

CUSTOMER = Customer("cus_1")


def provider_with(**members: object) -> type[BaseProvider]:
    return type("Odd", (BaseProvider,), {"name": "odd", "capabilities": frozenset(Capability), **members})


# --- refused -----------------------------------------------------------------------------------------------------


async def misspelt(self: Any, customer: str) -> Any: ...
async def without_key(self: Any, email: str, name: Any = None, metadata: Any = None) -> Any: ...
async def swapped(
    self: Any, name: Any, email: Any = None, metadata: Any = None, *, idempotency_key: Any = None
) -> Any: ...
async def key_by_position(
    self: Any, email: str, name: Any = None, metadata: Any = None, idempotency_key: Any = None
) -> Any: ...
async def name_by_keyword(
    self: Any, email: str, *, name: Any = None, metadata: Any = None, idempotency_key: Any = None
) -> Any: ...
async def demanding(self: Any, email: str, name: Any, metadata: Any = None, *, idempotency_key: Any = None) -> Any: ...
async def other_default(self: Any, customer_id: str, limit: int = 20, *, subscription_id: Any = None) -> Any: ...
async def captures_not(self: Any, payment_id: str, amount: Any = 0, *, idempotency_key: Any = None) -> Any: ...
async def more_by_position(self: Any, customer_id: str, expand: Any = None) -> Any: ...
async def more_demanded(self: Any, customer_id: str, *, expand: bool) -> Any: ...
async def by_position_only(self: Any, customer_id: str, /) -> Any: ...
async def args_only(self: Any, *args: Any) -> Any: ...
async def kwargs_only(self: Any, **kwargs: Any) -> Any: ...
async def nothing() -> Any: ...
async def events(self: Any, since: Any, limit: int = 100) -> AsyncGenerator[Any]:
    yield since


def parse(self: Any, body: bytes, headers: Any, *, url: Any = None) -> Any: ...
def same(self: Any, one: str, other: str) -> bool: ...
async def created(self: Any, key: str, since: Any, *, email: str) -> Any: ...
async def named(self: Any) -> str: ...


class OnItsOwn:
    def __call__(self, customer_id: str) -> None: ...


REFUSED: list[tuple[str, Any, str]] = [
    ("get_customer", misspelt, "customer_id is missing, customer is not in the protocol"),
    ("create_customer", without_key, "idempotency_key is missing"),
    ("create_customer", swapped, "email is not parameter 1"),
    ("create_customer", key_by_position, "idempotency_key is positional, not keyword-only"),
    ("create_customer", name_by_keyword, "name is keyword-only, not positional"),
    ("create_customer", demanding, "name has no default, not None"),
    ("get_invoices", other_default, "limit is 20 by default, not 10"),
    ("capture_payment", captures_not, "amount is 0 by default, not None"),
    ("get_customer", more_by_position, "expand is not in the protocol"),
    ("get_customer", more_demanded, "expand is not in the protocol, and has no default"),
    ("get_customer", by_position_only, "customer_id is positional-only, not positional"),
    ("get_customer", args_only, "customer_id is missing"),
    ("get_customer", kwargs_only, "customer_id is missing"),
    ("get_customer", nothing, "customer_id is missing"),
    ("get_customer", staticmethod(misspelt), "customer_id is missing"),
    ("parse_webhook", parse, "payload is missing"),
    ("is_same", same, "asked is missing"),
    ("find_created_customer", created, "name is missing"),
]


@pytest.mark.parametrize(("name", "method", "why"), REFUSED, ids=lambda each: getattr(each, "__name__", str(each))[:30])
def test_an_override_that_cannot_be_called_as_the_protocol_says_is_a_type_error(
    name: str, method: Any, why: str
) -> None:
    with pytest.raises(TypeError) as caught:
        provider_with(**{name: method})
    told = str(caught.value)
    assert told.startswith(f"Odd.{name}(")
    assert why in told
    assert f"def {name}(self, " in told


def test_the_error_shows_what_is_there_and_what_must_be_there() -> None:
    with pytest.raises(TypeError) as caught:
        provider_with(get_customer=misspelt)
    assert str(caught.value) == (
        "Odd.get_customer(self, customer) cannot be called as the protocol says: customer_id is missing, customer is not in "
        "the protocol. Write async def get_customer(self, customer_id); parameters of your own are keyword-only, with a default"
    )


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(TypeError) as caught:
        provider_with(get_customer=misspelt, create_customer=without_key, parse_webhook=parse)
    assert [line.split("(")[0] for line in str(caught.value).splitlines()] == [
        "Odd.create_customer",
        "Odd.get_customer",
        "Odd.parse_webhook",
    ]


@pytest.mark.parametrize("member", [None, "later", OnItsOwn(), classmethod(misspelt), property(misspelt)])
def test_what_is_no_method_would_escape_the_guard_and_is_refused(member: object) -> None:
    with pytest.raises(TypeError, match=r"Odd\.get_customer must be a method, not \w+: async def get_customer\(self"):
        provider_with(get_customer=member)


def test_what_yields_cannot_be_awaited_and_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Odd\.list_events must not be an async generator"):
        provider_with(list_events=events)


def test_what_is_not_awaited_must_not_be_a_coroutine() -> None:
    with pytest.raises(TypeError, match=r"Odd\.get_provider_name must be a plain function, without async"):
        provider_with(get_provider_name=named)


def test_an_operation_of_a_mixin_is_compared_too() -> None:
    class Customers:
        get_customer = misspelt

    with pytest.raises(TypeError, match="customer_id is missing"):
        type("Mixed", (Customers, BaseProvider), {"name": "mixed"})


def test_a_subclass_of_a_good_provider_is_compared() -> None:
    with pytest.raises(TypeError, match=r"Sub\.get_customer\(self, customer\)"):
        type("Sub", (Acme,), {"get_customer": misspelt})


# --- taken -------------------------------------------------------------------------------------------------------


async def exactly(self: Any, customer_id: str) -> Any:
    return Customer(customer_id)


async def with_more(self: Any, customer_id: str, *, expand: bool = False) -> Any:
    return Customer(customer_id, name="expanded" if expand else None)


async def handing_on(self: Any, *args: Any, **kwargs: Any) -> Any:
    return await exactly(self, *args, **kwargs)


async def partly(self: Any, customer_id: str, **more: Any) -> Any:
    return Customer(customer_id, name=str(more) if more else None)


async def with_a_default(self: Any, customer_id: str = "cus_1") -> Any:
    return Customer(customer_id)


@functools.wraps(exactly)
def wrapped(*args: Any, **kwargs: Any) -> Awaitable[Any]:
    return exactly(*args, **kwargs)


@pytest.mark.parametrize("method", [exactly, with_more, handing_on, partly, with_a_default, wrapped])
@pytest.mark.parametrize("ask", [lambda p: p.get_customer("cus_1"), lambda p: p.get_customer(customer_id="cus_1")])
def test_an_override_that_fits_is_called_either_way(method: Any, ask: Callable[[Any], Awaitable[Customer]]) -> None:
    async def main() -> Customer:
        return await ask(provider_with(get_customer=method)())

    assert asyncio.run(main()) == CUSTOMER


@pytest.mark.parametrize("method", [exactly, with_more, handing_on, partly, with_a_default, wrapped])
@pytest.mark.parametrize("wrong", ["../x", None, 7])
def test_whatever_the_override_looks_like_its_arguments_are_checked(method: Any, wrong: Any) -> None:
    provider = provider_with(get_customer=method)()
    with pytest.raises(errors.InvalidRequest, match="customer_id"):
        asyncio.run(provider.get_customer(wrong))


def test_a_keyword_of_its_own_reaches_the_override() -> None:
    provider: Any = provider_with(get_customer=with_more)()
    assert asyncio.run(provider.get_customer("cus_1", expand=True)).name == "expanded"


@pytest.mark.parametrize("method", [exactly, handing_on, partly])
def test_a_keyword_that_nobody_knows_is_a_type_error_before_anything_runs(method: Any) -> None:
    provider: Any = provider_with(get_customer=method)()
    with pytest.raises(TypeError, match="unexpected keyword argument 'expnd'"):
        asyncio.run(provider.get_customer("cus_1", expnd=True))


def test_an_override_that_hands_on_gets_a_key_like_any_other() -> None:
    keys: list[object] = []

    async def handing_on(self: Any, *args: Any, **kwargs: Any) -> Customer:
        keys.append(kwargs["idempotency_key"])
        return CUSTOMER

    asyncio.run(provider_with(create_customer=handing_on)().create_customer("a@b"))
    assert len(str(keys[0])) == 36


@pytest.mark.parametrize(
    "name", [*OPERATIONS, "parse_webhook", "verify_webhook_signature", "aclose", "get_provider_name"]
)
def test_the_protocols_own_signature_always_fits(name: str) -> None:
    like = getattr(PaymentProvider, name)

    @functools.wraps(like)
    def method(*_: Any, **__: Any) -> Any: ...

    assert provider_with(**{name: method})


# --- once --------------------------------------------------------------------------------------------------------


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the arguments that were checked, in order."""
    names: list[str] = []

    def noting(rule: Callable[[str, object], None]) -> Callable[[str, object], None]:
        def check(name: str, value: object) -> None:
            names.append(name)
            rule(name, value)

        return check

    monkeypatch.setattr(checks, "_CHECKS", {name: noting(rule) for name, rule in checks._CHECKS.items()})
    return names


class Tagged(Acme):
    tags: Mapping[str, Any] = {}

    async def create_customer(
        self,
        email: str | None = None,
        name: Any = None,
        metadata: Any = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        more = {**(metadata or {}), **self.tags}
        return await super().create_customer(email, name, more, idempotency_key=idempotency_key)


def test_what_a_subclass_hands_on_is_checked_once(checked: list[str]) -> None:
    provider = Tagged(CUSTOMER)
    asyncio.run(provider.create_customer("a@b", "Ada", {"x": "1"}, idempotency_key="mine"))
    assert sorted(checked) == ["email", "idempotency_key", "metadata", "name"]
    assert len(provider.calls) == 1


def test_what_a_subclass_makes_of_an_argument_is_checked_too() -> None:
    class Numbered(Tagged):
        tags = {"number": 7}  # noqa: RUF012 - it is never changed

    provider = Numbered(CUSTOMER)
    with pytest.raises(errors.InvalidRequest, match="metadata must hold only str"):
        asyncio.run(provider.create_customer("a@b"))
    assert provider.calls == []


def test_an_operation_within_another_one_is_checked_on_its_own() -> None:
    class TwoSteps(Acme):
        async def get_payment(self, payment_id: str) -> Payment | None:
            await self.get_customer(payment_id.replace("pay", "/"))
            return Payment(payment_id, Money(1, "USD"))

    with pytest.raises(errors.InvalidRequest, match="customer_id"):
        asyncio.run(TwoSteps(CUSTOMER).get_payment("pay_1"))


def test_two_providers_of_one_class_are_checked_apart() -> None:
    class Relay(Acme):
        other: Acme

        async def get_customer(self, customer_id: str) -> Customer | None:
            return await self.other.get_customer(customer_id)

    relay, other = Relay(), Acme(CUSTOMER)
    relay.other = other
    assert asyncio.run(relay.get_customer("cus_1")) == CUSTOMER


# --- binding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        ((), {}),
        (("cus_1", "pro", "https://a", "https://b", None, "key"), {}),
        (("cus_1",), {"customer_id": "cus_2"}),
        (("cus_1", "pro", "https://a", "https://b"), {"colour": "1"}),
        ((), {"plan_id": "pro"}),
    ],
)
def test_binding_refuses_what_python_refuses(args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    parameters = Parameters.of(BaseProvider.create_checkout_session)
    with pytest.raises(TypeError) as ours:
        parameters.bind(args, kwargs)
    with pytest.raises(TypeError) as pythons:
        parameters.signature.bind(*args, **kwargs)
    assert str(ours.value) == str(pythons.value)


def test_binding_brings_defaults_and_the_order_of_the_parameters() -> None:
    bound = Parameters.of(Acme.create_customer).bind((), {"name": "Ada", "email": "a@b"})
    assert list(bound.items()) == [
        ("email", "a@b"),
        ("name", "Ada"),
        ("metadata", None),
        ("phone", None),
        ("idempotency_key", None),
    ]


def test_an_operation_whose_arguments_have_no_names_cannot_be_guarded() -> None:
    async def unnamed(self: Any, *ids: str) -> Any: ...

    with pytest.raises(TypeError, match="takes arguments without a name"):
        Parameters.of(unnamed)


def test_what_billing_writes_down_first_is_checked_once(checked: list[str]) -> None:
    provider = InMemoryProvider()
    plan = provider.add_plan("plan_pro", Money(1000, "USD"))
    billing = BillingService(provider, InMemoryRepository())
    asyncio.run(billing.ensure_customer("org_1", email="a@example.com", name="Ada"))
    checked.clear()
    sold = billing.start_checkout(
        "org_1",
        plan.id,
        email="a@example.com",
        success_url="https://shop.test/back",
        cancel_url="https://shop.test/",
        quantity=2,
        metadata={"team": "one"},
    )
    session = asyncio.run(sold)
    of_the_answer = ["success_url"]
    assert session.url
    assert sorted(checked) == sorted(
        ["success_url", "cancel_url", "quantity", "metadata", "customer_email", "idempotency_key", *of_the_answer]
    )


def test_what_was_checked_beforehand_is_checked_again_if_it_differs() -> None:
    provider = Acme(CUSTOMER)

    async def main() -> None:
        with guard.checked(provider, "create_customer", {"email": "a@b", "metadata": {"x": "1"}}):
            with pytest.raises(errors.InvalidRequest, match="metadata"):
                await provider.create_customer("a@b", metadata={"x": 1})  # type: ignore[dict-item]
            with pytest.raises(errors.InvalidRequest, match="email"):
                await provider.create_customer("nobody")
            with pytest.raises(errors.InvalidRequest, match="customer_id"):
                await provider.get_customer("../x")
            await provider.create_customer("a@b", metadata={"x": "1"})

    asyncio.run(main())
    assert len(provider.calls) == 1


def test_what_is_wrong_beforehand_names_the_provider_and_the_operation() -> None:
    with (
        pytest.raises(errors.InvalidRequest) as caught,
        guard.checked(Acme(), "create_customer", {"email": "nobody", "name": None}),
    ):
        pytest.fail("it went on")
    assert (caught.value.provider, caught.value.operation, caught.value.param) == ("acme", "create_customer", "email")
