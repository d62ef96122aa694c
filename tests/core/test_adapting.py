"""A provider that inherits nothing is put under the guard that all the others have."""

import asyncio
import copy
import gc
import inspect
from collections.abc import Awaitable, Iterator, Mapping
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from paylattice import (
    BaseProvider,
    BillingService,
    Capability,
    Customer,
    InMemoryRepository,
    PaymentProvider,
    PaymentProviderFactory,
    UnsupportedReason,
    adapting,
    create_provider,
    errors,
    sync,
)
from paylattice.adapting import as_provider, listed
from paylattice.operations import OPERATIONS

from .strangers import NOW, SECRET, Kiosk, signed
from .support import Acme

PAGES = {"success_url": "https://shop.test/back", "cancel_url": "https://shop.test/"}


def run(call: Awaitable[Any]) -> Any:
    async def main() -> Any:
        return await call

    return asyncio.run(main())


def typed(provider: PaymentProvider) -> PaymentProvider:
    return provider


# --- a subscription is sold --------------------------------------------------------------------------------------


def test_a_strangers_provider_sells_a_subscription() -> None:
    kiosk = Kiosk()
    billing = BillingService(kiosk_typed(kiosk), InMemoryRepository(), clock=lambda: NOW)

    async def sell() -> None:
        session = await billing.start_checkout("org_1", "plan_pro", email="ada@example.com", **PAGES)
        assert not (await billing.access("org_1")).allowed
        payload, headers = kiosk.buyer_pays(session.id)
        assert await billing.handle_webhook("kiosk", payload, headers) == "processed"
        assert await billing.handle_webhook("kiosk", payload, headers) == "duplicate"
        with pytest.raises(errors.InvalidSignature):
            await billing.handle_webhook("kiosk", payload + b" ", headers)
        access = await billing.access("org_1")
        assert access.allowed
        stored = await billing.subscription("org_1")
        assert stored is not None
        assert (stored.plan_id, stored.provider) == ("plan_pro", "kiosk")
        await billing.aclose()

    asyncio.run(sell())
    assert kiosk.closed


def test_a_strangers_provider_sells_a_subscription_without_await() -> None:
    kiosk = Kiosk()
    with sync.BillingService(kiosk_typed(kiosk), sync.InMemoryRepository(), clock=lambda: NOW) as billing:
        session = billing.start_checkout("org_1", "plan_pro", email="ada@example.com", **PAGES)
        payload, headers = kiosk.buyer_pays(session.id)
        assert billing.handle_webhook("kiosk", payload, headers) == "processed"
        assert billing.access("org_1").allowed
    assert kiosk.closed


def kiosk_typed(kiosk: Kiosk) -> PaymentProvider:
    """What is not declared need not be there, which a type checker cannot know."""
    provider: Any = kiosk
    return provider  # type: ignore[no-any-return]


def test_a_strangers_provider_is_found_by_its_name() -> None:
    PaymentProviderFactory.register_provider("kiosk", Kiosk)  # type: ignore[arg-type]  # lacks what it does not declare
    try:
        provider = create_provider("kiosk")
        assert provider.get_provider_name() == "kiosk"
        assert run(provider.create_customer("ada@example.com")).id == "cus_1"
        with sync.create_provider("kiosk") as blocking:
            assert blocking.create_customer("ada@example.com").id == "cus_1"
    finally:
        PaymentProviderFactory.unregister_provider("kiosk")


def test_a_factory_that_makes_no_provider_is_named() -> None:
    PaymentProviderFactory.register_provider("odd", lambda config, *, transport: object())  # type: ignore[arg-type, return-value]
    try:
        with pytest.raises(errors.InvalidProvider, match=r"odd: object is no PaymentProvider: it lacks capabilities, "):
            create_provider("odd")
    finally:
        PaymentProviderFactory.unregister_provider("odd")


def test_several_providers_may_be_of_either_kind() -> None:
    billing = BillingService([kiosk_typed(Kiosk()), Acme()], InMemoryRepository(), select=lambda _: "kiosk")
    assert isinstance(billing.provider("acme"), Acme)
    assert billing.provider("kiosk").get_provider_name() == "kiosk"


# --- under guard -------------------------------------------------------------------------------------------------


@pytest.fixture
def kiosk() -> Kiosk:
    return Kiosk()


