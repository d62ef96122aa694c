"""What a user sees on a provider is the protocol, what ``BaseProvider`` says of it, and documented operations of its own."""

import inspect

import pytest

from paylattice.operations import OPERATIONS
from paylattice.provider import BaseProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider

OF_ALL = {name for name in dir(BaseProvider) if name[0] != "_"} | {"name", "diagnoses", "key_ledger"}
OWN: dict[type[BaseProvider], set[str]] = {
    PayPalProvider: {"authorize_payment", "check_webhooks", "preload_certificate", "search_invoices"},
    SquareProvider: set(),
    StripeProvider: {"create_billing_portal_session"},
}


@pytest.fixture
def providers() -> list[BaseProvider]:
    return [
        PayPalProvider(PayPalConfig(client_id="a", client_secret="b")),
        SquareProvider(SquareConfig(access_token="t")),
        StripeProvider(StripeConfig(secret_key="sk_test_1")),
    ]


def test_nothing_but_the_protocol_and_operations_of_its_own_is_seen(providers: list[BaseProvider]) -> None:
    for provider in providers:
        seen = {name for name in dir(provider) if name[0] != "_"}
        assert seen - OF_ALL == OWN[type(provider)], type(provider)


def test_operations_of_its_own_are_under_guard_and_documented() -> None:
    for kind, names in OWN.items():
        for name in names:
            method = getattr(kind, name)
            assert inspect.unwrap(method) is not method, f"{kind.__name__}.{name} is not under guard"
            assert inspect.getdoc(method)


def test_no_provider_inherits_its_wire(providers: list[BaseProvider]) -> None:
    for provider in providers:
        parts = [cls for cls in type(provider).__mro__[1:] if cls.__module__.startswith("paylattice.providers")]
        assert {cls.__name__ for cls in parts} <= {"AfterSale"}
        assert {name for cls in parts for name in vars(cls) if name[0] != "_"} <= set(OPERATIONS)
