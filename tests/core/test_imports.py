"""What importing costs, and which way imports point."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import paylattice

ROOT = Path(paylattice.__file__).parent
MODULES = {
    ".".join(("paylattice", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}
CORE = {
    name
    for name in MODULES
    if name.split(".")[1:2]
    not in (
        [],
        ["providers"],
        ["billing"],
        ["migration"],
        ["testing"],
        ["sync"],
        ["cli"],
        ["__main__"],
        ["registry"],
        ["repositories"],
    )
}
HEAVY = {"httpx", "stripe", "requests", "cattrs", "cryptography", "asyncio", "ssl"}


def loaded_by(statement: str) -> set[str]:
    """The modules that are loaded after the statement, in a fresh interpreter."""
    script = f"import sys, json\n{statement}\nprint(json.dumps(sorted(sys.modules)))"
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(answer.stdout))


@pytest.mark.parametrize(
    "statement",
    [
        "import paylattice",
        "from paylattice import Money, Customer, errors",
        "from paylattice import Subscription, WebhookEvent, EventType, operation_key",
        "from paylattice import BaseProvider, Capability, PaymentProvider, PaymentProviderFactory, create_provider",
        "import paylattice; paylattice.PaymentProviderFactory.get_available_providers()",
    ],
)
def test_what_sends_nothing_loads_nothing_that_sends(statement: str) -> None:
    assert loaded_by(statement) & HEAVY == set()


@pytest.mark.parametrize(
    "statement",
    [
        "from paylattice.transport import AsyncTransport, BlockingTransport; AsyncTransport(); BlockingTransport()",
        "from paylattice import RetryPolicy, Timeouts",
        "from paylattice import converter",
    ],
)
def test_httpx_and_cattrs_are_loaded_by_use_and_not_by_import(statement: str) -> None:
    assert loaded_by(statement) & {"httpx", "cattrs", "stripe", "ssl"} == set()


def test_importing_the_package_loads_no_module_of_it() -> None:
    assert {name for name in loaded_by("import paylattice") if name.startswith("paylattice")} == {"paylattice"}


@pytest.mark.parametrize("name", paylattice.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    scope: dict[str, object] = {}
    exec(f"from paylattice import {name}", scope)
    assert scope[name] is getattr(paylattice, name)
    assert name in dir(paylattice)


def test_a_name_is_looked_up_once() -> None:
    loaded_by("import paylattice as p; p.Money; assert 'Money' in vars(p)")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Mony'"):
        _ = paylattice.Mony  # type: ignore[attr-defined]
    with pytest.raises(ImportError):
        exec("from paylattice import Mony")


def test_the_type_checkers_see_the_names_that_are_there() -> None:
    tree = ast.parse((ROOT / "__init__.py").read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    promised = {
        alias.asname or alias.name: f"{node.module or ''}".strip(".")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert {name: home for name, home in promised.items() if home} == paylattice._HOME_OF
    assert {name for name, home in promised.items() if not home} == paylattice._SUBMODULES


# --- one way -----------------------------------------------------------------------------------------------------


def imported(name: str, path: Path) -> Iterator[str]:
    """The modules that a module imports, at any depth, also for its annotations; in full."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.rsplit(".", node.level - 1)[0] if node.level else ""
            home = ".".join(part for part in (above, node.module or "") if part)
            yield home
            yield from (f"{home}.{alias.name}" for alias in node.names)


IMPORTS = {name: set(imported(name, path)) for name, path in MODULES.items()}


def reached(name: str, *targets: str) -> set[str]:
    return {
        found for found in IMPORTS[name] if any(found == target or found.startswith(f"{target}.") for target in targets)
    }


def edges(name: str) -> set[str]:
    """The modules that hold what a module imports: ``from .money import Money`` leads to ``paylattice.money``."""
    found = IMPORTS[name]
    ends = {each for each in found if not any(other.startswith(f"{each}.") for other in found)}
    return {each if each in MODULES else each.rpartition(".")[0] for each in ends}


