"""Providers by name: registered by hand, or announced by installed packages."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from paylattice import BaseProvider, PaymentProviderFactory, create_provider, sync
from paylattice.errors import ConfigurationError
from paylattice.registry import GROUP, ProviderEntry, discover
from paylattice.transport import AsyncTransport, BlockingTransport, Request
from paylattice.transport.urllib3 import Urllib3Transport

from .support import AcmeConfig

INSTALLED = {point.name for point in entry_points(group=GROUP)}


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PAYMENT_PROVIDER", raising=False)


class Acme(BaseProvider):
    name = "acme"
    config_class = AcmeConfig


@pytest.fixture
def acme() -> Iterator[type[Acme]]:
    """A provider that is registered by hand."""
    PaymentProviderFactory.register_provider("acme", Acme)
    yield Acme
    PaymentProviderFactory.unregister_provider("acme")


def install(
    where: Path,
    package: str,
    announced: dict[str, str],
    *,
    version: str = "1.0",
    code: str | None = None,
    metadata: bool = True,
) -> None:
    """What pip would leave behind: a module, and the description of the distribution beside it."""
    if code is not None:
        (where / f"{package}.py").write_text(code)
    info = where / f"{package}-{version}.dist-info"
    info.mkdir()
    if metadata:
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    lines = "".join(f"{name} = {value}\n" for name, value in announced.items())
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")


PLUGIN = """
from paylattice import BaseProvider

class Provider(BaseProvider):
    name = "plugged"
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place where packages are installed."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("plug_"):
            del sys.modules[name]


