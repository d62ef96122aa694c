"""``python -m paylattice``."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from paylattice import BaseProvider, Capability, Money, PaymentProviderFactory, UnsupportedReason, __version__
from paylattice.__main__ import main
from paylattice.driving import run
from paylattice.frozen import FrozenMap
from paylattice.providers.memory import InMemoryProvider
from paylattice.testing import PayPalStandIn


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PAYMENT_PROVIDER", "STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_PUBLISHABLE_KEY"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def limited() -> Iterator[str]:
    class Limited(BaseProvider):
        name = "limited"
        capabilities = frozenset({Capability.CHECKOUT})
        unsupported = FrozenMap({Capability.REFUNDS: UnsupportedReason("refunds are made by hand")})

    PaymentProviderFactory.register_provider("limited", Limited)
    yield "limited"
    PaymentProviderFactory.unregister_provider("limited")


def test_the_demo_applies_every_webhook_exactly_once_and_the_books_balance(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    told = capsys.readouterr().out
    assert "every event applied exactly once: yes" in told
    booked, billed = re.findall(r"(?:ledger of the handlers|invoices at the provider): (\S+) USD", told)
    assert booked == billed
    assert float(booked) > 63
    assert "the stored subscription is what the provider says: yes" in told
    for word in (
        "duplicate",
        "stale",
        "refused",
        "past_due -> active",
        "refund",
        "recover",
        "trialing -> active",
        "canceled",
    ):
        assert word in told


def test_the_demo_tells_the_same_story_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    main(["demo"])
    first = capsys.readouterr().out
    main(["demo"])
    assert capsys.readouterr().out == first


def test_the_demo_shows_no_e_mail_address(capsys: pytest.CaptureFixture[str]) -> None:
    main(["demo"])
    assert "@" not in capsys.readouterr().out


class Stranger:
    """A provider that inherits nothing, and learns what it can do when it is made."""

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({Capability.CHECKOUT})


def test_providers_and_check_show_one_that_inherits_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    PaymentProviderFactory.register_provider("stranger", Stranger)  # type: ignore[arg-type]  # it is not made here
    try:
        assert main(["providers"]) == 0
        assert "can:  what it says when it is made" in capsys.readouterr().out
        assert main(["check", "stranger"]) == 0
        assert "has no settings" in capsys.readouterr().out
    finally:
        PaymentProviderFactory.unregister_provider("stranger")


def test_providers_lists_what_is_installed_with_what_it_can_do(
    capsys: pytest.CaptureFixture[str], limited: str
) -> None:
    assert main(["providers"]) == 0
    told = capsys.readouterr().out
    assert f"memory  (paylattice {__version__})" in told
    assert f"stripe  (paylattice {__version__})" in told
    assert "limited  (registered by the application)" in told
    assert "can:  checkout" in told
    assert "not:  refunds - refunds are made by hand" in told


def test_check_names_each_missing_setting_with_the_cure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "stripe"]) == 1
    told = capsys.readouterr().out
    assert "STRIPE_SECRET_KEY" in told
    assert "MISSING" in told
    assert "NOT configured" in told


def test_check_without_a_name_says_which_provider_it_checks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 1
    assert "PAYMENT_PROVIDER is not set, so the provider is 'stripe'" in capsys.readouterr().out


def test_check_shows_that_a_secret_is_set_and_not_the_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYMENT_PROVIDER", "stripe")
    monkeypatch.setenv("STRIPE_SECRET_KEY", "sk_test_verysecret123")
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_verysecret123")
    assert main(["check"]) == 0
    told = capsys.readouterr().out
    assert "verysecret" not in told
    assert "stripe  configured  test" in told
    assert "checkout ✓" in told


SETTINGS = {
    "memory": {},
    "paypal": {"PAYPAL_CLIENT_ID": "id", "PAYPAL_CLIENT_SECRET": "secret"},
    "square": {"SQUARE_ACCESS_TOKEN": "token", "SQUARE_LOCATION_ID": "L1"},
    "stripe": {"STRIPE_SECRET_KEY": "sk_test_1"},
}


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("paypal", "PAYPAL_WEBHOOK_ID"),
        ("square", "SQUARE_WEBHOOK_SIGNATURE_KEY and SQUARE_WEBHOOK_URL"),
        ("stripe", "STRIPE_WEBHOOK_SECRET"),
    ],
)
def test_check_says_that_webhooks_cannot_be_verified_and_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, missing: str
) -> None:
    for variable, value in SETTINGS[name].items():
        monkeypatch.setenv(variable, value)
    assert main(["check", name]) == 1
    told = capsys.readouterr().out
    assert f"{name}  configured for calls alone" in told
    assert "calls     can be made" in told
    assert f"webhooks  NOT verified: every delivery will be refused. Set {missing}\n" in told


@pytest.mark.parametrize(
    ("key", "money"),
    [("sk_test_1", "is not real"), ("sk_live_1", "is real: these are live"), ("sk_org_1", "is real or not")],
)
def test_check_says_whether_the_money_is_real(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, key: str, money: str
) -> None:
    monkeypatch.setenv("STRIPE_SECRET_KEY", key)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", "whsec_1")
    assert main(["check", "stripe"]) == 0
    told = capsys.readouterr().out
    assert f"money     {money}" in told
    assert "webhooks  can be verified" in told


def test_check_of_the_embedded_provider_needs_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "memory"]) == 0
    assert "memory  configured" in capsys.readouterr().out


def test_check_refuses_an_unknown_provider_and_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "stirpe"]) == 2
    assert "Known: memory, paypal, square, stripe" in capsys.readouterr().out


def test_check_says_that_a_provider_without_settings_has_none(capsys: pytest.CaptureFixture[str], limited: str) -> None:
    assert main(["check", limited]) == 0
    assert "has no settings" in capsys.readouterr().out


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert __version__ in capsys.readouterr().out


def test_a_command_line_without_a_command_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([])
    assert stop.value.code == 2


def saved_delivery(tmp_path: Path) -> tuple[str, str]:
    provider = InMemoryProvider()
    provider.add_plan("pro", Money(100, "USD"))
    run(provider.create_customer("ada@example.com"))
    [delivery] = provider.deliveries()
    body = tmp_path / "body.bin"
    body.write_bytes(delivery.payload)
    return str(body), f"paylattice-signature: {delivery.headers['Paylattice-Signature']}"


def test_webhook_says_that_a_saved_delivery_is_genuine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, header = saved_delivery(tmp_path)
    assert main(["webhook", "memory", body, header]) == 0
    told = capsys.readouterr().out
    assert "genuine: customer.created" in told
    assert "@" not in told


def test_webhook_explains_why_a_delivery_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, header = saved_delivery(tmp_path)
    assert main(["webhook", "memory", body, "X-Other: 1"]) == 1
    assert "diagnosis header_missing" in capsys.readouterr().out
    assert main(["webhook", "memory", body, header.replace("v1=", "v1=0")]) == 1
    assert "refused: InvalidSignature" in capsys.readouterr().out


def test_webhook_explains_deliveries_of_any_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = tmp_path / "body.bin"
    body.write_bytes(b"no event" * 100_000)
    for _ in range(2):
        assert main(["webhook", "memory", str(body), f"Paylattice-Signature: t=1790000000,v1={'0' * 64}"]) == 1
        assert "diagnosis body_not_an_event" in capsys.readouterr().out


def test_webhook_says_that_a_file_cannot_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["webhook", "memory", "/nonexistent/body", "A: b"]) == 1
    assert "cannot read /nonexistent/body" in capsys.readouterr().err


def test_an_error_of_a_command_is_one_line_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body, header = saved_delivery(tmp_path)
    assert main(["webhook", "nobody", body, header]) == 1
    assert "ConfigurationError: there is no provider 'nobody'" in capsys.readouterr().err


def test_check_says_in_the_providers_own_words_where_it_is_and_what_it_lacks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "PAYMENT_PROVIDER": "paypal",
        "PAYPAL_CLIENT_ID": "a",
        "PAYPAL_CLIENT_SECRET": "b",
        "PAYPAL_WEBHOOK_ID": "c",
    }
    for variable, value in settings.items():
        monkeypatch.setenv(variable, value)
    with PayPalStandIn("a", "b", "c").serve() as url:  # which is asked whether webhooks can be verified
        monkeypatch.setenv("PAYPAL_API_BASE", url)
        assert main(["check"]) == 0
    told = capsys.readouterr().out
    assert "paypal  configured  sandbox" in told
    assert "checkout ✓" in told
    assert "metered usage ✗ (UnsupportedOperation)" in told
