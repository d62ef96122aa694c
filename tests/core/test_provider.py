"""The protocol, and the base class that makes writing a provider small."""

import asyncio
import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import pytest

from paylattice import BaseProvider, Capability, Customer, PaymentProvider, UnsupportedReason
from paylattice.config import ProviderConfig, env
from paylattice.driving import run
from paylattice.errors import ConfigurationError, PaymentError, UnsupportedOperation
from paylattice.operations import OPERATIONS
from paylattice.provider import CONTRACT_VERSION
from paylattice.transport import AsyncPrimitives, AsyncTransport, Request, Response

from .support import NOW, Acme, AcmeConfig

ARGUMENTS: dict[str, object] = {
    "email": "a@example.com",
    "success_url": "https://app.example",
    "cancel_url": "https://app.example",
    "quantity": 1,
    "since": NOW,
    "amount": None,
}


class Bare(BaseProvider):
    name = "bare"


class Line(AsyncPrimitives):
    """A transport that remembers whether it was closed."""

    closed = False

    async def send(self, request: Request) -> Response:
        return Response(200)

    async def aclose(self) -> None:
        self.closed = True


class Owner(BaseProvider):
    """A provider whose own transport is a :class:`Line`."""

    name = "owner"

    def line(self) -> Line:
        assert isinstance(self.transport, Line)
        return self.transport


def call(provider: BaseProvider, name: str) -> Any:
    method = getattr(provider, name)
    required = [p.name for p in inspect.signature(method).parameters.values() if p.default is p.empty]
    return method(**{name: ARGUMENTS.get(name, "id_1") for name in required})


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_that_is_not_written_is_unsupported(name: str) -> None:
    with pytest.raises(UnsupportedOperation) as caught:
        asyncio.run(call(Bare(), name))
    assert (caught.value.provider, caught.value.operation) == ("bare", name)
    assert caught.value.reason.startswith("bare does not offer")


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_that_is_declared_and_not_written_is_unsupported_all_the_same(name: str) -> None:
    class Boastful(Bare):
        capabilities = frozenset(Capability)

    with pytest.raises(UnsupportedOperation):
        asyncio.run(call(Boastful(), name))


def test_what_a_later_contract_added_is_named_where_it_is_declared_and_lacking() -> None:
    class Early(Bare):
        contract_version = 1
        capabilities = frozenset(Capability)

    provider = Early()
    for attempt in (
        lambda: provider.require(Capability.UNCANCEL),
        lambda: run(provider.uncancel_subscription("sub_1")),
    ):
        with pytest.raises(UnsupportedOperation) as caught:
            attempt()
        assert caught.value.reason == (
            "Early declares Capability.UNCANCEL, and does not have uncancel_subscription, which is part of the provider "
            "contract since version 2."
        )
        assert "async def uncancel_subscription(self, subscription_id, *, idempotency_key=None)" in str(caught.value)
    provider.require(Capability.PAUSE)


def test_webhooks_that_are_not_written_are_unsupported() -> None:
    with pytest.raises(UnsupportedOperation) as caught:
        asyncio.run(Bare().parse_webhook(b"", {}))
    assert caught.value.operation == "parse_webhook"
    with pytest.raises(UnsupportedOperation) as caught:
        Bare().verify_webhook_signature(b"", "", "")
    assert caught.value.operation == "verify_webhook_signature"


def test_the_words_of_a_limit_are_used_for_operations_that_are_not_written() -> None:
    class Limited(Bare):
        unsupported: ClassVar[Mapping[Capability, UnsupportedReason]] = {
            Capability.PLANS: UnsupportedReason("Bare has no plans.", "Use payments.")
        }

    with pytest.raises(UnsupportedOperation, match=r"Bare has no plans\. Instead: Use payments\."):
        asyncio.run(Limited().list_plans())


def test_a_provider_says_its_name_and_what_it_can_do() -> None:
    assert Bare().get_provider_name() == "bare"
    assert Bare().capabilities == frozenset()
    assert Bare().unsupported == {}
    assert Bare.contract_version == CONTRACT_VERSION


def test_capabilities_that_are_there_can_be_required() -> None:
    Acme().require(Capability.CUSTOMERS, Capability.REFUNDS)


def test_a_missing_capability_fails_at_start_up_and_says_why() -> None:
    with pytest.raises(UnsupportedOperation) as caught:
        Acme().require(Capability.CUSTOMERS, Capability.PAUSE)
    assert str(caught.value) == (
        "acme.require(pause): not supported: Acme knows no pause. Instead: Cancel, and subscribe again."
    )


def test_every_provider_of_the_base_class_is_a_payment_provider() -> None:
    assert isinstance(Bare(), PaymentProvider)