def refusal(name: str | None = None, **more: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        create_provider(name, **more)
    return str(caught.value)


# --- by hand -----------------------------------------------------------------------------------------------------


def test_a_registered_provider_is_made_by_its_name(acme: type[Acme]) -> None:
    provider = create_provider("acme", config=AcmeConfig(key="mine"))
    assert type(provider) is acme
    assert provider._config == AcmeConfig(key="mine")


def test_the_factory_does_the_same(acme: type[Acme]) -> None:
    assert type(PaymentProviderFactory.create_provider("acme")) is acme
    assert "acme" in PaymentProviderFactory.get_available_providers()


def test_a_transport_is_handed_through(acme: type[Acme]) -> None:
    transport = BlockingTransport()
    assert create_provider("acme", transport=transport).transport is transport


def test_a_class_of_transports_makes_one_that_the_provider_closes(acme: type[Acme]) -> None:
    provider = create_provider("acme", transport=AsyncTransport)
    assert isinstance(provider.transport, AsyncTransport)
    transport = provider.transport
    asyncio.run(provider.aclose())
    with pytest.raises(ConfigurationError, match="transport is closed"):
        asyncio.run(transport.send(Request("GET", "https://acme.example/")))


def test_without_await_a_class_of_transports_makes_one_that_is_closed_too(acme: type[Acme]) -> None:
    with sync.create_provider("acme", transport=lambda: Urllib3Transport()) as provider:  # noqa: PLW0108 - a function
        transport = provider.wrapped.transport
        assert isinstance(transport, Urllib3Transport)
    with pytest.raises(ConfigurationError, match="transport is closed"):
        sync.run(transport.send(Request("GET", "https://acme.example/")))


@pytest.mark.parametrize("value", ["acme", " acme\n"])
def test_the_environment_chooses_when_nobody_else_does(
    acme: type[Acme], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("PAYMENT_PROVIDER", value)
    assert type(create_provider()) is acme


def test_a_name_goes_before_the_environment(acme: type[Acme], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYMENT_PROVIDER", "other")
    assert type(create_provider("acme")) is acme


@pytest.mark.parametrize("value", [None, "", " "])
def test_without_a_choice_it_is_stripe(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("PAYMENT_PROVIDER", value)
    PaymentProviderFactory.register_provider("stripe", Acme)
    try:
        assert type(create_provider()) is Acme
    finally:
        PaymentProviderFactory.unregister_provider("stripe")


def test_an_unknown_name_gets_the_list_of_the_known_ones(acme: type[Acme]) -> None:
    message = refusal("acmee")
    assert "there is no provider 'acmee'" in message
    assert message.endswith(", ".join(sorted({"acme", *INSTALLED})))


def test_an_unknown_name_in_the_environment_says_where_it_comes_from(
    acme: type[Acme], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYMENT_PROVIDER", "acmee")
    assert "(PAYMENT_PROVIDER names it)" in refusal()


def test_an_absurd_name_is_not_repeated_in_full() -> None:
    assert len(refusal("x" * 10_000)) < 1000


def test_a_provider_can_be_taken_back(acme: type[Acme]) -> None:
    PaymentProviderFactory.unregister_provider("acme")
    assert "there is no provider 'acme'" in refusal("acme")
    PaymentProviderFactory.unregister_provider("acme")


def test_what_was_registered_cannot_be_changed_from_outside(acme: type[Acme]) -> None:
    PaymentProviderFactory.registered().clear()
    assert PaymentProviderFactory.registered() == {"acme": acme}


@pytest.mark.parametrize("name", ["", " ", None])
def test_a_provider_needs_a_name(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="needs a name"):
        PaymentProviderFactory.register_provider(name, Acme)


def test_a_provider_is_a_class_or_something_that_makes_one() -> None:
    with pytest.raises(ConfigurationError, match="'thing' is no class"):
        PaymentProviderFactory.register_provider("thing", Acme())  # type: ignore[arg-type]
    PaymentProviderFactory.register_provider("made", lambda config, *, transport: Acme(config=config))
    try:
        assert type(create_provider("made")) is Acme
    finally:
        PaymentProviderFactory.unregister_provider("made")


def test_a_provider_of_another_contract_is_refused_with_both_versions() -> None:
    class Future(BaseProvider):
        name = "future"
        contract_version = 99

    with pytest.raises(ConfigurationError, match=r"written for version 99 .* speaks versions 1 to 2"):
        PaymentProviderFactory.register_provider("future", Future)
    assert "future" not in discover()


def test_an_error_in_the_settings_names_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(config: object, *, transport: object) -> BaseProvider:
        message = "no"
        raise ConfigurationError(message)

    PaymentProviderFactory.register_provider("refusing", refuse)
    try:
        assert refusal("refusing") == "refusing: no"
    finally:
        PaymentProviderFactory.unregister_provider("refusing")


# --- installed ---------------------------------------------------------------------------------------------------


def test_a_plugin_of_another_distribution_is_found(site: Path) -> None:
    install(site, "plug_good", {"plugged": "plug_good:Provider"}, version="2.5", code=PLUGIN)
    entry = discover()["plugged"]
    assert (entry.name, entry.origin) == ("plugged", "plug_good 2.5")
    provider = create_provider("plugged")
    assert type(provider).__module__ == "plug_good"
    assert provider.get_provider_name() == "plugged"


def scans(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Counts how often what packages announce is read."""
    seen: list[int] = []

    def counted(**wanted: str) -> Any:
        seen.append(1)
        return entry_points(**wanted)

    monkeypatch.setattr("paylattice.discovery.entry_points", counted)
    return seen


def settle(*folders: str) -> None:
    """Let the last change of the folders be long ago."""
    for folder in folders:
        os.utime(folder, (1_000_000_000, 1_000_000_000))


def test_what_packages_announce_is_read_once(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(site, "plug_good", {"plugged": "plug_good:Provider"}, code=PLUGIN)
    settle(str(site))
    monkeypatch.setattr(sys, "path", [str(site), str(Path(os.__file__).parent)])
    seen = scans(monkeypatch)
    for _ in range(5):
        create_provider("plugged")
    assert len(seen) == 1


def test_a_plugin_that_is_installed_later_is_found_with_its_folder(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(site), str(Path(os.__file__).parent)])
    settle(str(site))
    assert "plugged" not in discover()
    install(site, "plug_good", {"plugged": "plug_good:Provider"}, code=PLUGIN)
    assert "plugged" in discover()


def test_two_installations_within_one_tick_of_the_clock_are_both_found(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(site), str(Path(os.__file__).parent)])
    now = time.time()
    for name in ("plug_one", "plug_two"):
        install(site, name, {name: f"{name}:Provider"}, code=PLUGIN)
        os.utime(site, (now, now))
        assert name in discover()


def test_a_folder_that_joins_the_path_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "plug_good", {"plugged": "plug_good:Provider"}, code=PLUGIN)
    settle(str(tmp_path))
    assert "plugged" not in discover()
    monkeypatch.syspath_prepend(tmp_path)
    assert "plugged" in discover()


def test_a_change_that_no_folder_tells_is_found_when_it_is_asked_for(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(site), str(Path(os.__file__).parent)])
    settle(str(site))
    discover()
    install(site, "plug_good", {"plugged": "plug_good:Provider"}, code=PLUGIN)
    install(site, "plug_late", {"late": "plug_late:Provider"}, code=PLUGIN)
    settle(str(site))
    assert "late" not in discover()
    assert "late" in discover(refresh=True)


def test_a_name_that_nobody_knows_is_looked_for_once_more(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(site), str(Path(os.__file__).parent)])
    settle(str(site))
    discover()
    install(site, "plug_good", {"plugged": "plug_good:Provider"}, code=PLUGIN)
    settle(str(site))
    assert create_provider("plugged").get_provider_name() == "plugged"


def test_discovery_imports_nothing(site: Path) -> None:
    install(site, "plug_good", {"plugged": "plug_good:Provider"}, code=PLUGIN)
    install(site, "plug_other", {"other": "plug_other:Provider"}, code=PLUGIN)
    assert {"plugged", "other"} <= set(PaymentProviderFactory.get_available_providers())
    assert not {"plug_good", "plug_other"} & set(sys.modules)
    create_provider("plugged")
    assert "plug_good" in sys.modules
    assert "plug_other" not in sys.modules


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("plug_bad:Provider", "raise RuntimeError('the moon is full')"),
        ("plug_bad:Provider", "import a_module_that_is_not_there"),
        ("plug_bad:Provider", "this is no python"),
        ("plug_bad:Missing", PLUGIN),
        ("plug_not_there:Provider", PLUGIN),
        ("not an entry point!", PLUGIN),
    ],
)
def test_a_plugin_that_cannot_be_imported_is_listed_and_harms_nobody(
    site: Path, value: str, code: str, acme: type[Acme]
) -> None:
    install(site, "plug_bad", {"bad": value}, code=code)
    install(site, "plug_good", {"plugged": "plug_good:Provider"}, code=PLUGIN)
    assert {"bad", "plugged", "acme"} <= set(PaymentProviderFactory.get_available_providers())
    assert create_provider("plugged").get_provider_name() == "plugged"
    with pytest.raises(ConfigurationError, match=r"provider 'bad' of plug_bad 1\.0 cannot be imported") as caught:
        create_provider("bad")
    assert isinstance(caught.value.__cause__, Exception)
    assert type(caught.value.__cause__).__name__ in str(caught.value)


def test_a_plugin_that_names_no_class_is_refused(site: Path) -> None:
    install(site, "plug_odd", {"odd": "plug_odd:NUMBER"}, code="NUMBER = 5")
    assert "'odd' is no class" in refusal("odd")


def test_a_plugin_for_another_contract_is_refused_with_both_versions(site: Path) -> None:
    install(site, "plug_old", {"old": "plug_old:Provider"}, code=PLUGIN + "    contract_version = 0\n")
    assert "written for version 0 of the provider contract, this paylattice speaks versions 1 to 2" in refusal("old")


def test_one_name_from_two_distributions_is_an_error_that_names_both(site: Path) -> None:
    install(site, "plug_one", {"twice": "plug_one:Provider"}, code=PLUGIN)
    install(site, "plug_two", {"twice": "plug_two:Provider"}, code=PLUGIN)
    message = refusal("twice")
    assert "plug_one 1.0" in message
    assert "plug_two 1.0" in message
    assert not {"plug_one", "plug_two"} & set(sys.modules)


def test_one_distribution_that_is_seen_twice_is_no_conflict(
    site: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    again = tmp_path_factory.mktemp("again")
    for place in (site, again):
        install(place, "plug_good", {"plugged": "plug_good:Provider"}, code=PLUGIN)
    monkeypatch.syspath_prepend(again)
    assert create_provider("plugged").get_provider_name() == "plugged"


def test_a_provider_registered_by_hand_hides_an_installed_one(site: Path) -> None:
    install(site, "plug_good", {"acme": "plug_good:Provider"}, code=PLUGIN)
    PaymentProviderFactory.register_provider("acme", Acme)
    try:
        assert discover()["acme"].origin == "registered by the application"
        assert type(create_provider("acme")) is Acme
    finally:
        PaymentProviderFactory.unregister_provider("acme")
    assert type(create_provider("acme")).__module__ == "plug_good"


@pytest.mark.filterwarnings("ignore:Implicit None on return values:DeprecationWarning")
def test_a_distribution_without_a_description_harms_nobody(site: Path) -> None:
    install(site, "plug_broken", {"broken": "plug_broken:Provider"}, code=PLUGIN, metadata=False)
    install(site, "plug_good", {"plugged": "plug_good:Provider"}, code=PLUGIN)
    assert create_provider("plugged").get_provider_name() == "plugged"
    assert create_provider("broken").get_provider_name() == "plugged"


def test_an_entry_point_of_no_known_distribution_can_be_used() -> None:
    from importlib.metadata import EntryPoint

    point = EntryPoint("acme", f"{Acme.__module__}:Acme", GROUP)
    assert ProviderEntry("acme", "an unknown package", (point,)).load() is Acme


def test_the_list_is_in_order(acme: type[Acme], site: Path) -> None:
    install(site, "plug_good", {"zeta": "plug_good:Provider", "alpha": "plug_good:Provider"}, code=PLUGIN)
    names = PaymentProviderFactory.get_available_providers()
    assert names == sorted(names)


def test_without_any_provider_the_message_says_what_to_do() -> None:
    script = (
        "import importlib.metadata as m; m.entry_points = lambda **_: ()\n"
        "from paylattice import create_provider, errors\n"
        "try: create_provider()\n"
        "except errors.ConfigurationError as e: print(e)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "there is no provider 'stripe' (the default, as PAYMENT_PROVIDER is not set)" in answer.stdout
    assert "install paylattice with pip" in answer.stdout


# --- built in ----------------------------------------------------------------------------------------------------


@pytest.mark.skipif("memory" not in INSTALLED, reason="paylattice itself is not installed here")
def test_the_built_in_providers_are_announced_like_any_other() -> None:
    assert {"memory", "stripe"} <= set(PaymentProviderFactory.get_available_providers())
    assert discover()["memory"].origin.startswith("paylattice ")
    assert create_provider("memory").get_provider_name() == "memory"


@pytest.mark.skipif("memory" not in INSTALLED, reason="paylattice itself is not installed here")
def test_listing_the_built_in_providers_imports_none_of_them() -> None:
    script = (
        "import sys; from paylattice import PaymentProviderFactory as f; print(f.get_available_providers());"
        "print([m for m in sys.modules if m.startswith('paylattice.providers') or m in {'httpx', 'stripe'}])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[1] == "[]"