def circles(graph: Mapping[str, set[str]]) -> list[set[str]]:
    """The modules that lead back to themselves, those of one circle together."""
    reach = {name: set(found) & graph.keys() for name, found in graph.items()}
    for middle in graph:
        for found in reach.values():
            found.update(reach[middle] if middle in found else ())
    back = [frozenset(other for other in reach[name] if name in reach[other]) for name in graph if name in reach[name]]
    return [set(circle) for circle in dict.fromkeys(back)]


def test_the_modules_are_those_that_the_tests_below_mean() -> None:
    assert {"paylattice.money", "paylattice.operations", "paylattice.transport.base"} <= CORE
    assert "paylattice.errors" in IMPORTS["paylattice.money"]
    assert "paylattice.transport" in IMPORTS["paylattice.provider"]


def test_what_makes_providers_by_name_imports_none_of_them_before_it_is_asked_for_one() -> None:
    loaded = loaded_by("from paylattice import create_provider, sync; sync.create_provider('memory')")
    assert {name.split(".")[2] for name in loaded if name.startswith("paylattice.providers.")} == {"memory"}


@pytest.mark.parametrize("name", sorted(CORE))
def test_the_core_knows_no_provider_no_billing_and_no_tests(name: str) -> None:
    above = ("providers", "billing", "migration", "testing", "sync", "cli", "repositories")
    assert reached(name, *(f"paylattice.{room}" for room in above)) == set()


def test_no_import_leads_in_a_circle() -> None:
    """Neither when modules are loaded, nor inside a function, nor for annotations: a reader can begin at the bottom."""
    assert circles({name: edges(name) for name in MODULES}) == []


def test_a_circle_would_be_found() -> None:
    assert circles({"a": {"b"}, "b": {"c", "d"}, "c": {"a"}, "d": set()}) == [{"a", "b", "c"}]


@pytest.mark.parametrize("name", sorted(MODULES))
def test_httpx_is_known_to_the_transport_only(name: str) -> None:
    if not name.startswith(("paylattice.transport", "paylattice.testing")):
        assert reached(name, "httpx") == set()


@pytest.mark.parametrize("name", sorted(set(MODULES)))
def test_no_provider_knows_another(name: str) -> None:
    room = name.split(".")[1:3]
    if room[:1] == ["providers"] and len(room) == 2:
        own = (f"paylattice.providers.{room[1]}", "paylattice.providers.api")
        others = {found for found in reached(name, "paylattice.providers") if not found.startswith(own)}
        assert others == set()
        assert reached(name, "paylattice.billing", "paylattice.testing") == set()


@pytest.mark.parametrize("name", sorted(set(MODULES)))
def test_billing_knows_no_provider(name: str) -> None:
    if name.startswith("paylattice.billing"):
        assert reached(name, "paylattice.providers", "paylattice.testing", "paylattice.repositories") == set()


@pytest.mark.parametrize("name", sorted(set(MODULES)))
def test_what_a_repository_stands_on_is_known_to_its_folder_only(name: str) -> None:
    for library in ("sqlalchemy", "django"):
        if not name.startswith(f"paylattice.repositories.{library}"):
            assert reached(name, library, f"paylattice.repositories.{library}") == set()


@pytest.mark.parametrize("name", sorted(set(MODULES)))
def test_billing_knows_no_migration_and_migration_no_provider(name: str) -> None:
    if name.startswith("paylattice.billing"):
        assert reached(name, "paylattice.migration") == set()
    if name.startswith("paylattice.migration"):
        assert reached(name, "paylattice.providers", "paylattice.testing", "asyncio") == set()
        assert name == "paylattice.migration.sync" or not reached(name, "paylattice.sync")


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.startswith("paylattice.testing.standins")))
def test_the_stand_ins_know_nothing_else_of_the_package(name: str) -> None:
    outside = {found for found in reached(name, "paylattice") if not found.startswith("paylattice.testing.standins")}
    assert outside == set()


@pytest.mark.parametrize("name", sorted(name for name in MODULES if not name.startswith("paylattice.transport")))
def test_neither_providers_nor_billing_touch_asyncio_or_threads(name: str) -> None:
    if name.startswith(("paylattice.providers", "paylattice.billing")):
        assert reached(name, "asyncio", "threading") == set()
