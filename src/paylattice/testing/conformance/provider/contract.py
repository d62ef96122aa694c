"""Checks of a provider: what it declares, what it refuses, and what holds before anything is sent."""

import asyncio
from collections.abc import Mapping
from typing import cast

import attrs
import pytest

from ....config import ProviderConfig, Secret
from ....errors import ConfigurationError, IdempotencyMismatch, InvalidRequest, PaymentError, UnsupportedOperation
from ....operations import Capability, UnsupportedReason
from ....provider import CONTRACT_VERSION, BaseProvider, config_of
from ....transport import AsyncTransport
from ..expectations import expect
from .calls import CALLS, WRITES, Call, unlike
from .checks import ProviderChecks
from .harness import ProviderHarness, secrets_of
from .hooks import on_the_wire
from .wire import SentRequest, server_error

__all__ = ["ContractChecks"]

_WITH_IDS = tuple(call for call in CALLS if any(name.endswith("_id") for name in call.arguments))
_NO_IDS = ("", ".", "..", "a/b", "a\\b", "a?b", "a#b", "a%2fb", "a b", "a\n", "\x00", "x" * 300)


class ContractChecks(ProviderChecks):
    """What is declared is there; what is not is refused with a reason; wrong arguments go nowhere."""

    def test_it_has_a_name(self, provider: BaseProvider) -> None:
        """The name is what applications write into ``PAYMENT_PROVIDER``."""
        given = cast("object", provider.get_provider_name())
        name = given if isinstance(given, str) else ""
        expect(name, "get_provider_name() must be a text that is not empty")
        expect(name == name.strip().lower(), f"the name {name!r} must be in lower case, without white space around it")

    def test_it_is_a_provider(self, provider: BaseProvider) -> None:
        """What inherits ``BaseProvider`` has the guard that keeps the promises of the protocol; so has what is wrapped."""
        given = cast("object", provider)
        cure = "must inherit paylattice.BaseProvider, or come out of paylattice.adapting.as_provider"
        expect(isinstance(given, BaseProvider), f"{type(provider).__name__} {cure}")

    def test_it_was_written_for_this_contract(self, provider: BaseProvider) -> None:
        """``contract_version`` is one that this library speaks."""
        expect(
            provider.contract_version in range(1, CONTRACT_VERSION + 1),
            f"contract_version is {provider.contract_version}, this library speaks 1 to {CONTRACT_VERSION}",
        )

    def test_what_it_gives_to_browsers_is_public(self, harness: ProviderHarness) -> None:
        """``browser_settings()`` sends nothing and holds no secret; or it says that there is no JavaScript."""
        provider = harness.provider
        try:
            found = provider.browser_settings()
        except (ConfigurationError, UnsupportedOperation) as error:
            expect(str(error).strip(), "browser_settings() is refused without a reason")
            return
        expect(found.provider == provider.get_provider_name(), "browser_settings() is of another provider")
        expect((found.sdk_url or "https://").startswith("https://"), "the address of the script is not https")
        shown = repr(attrs.astuple(found))
        expect(not any(secret in shown for secret in secrets_of(provider)), "browser_settings() holds a secret")
        expect(harness.wire is None or not harness.wire.seen, "browser_settings() sent a request")

    def test_it_declares_capabilities_of_this_library(self, provider: BaseProvider) -> None:
        """``capabilities`` is a frozenset of ``Capability``."""
        declared = cast("object", provider.capabilities)
        expect(isinstance(declared, frozenset), "capabilities must be a frozenset")
        strange = [word for word in cast("frozenset[object]", declared) if not isinstance(word, Capability)]
        expect(not strange, f"capabilities holds {strange}, which is no Capability")

    def test_its_unsupported_reasons_are_about_what_it_lacks(self, provider: BaseProvider) -> None:
        """``unsupported`` says why something is missing; what is declared is not missing."""
        unsupported = cast("object", provider.unsupported)
        expect(isinstance(unsupported, Mapping), "unsupported must be a mapping of Capability to UnsupportedReason")
        for capability, told in cast("Mapping[object, object]", unsupported).items():
            expect(
                capability not in provider.capabilities,
                f"unsupported says why there is no {capability}: it is declared",
            )
            reason = told.reason.strip() if isinstance(told, UnsupportedReason) else ""
            expect(reason, f"unsupported[{capability}] must be an UnsupportedReason with a reason")

    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_what_is_declared_is_there_and_what_is_not_is_refused_with_a_reason(
        self, harness: ProviderHarness, call: Call
    ) -> None:
        """In front of a server that answers 500 to everything: refused without a request, or sent."""
        call = self.sample(call)
        seen: list[SentRequest] = []
        if self.http:
            harness, wire = self.against(harness, server_error)
            seen = wire.seen
        declared = call.capability is None or call.capability in harness.provider.capabilities
        error = harness.run(harness.failure(call, key="conformance-declared" if call.operation.writes else None))
        if declared:
            expect(
                not isinstance(error, UnsupportedOperation),
                f"{call} is declared (by {call.capability or 'the protocol'}) and not implemented",
            )
            local = call.name in self.without_requests
            expect(not (local and seen), f"{call} is said to need no request (without_requests), and sent one")
            expect(seen or local or not self.http, f"{call} is declared, and sent nothing")
            return
        expect(not seen, f"{call} is not declared, and sent a request all the same")
        expect(
            isinstance(error, UnsupportedOperation),
            f"{call} is not declared: it must raise UnsupportedOperation, not {type(error).__name__}",
        )
        if isinstance(error, UnsupportedOperation):
            expect(error.reason.strip(), f"{call} is refused without a reason")
            expect(error.operation == call.name, f"the refusal of {call} does not name the operation")
            name = harness.provider.get_provider_name()
            expect(error.provider == name, f"the refusal of {call} does not name the provider")

    @pytest.mark.parametrize("call", _WITH_IDS, ids=str)
    def test_an_id_that_leads_elsewhere_is_refused_before_anything_is_sent(
        self, harness: ProviderHarness, call: Call
    ) -> None:
        """Ids go into paths: one with a slash in it would reach another endpoint."""
        self.only_if_declared(harness, call.capability)
        call = self.sample(call)
        ids = [name for name in call.arguments if name.endswith("_id")]
        wire = None
        if self.http:
            harness, wire = self.against(harness, server_error)
        for name in ids:
            for wrong in _NO_IDS:
                error = harness.run(harness.failure(call, **{name: wrong}))
                expect(isinstance(error, InvalidRequest), f"{call} took {name}={wrong[:20]!r}, which is no id")
        expect(wire is None or not wire.seen, f"{call} sent a request with a wrong id")

    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_one_key_for_two_operations_is_refused(self, harness: ProviderHarness, call: Call) -> None:
        """The same key with other parameters would get the answer to the first."""
        self.only_if_declared(harness, call.capability)
        call = self.sample(call)
        if self.http:
            harness, _ = self.against(harness, server_error)
        name, value = next(iter(call.arguments.items()))

        async def twice() -> tuple[PaymentError | None, PaymentError | None]:
            first = await harness.failure(call, key="conformance-mismatch")
            return first, await harness.failure(call, key="conformance-mismatch", **{name: unlike(name, value)})

        _, second = harness.run(twice())
        expect(
            isinstance(second, IdempotencyMismatch),
            f"{call} took one idempotency key for two operations: that must be an IdempotencyMismatch",
        )

    @on_the_wire
    def test_it_sends_through_the_transport_that_it_is_given(self, provider: BaseProvider) -> None:
        """``create_provider`` calls the class with ``config`` and ``transport=``."""
        transport = AsyncTransport()
        made = self.rebuilt(provider, transport)
        expect(made.transport is transport, "the class does not use the transport that it is given")
        expect(made.get_provider_name() == provider.get_provider_name(), "made again, it has another name")

    def test_its_secrets_are_not_shown(self, provider: BaseProvider) -> None:
        """Settings that are a ``Secret`` are in no ``repr``; every required one should be a ``Secret``."""
        config = config_of(provider)
        if not isinstance(config, ProviderConfig):
            pytest.skip("the provider has no settings")
        shown = f"{config!r} {config} {provider!r} {provider}"
        for setting in config.settings():
            value: object = getattr(config, setting.field)
            held = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
            for secret in held:
                if isinstance(secret, Secret):
                    expect(secret.reveal() not in shown, f"the setting {setting.field} can be read in a repr")
            word = any(part in setting.field for part in ("key", "secret", "token", "password"))
            public = any(part in setting.field for part in ("public", "publishable", "_id"))
            if word and not public:
                leaked = [part for part in held if isinstance(part, str) and part and part in shown]
                expect(not leaked, f"the setting {setting.field} is a plain text, and can be read: make it a Secret")

    @on_the_wire
    def test_closing_leaves_to_others_what_is_theirs(self, harness: ProviderHarness) -> None:
        """``aclose()`` closes a transport of its own, and leaves one that was handed in to its owner."""
        call = self.any_request(harness.provider)
        harness, wire = self.against(harness, server_error)

        async def close_and_send() -> None:
            await harness.provider.aclose()
            await harness.failure(call)

        harness.run(close_and_send())
        expect(wire.seen, "aclose() closed a transport that was handed in: that belongs to its owner")

    @on_the_wire
    def test_it_serves_several_event_loops(self, provider: BaseProvider) -> None:
        """A worker that calls ``asyncio.run`` for each task uses one provider on many loops."""
        call = self.any_request(provider)
        wire = self.wired(provider, server_error)
        harness = self.over(provider, "async", wire)
        first = asyncio.run(harness.failure(call))
        sent = len(wire.seen)
        second = asyncio.run(harness.failure(call))
        expect(len(wire.seen) == 2 * sent, "on a second event loop the provider did not send what it sent on the first")
        expect(type(first) is type(second), "on a second event loop the provider does not do what it did on the first")

    @on_the_wire
    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_blocking_and_async_send_the_same(self, provider: BaseProvider, call: Call) -> None:
        """``paylattice.sync`` runs the same code: it must send the same requests and end the same way."""
        self.only_if_declared(ProviderHarness(provider, "async"), call.capability)
        call = self.sample(call)
        key = "conformance-modes" if call.operation.writes else None
        ends: list[type] = []
        sent: list[list[tuple[str, str, bytes]]] = []
        for mode in ("async", "blocking"):
            wire = self.wired(provider, server_error)
            harness = self.over(provider, mode, wire)
            ends.append(type(harness.run(harness.failure(call, key=key))))
            sent.append([(seen.method, seen.url, seen.body) for seen in wire.seen])
        expect(ends[0] is ends[1], f"{call} ends async in {ends[0].__name__}, and blocking in {ends[1].__name__}")
        expect(sent[0] == sent[1], f"{call} sends other requests async than blocking")