@pytest.fixture
def provider(kiosk: Kiosk) -> BaseProvider:
    return as_provider(kiosk_typed(kiosk))


def test_its_arguments_are_checked(kiosk: Kiosk, provider: BaseProvider) -> None:
    with pytest.raises(errors.InvalidRequest, match="email is not an e-mail address"):
        run(provider.create_customer("nobody"))
    with pytest.raises(errors.InvalidRequest, match="customer_id"):
        run(provider.get_customer("../x"))
    assert kiosk.made == {}


def test_what_it_does_not_declare_is_unsupported(provider: BaseProvider) -> None:
    with pytest.raises(errors.UnsupportedOperation, match="kiosk does not offer pause"):
        run(provider.pause_subscription("sub_1"))
    with pytest.raises(errors.UnsupportedOperation):
        provider.require(Capability.REFUNDS)


def test_a_write_gets_a_key_and_one_key_for_two_things_is_refused(kiosk: Kiosk, provider: BaseProvider) -> None:
    run(provider.create_customer("ada@example.com"))
    assert [len(key) for key in kiosk.keys] == [36]
    run(provider.create_customer("ada@example.com", idempotency_key="mine"))
    with pytest.raises(errors.IdempotencyMismatch):
        run(provider.create_customer("bob@example.com", idempotency_key="mine"))


def test_an_answer_about_something_else_is_not_passed_on(kiosk: Kiosk, provider: BaseProvider) -> None:
    kiosk.made["cus_1"] = Customer("cus_2")
    with pytest.raises(errors.InvalidResponse, match="another id"):
        run(provider.get_customer("cus_1"))


def test_a_stray_exception_becomes_ours_and_names_its_class(kiosk: Kiosk, provider: BaseProvider) -> None:
    kiosk.made = None  # type: ignore[assignment]  # it breaks
    with pytest.raises(errors.ResponseOutcomeUnknown, match="Kiosk failed with TypeError at") as caught:
        run(provider.create_customer("ada@example.com"))
    kiosk.made = {}
    assert run(provider.recover(caught.value)).email == "ada@example.com"
    with pytest.raises(errors.InvalidRequest, match="perhaps of another account"):
        run(as_provider(kiosk_typed(Kiosk())).recover(caught.value))


def test_a_second_guard_around_the_same_object_can_recover(kiosk: Kiosk, provider: BaseProvider) -> None:
    kiosk.made = None  # type: ignore[assignment]  # it breaks
    with pytest.raises(errors.OutcomeUnknown) as caught:
        run(provider.create_customer("ada@example.com"))
    kiosk.made = {}
    assert run(as_provider(kiosk_typed(kiosk)).recover(caught.value)).email == "ada@example.com"


def test_a_hostile_delivery_does_not_choose_the_exception(provider: BaseProvider) -> None:
    with pytest.raises(errors.MalformedPayload, match="Kiosk failed with KeyError"):
        run(provider.parse_webhook(b"{}", {"Kiosk-Signature": signed(b"{}", SECRET)}))
    with pytest.raises(errors.InvalidSignature):
        provider.verify_webhook_signature(b"{}", "wrong", SECRET)


# --- what it says of itself --------------------------------------------------------------------------------------


def test_what_only_it_has_is_within_reach(kiosk: Kiosk, provider: Any) -> None:
    assert provider.wrapped is kiosk
    assert provider.motto == "open all day"
    assert provider.made is kiosk.made
    with pytest.raises(AttributeError, match="'Kiosk' object has no attribute 'price_list'"):
        _ = provider.price_list
    with pytest.raises(AttributeError, match="'Kiosk' object has no attribute 'transport'"):
        _ = provider.transport
    assert sync.Provider(kiosk_typed(kiosk)).wrapped.wrapped is kiosk  # type: ignore[attr-defined]  # what it wraps


def test_what_it_does_not_say_is_as_the_base_of_all_providers_has_it(provider: BaseProvider) -> None:
    values = [name for name in vars(BaseProvider) if name[0] != "_" and not callable(getattr(BaseProvider, name))]
    said = {name: getattr(provider, name) for name in values if name not in {"transport", "capabilities"}}
    assert said == {
        **{name: getattr(BaseProvider, name) for name in said},
        "livemode": None,
    }
    assert provider.idempotency_lifetime == timedelta(hours=24)
    assert (provider.unsupported, provider.capabilities) == ({}, Kiosk.capabilities)