def structural() -> type:
    def unsupported(*_: object, **__: object) -> None:
        raise NotImplementedError

    members = dict.fromkeys((*OPERATIONS, "parse_webhook", "verify_webhook_signature", "aclose"), unsupported)
    fixed = {"capabilities": frozenset(), "unsupported": {}, "get_provider_name": lambda self: "structural"}
    return type("Structural", (), {**members, **fixed})


def test_a_provider_need_not_inherit_anything() -> None:
    assert isinstance(structural()(), PaymentProvider)
    assert not isinstance(object(), PaymentProvider)


def test_a_class_that_inherits_the_bare_protocol_is_told_to_inherit_the_base() -> None:
    class Direct(PaymentProvider):
        capabilities = frozenset()
        unsupported: ClassVar[Mapping[Capability, UnsupportedReason]] = {}

        def get_provider_name(self) -> str:
            return "direct"

    with pytest.raises(ConfigurationError, match=r"Direct does not implement get_plan; inherit BaseProvider"):
        asyncio.run(Direct().get_plan("x"))


# --- settings ----------------------------------------------------------------------------------------------------


def test_settings_that_are_not_given_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    class Environmental(BaseProvider):
        name = "acme"
        config_class = AcmeConfig

    monkeypatch.setenv("ACME_KEY", "sk_from_the_environment")
    assert Environmental()._config == AcmeConfig(key="sk_from_the_environment")


def test_a_missing_setting_is_said_when_the_provider_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    @attrs.frozen(kw_only=True)
    class DemandingConfig(ProviderConfig):
        provider: ClassVar[str] = "demanding"
        key: str | None = attrs.field(default=None, metadata=env("DEMANDING_KEY", "call the API", required=True))

    class Demanding(BaseProvider):
        name = "demanding"
        config_class = DemandingConfig

    monkeypatch.delenv("DEMANDING_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="provider 'demanding' needs DEMANDING_KEY"):
        Demanding()
    assert Demanding(DemandingConfig(key="x"))._config == DemandingConfig(key="x")


@attrs.frozen(kw_only=True)
class OtherConfig(ProviderConfig):
    provider: ClassVar[str] = "other"
    password: str = "hunter2"


@pytest.mark.parametrize("config", [OtherConfig(), {"key": "hunter2"}, "hunter2", ProviderConfig()])
def test_settings_of_another_provider_are_refused_without_being_shown(config: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"provider 'acme' takes AcmeConfig, not ") as caught:
        Acme(config=config)
    assert "hunter2" not in str(caught.value)


def test_a_provider_without_settings_takes_none() -> None:
    assert Bare()._config is None


def test_a_provider_shows_no_secret() -> None:
    assert "sk_acme" not in repr(Acme())
    assert "sk_acme" not in repr(vars(Acme()))


# --- transport ---------------------------------------------------------------------------------------------------


def test_a_transport_that_is_handed_in_is_used_and_left_open() -> None:
    line = Line()

    async def main() -> None:
        async with Owner(transport=line) as provider:
            assert provider.transport is line

    asyncio.run(main())
    assert not line.closed


def test_a_transport_of_its_own_is_made_once_when_it_is_needed() -> None:
    provider = Bare()
    assert isinstance(provider.transport, AsyncTransport)
    assert provider.transport is provider.transport


def test_a_transport_of_its_own_is_closed() -> None:
    provider = Bare()

    async def main() -> AsyncTransport:
        async with provider as entered:
            assert entered is provider
            assert isinstance(provider.transport, AsyncTransport)
            return provider.transport

    transport = asyncio.run(main())
    with pytest.raises(ConfigurationError, match="closed"):
        asyncio.run(transport.send(Request("GET", "https://api.example/")))


def test_a_closed_provider_does_not_open_again() -> None:
    provider = Bare()
    asyncio.run(provider.aclose())
    asyncio.run(provider.aclose())
    with pytest.raises(ConfigurationError, match="this bare provider is closed"):
        _ = provider.transport


def test_an_error_inside_the_block_closes_and_passes() -> None:
    provider = Bare()

    async def main() -> None:
        async with provider:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(main())
    with pytest.raises(ConfigurationError, match="closed"):
        _ = provider.transport


def test_a_closed_transport_is_a_configuration_error_of_the_operation() -> None:
    class Sender(Bare):
        capabilities = frozenset({Capability.CUSTOMERS})

        async def get_customer(self, customer_id: str) -> Customer | None:
            await self.transport.send(Request("GET", f"https://api.example/{customer_id}"))
            return None

    provider = Sender()
    asyncio.run(provider.aclose())
    with pytest.raises(PaymentError) as caught:
        asyncio.run(provider.get_customer("cus_1"))
    assert (type(caught.value), caught.value.operation) == (ConfigurationError, "get_customer")
