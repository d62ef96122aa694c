"""What a user sees on a provider: the protocol, what ``BaseProvider`` says of it, and documented operations of its own.

What a reader of the code sees: the same files in every folder, none of them long.
"""

import inspect
from pathlib import Path

import pytest

import paylattice.providers
from paylattice.provider import BaseProvider
from paylattice.providers.paypal import PayPalConfig, PayPalProvider
from paylattice.providers.square import SquareConfig, SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider

OF_ALL = {name for name in dir(BaseProvider) if name[0] != "_"} | {"name", "diagnoses", "key_ledger"}
OWN: dict[type[BaseProvider], set[str]] = {
    PayPalProvider: {
        *("authorize_payment", "capture_part", "create_order", "reauthorize_payment"),
        *("check_webhooks", "preload_certificate", "search_invoices"),
    },
    SquareProvider: {"publish_invoice"},
    StripeProvider: {"create_billing_portal_session", "sdk"},
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
            guarded = inspect.unwrap(method) is not method or not inspect.iscoroutinefunction(method)
            assert guarded, f"{kind.__name__}.{name} is not under guard"
            assert inspect.getdoc(method)


def test_no_provider_inherits_its_wire(providers: list[BaseProvider]) -> None:
    for provider in providers:
        parts = [cls for cls in type(provider).__mro__[1:] if cls.__module__.startswith("paylattice.providers")]
        assert {cls.__name__ for cls in parts} <= {"Account", "AfterSale", "AuthorizationOperations", "Hooks"}
        assert {name for cls in parts for name in vars(cls) if name[0] != "_"} <= {*OF_ALL, *OWN[type(provider)]}


PROVIDERS = Path(paylattice.providers.__file__).parent
FILES = {
    *("api.py", "checkout.py", "config.py", "customers.py", "event_list.py", "events.py", "invoices.py", "payments.py"),
    *("account.py", "after_sale.py", "plans.py", "provider.py", "subscriptions.py", "webhooks.py", "wire.py"),
}


@pytest.mark.parametrize("provider", ["memory", "paypal", "square", "stripe"])
def test_every_folder_has_the_same_files(provider: str) -> None:
    assert FILES - {path.name for path in (PROVIDERS / provider).glob("*.py")} == set()


FACES = {"billing/service.py", "sync.py"}
"""The service, awaited and not: a docstring, or a line, for each operation."""


def test_no_file_is_too_long_to_be_read_at_once() -> None:
    package = Path(paylattice.__file__).parent
    lines = {path: len(path.read_text().splitlines()) for path in package.rglob("*.py")}
    most = {path: 700 if str(path.relative_to(package)) in FACES else 400 for path in lines}
    assert [(path, number) for path, number in lines.items() if number > most[path]] == []