def test_what_it_says_counts() -> None:
    class Particular(Kiosk):
        livemode = True
        idempotency_lifetime = timedelta(hours=1)
        customer_id_is_proof = False
        unsupported: Mapping[Capability, UnsupportedReason] = {
            Capability.PAUSE: UnsupportedReason("A kiosk does not pause.")
        }

        def checkout_session_of(self, subscription_id: str) -> str | None:
            return subscription_id.replace("sub", "page")

        def is_same(self, asked: str, answered: str) -> bool:
            return True

    kiosk = Particular()
    kiosk.made["cus_1"] = Customer("cus_2")
    provider = as_provider(kiosk_typed(kiosk))
    assert (provider.livemode, provider.customer_id_is_proof) == (True, False)
    assert provider.idempotency_lifetime == timedelta(hours=1)
    assert provider.checkout_session_of("sub_1") == "page_1"
    assert run(provider.get_customer("cus_1")).id == "cus_2"
    with pytest.raises(errors.UnsupportedOperation, match="A kiosk does not pause"):
        run(provider.pause_subscription("sub_1"))


def test_capabilities_may_be_a_property_and_a_plain_set() -> None:
    class Growing(Kiosk):
        @property
        def capabilities(self) -> set[Capability]:  # type: ignore[override]
            return {Capability.CUSTOMERS}

    provider = as_provider(kiosk_typed(Growing()))
    assert Capability.CHECKOUT not in provider.capabilities
    with pytest.raises(errors.UnsupportedOperation):
        run(provider.get_checkout_session("page_1"))


def test_what_inherits_the_base_is_used_as_it_is() -> None:
    acme = Acme()
    assert as_provider(acme) is acme


def test_the_class_around_it_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = as_provider(kiosk_typed(Kiosk())), as_provider(kiosk_typed(Kiosk()))
    assert type(first) is type(second)
    assert type(first).__name__ == "Kiosk"
    assert type(first) is not type(as_provider(kiosk_typed(type("Booth", (Kiosk,), {})())))


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")  # of others
def test_the_class_around_it_is_given_up_with_the_objects_class() -> None:
    gc.collect()
    before = len(adapting._made)
    as_provider(kiosk_typed(type("Passing", (Kiosk,), {})()))
    gc.collect()
    assert len(adapting._made) == before


def test_it_can_be_copied_while_half_made() -> None:
    assert copy.copy(as_provider(kiosk_typed(Kiosk()))).get_provider_name() == "kiosk"


def test_the_parameters_of_the_object_are_shown(provider: BaseProvider) -> None:
    assert list(inspect.signature(provider.get_customer).parameters) == ["customer_id"]


# --- refused -----------------------------------------------------------------------------------------------------


def lacking(*names: str) -> Any:
    members = dict.fromkeys(names)
    return type("Lacking", (Kiosk,), members)()


@pytest.mark.parametrize("name", ["create_customer", "parse_webhook", "verify_webhook_signature", "aclose"])
def test_what_every_provider_has_must_be_there(name: str) -> None:
    with pytest.raises(errors.InvalidProvider, match=rf"Lacking is no PaymentProvider: it lacks {name}\. "):
        BillingService(lacking(name), InMemoryRepository())


def test_all_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(TypeError) as caught:
        sync.BillingService(lacking("aclose", "get_subscription", "get_checkout_session"), sync.InMemoryRepository())
    assert "it lacks aclose, get_checkout_session, get_subscription. Define what is missing, declare fewer" in str(
        caught.value
    )
    assert isinstance(caught.value, errors.ConfigurationError)


def test_what_is_declared_must_be_there_and_what_is_not_need_not() -> None:
    made = lacking("get_subscription")
    with pytest.raises(errors.InvalidProvider, match="it lacks get_subscription"):
        as_provider(made)
    type(made).capabilities = frozenset({Capability.CHECKOUT})
    with pytest.raises(errors.UnsupportedOperation):
        run(as_provider(made).get_subscription("sub_1"))


@pytest.mark.parametrize("way", [Capability.CANCEL_NOW, Capability.CANCEL_AT_PERIOD_END])
def test_either_way_to_cancel_needs_the_operation(way: Capability) -> None:
    made: Any = type("Ends", (Kiosk,), {"capabilities": frozenset({way})})()
    with pytest.raises(errors.InvalidProvider, match="it lacks cancel_subscription"):
        as_provider(made)


async def _misspelt(self: object, customer: str) -> None: ...
async def _coroutine(self: object, payload: bytes, signature: str, secret: str) -> None: ...


@pytest.mark.parametrize(
    ("name", "method", "told"),
    [
        (
            "get_customer",
            _misspelt,
            r"Wrong\.get_customer\(self, customer\) cannot be called as .* customer_id is missing",
        ),
        (
            "verify_webhook_signature",
            _coroutine,
            r"Wrong\.verify_webhook_signature must be a plain function, without async",
        ),
    ],
)
def test_its_operations_are_compared_with_the_protocol(name: str, method: object, told: str) -> None:
    made: Any = type("Wrong", (Kiosk,), {name: method})()
    with pytest.raises(errors.InvalidProvider, match=told):
        as_provider(made)


@pytest.mark.parametrize("declared", ["checkout", 7, None])
def test_capabilities_that_are_no_set_are_refused(declared: object) -> None:
    made: Any = type("Vague", (Kiosk,), {"capabilities": declared})()
    with pytest.raises(errors.InvalidProvider, match=r"Vague\.capabilities must be a frozenset of Capability, not"):
        as_provider(made)


@pytest.mark.parametrize("kind", [Kiosk, Acme])
def test_a_class_is_no_provider(kind: Any) -> None:
    with pytest.raises(errors.InvalidProvider, match=r"is a class, and no provider: make one, (Kiosk|Acme)\(\.\.\.\)"):
        BillingService(kind, InMemoryRepository())


def test_what_inherits_the_bare_protocol_has_nothing_yet() -> None:
    class Direct(PaymentProvider):
        capabilities = frozenset({Capability.PLANS})  # type: ignore[assignment]

        def get_provider_name(self) -> str:
            return "direct"

    with pytest.raises(
        errors.InvalidProvider, match=r"lacks parse_webhook, .*aclose, create_customer, get_plan, list_plans"
    ):
        as_provider(Direct())


# --- objects whose methods are not their class's -----------------------------------------------------------------


class Proxy:
    """Hands everything on, and defines nothing."""

    def __init__(self, behind: object) -> None:
        self.behind = behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)


def test_a_proxy_of_a_provider_is_one() -> None:
    for behind in (Kiosk(), Acme(Customer("cus_1"))):
        provider = as_provider(kiosk_typed(Proxy(behind)))  # type: ignore[arg-type]  # as good as one
        assert run(provider.create_customer("ada@example.com")).id == "cus_1"
        assert provider.get_provider_name() in {"kiosk", "acme"}


def test_two_objects_of_one_class_may_have_other_operations() -> None:
    kiosk = Kiosk()
    members = {name: getattr(kiosk, name) for name in dir(kiosk) if not name.startswith("__")}
    bare = {name: member for name, member in members.items() if name not in {"get_subscription", "capabilities"}}
    with pytest.raises(errors.InvalidProvider, match="it lacks capabilities"):
        as_provider(SimpleNamespace(**bare))  # type: ignore[arg-type]  # on purpose
    assert run(as_provider(SimpleNamespace(**members)).create_customer("ada@example.com")).id == "cus_1"  # type: ignore[arg-type]


# --- one or several ----------------------------------------------------------------------------------------------


def test_one_or_several_become_a_list() -> None:
    kiosk, acme = Kiosk(), Acme()
    assert listed(kiosk) == [kiosk]
    assert listed([kiosk, acme]) == listed((kiosk, acme)) == listed(each for each in (kiosk, acme)) == [kiosk, acme]
    assert listed("stripe") == ["stripe"]

    class Shelf(Kiosk):
        def __iter__(self) -> Iterator[str]:
            return iter(self.made)

    shelf = Shelf()
    assert listed(shelf) == [shelf]


def test_every_operation_of_the_table_is_put_under_guard() -> None:
    members = {name: getattr(PaymentProvider, name) for name in OPERATIONS}
    assert set(members) <= set(adapting._METHODS)
