"""What there is: classes and their members, settings, events, commands, sessions, files, and the providers' own words."""

import ast
import contextlib
import importlib
import io
import pkgutil
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from functools import cache
from pathlib import Path

import paylattice
from paylattice import errors, sync, testing, transport
from paylattice.__main__ import main
from paylattice.billing import records, repository, service
from paylattice.billing.records import TABLES
from paylattice.billing.schema import schema
from paylattice.billing.tables import Table
from paylattice.config import ProviderConfig
from paylattice.events import EventType
from paylattice.operations import Capability
from paylattice.provider import BaseProvider, PaymentProvider
from paylattice.providers.api import JSONAPI
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.paypal import PayPalProvider, TokenCache
from paylattice.providers.square import SquareProvider
from paylattice.providers.stripe import StripeProvider
from paylattice.testing.conformance.provider import ProviderHooks
from tests.django_settings import set_up

from .inference import Instance, members, parameters

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "src" / "paylattice"
PROVIDERS: Mapping[str, type[BaseProvider]] = {
    "memory": InMemoryProvider,
    "paypal": PayPalProvider,
    "square": SquareProvider,
    "stripe": StripeProvider,
}
PROVIDER_NAMES = frozenset(PROVIDERS) | {"acme"}
"""Those, and the one of the guide to writing a provider."""
EVENTS = frozenset(str(word) for word in EventType)
_HIDDEN = ("paylattice.testing.standins.", "paylattice.cli", "paylattice.repositories.django.management")
"""Modules whose names no page is about."""


# --- classes, functions, and what they have --------------------------------------------------------------------------


@cache
def modules() -> Mapping[str, object]:
    """Every module of the package, by its name."""
    set_up()
    found: dict[str, object] = {"paylattice": paylattice}
    for info in pkgutil.walk_packages(paylattice.__path__, "paylattice."):
        found[info.name] = importlib.import_module(info.name)
    return found


def _public(module: object) -> Iterator[tuple[str, object]]:
    for name in getattr(module, "__all__", ()):
        yield name, getattr(module, name)


@cache
def public() -> Mapping[str, tuple[object, ...]]:
    """What the modules of the package export, by name."""
    found: dict[str, tuple[object, ...]] = {}
    for name, module in modules().items():
        if name.startswith(_HIDDEN):
            continue
        for word, value in _public(module):
            known = found.get(word, ())
            found[word] = known if any(value is each for each in known) else (*known, value)
    return found


@cache
def classes() -> tuple[type, ...]:
    """The exported classes."""
    found = (value for values in public().values() for value in values if isinstance(value, type))
    return tuple(dict.fromkeys(each for each in found if each.__module__.startswith("paylattice")))


@cache
def methods() -> Mapping[str, tuple[object, ...]]:
    """The functions and methods, by name: what a call without an object may mean."""
    found: dict[str, tuple[object, ...]] = {}
    for name, values in public().items():
        found[name] = tuple(value for value in values if callable(value))
    for cls in classes():
        for name in members(cls):
            value = getattr(cls, name, None)
            if callable(value):
                found[name] = (*found.get(name, ()), value)
    return found


@cache
def words() -> frozenset[str]:
    """Names that may be mentioned alone: exports, members, parameters, the words of enumerations."""
    found = set(public()) | set(modules()) | {name.rpartition(".")[2] for name in modules()}
    for cls in classes():
        found |= members(cls)
        if issubclass(cls, Enum):
            found |= {str(each.value) for each in cls} | set(cls.__members__)
    for values in methods().values():
        for value in values:
            found |= set(parameters(value) or ())
    for cls in classes():
        found |= set(parameters(cls) or ())
    return frozenset(found | set(PROVIDERS) | {str(each) for each in Capability})


_PROVIDER_CLASSES: tuple[type, ...] = (BaseProvider, JSONAPI, *PROVIDERS.values())
VARIABLES: Mapping[str, tuple[object, ...]] = {
    "access": (Instance(paylattice.Access),),
    "account": (
        Instance(testing.StripeStandIn),
        Instance(testing.PayPalStandIn),
        Instance(testing.SquareStandIn),
    ),
    "billing": (Instance(paylattice.BillingService), Instance(sync.BillingService)),
    "cache": (Instance(TokenCache),),
    "capability": (Instance(Capability),),
    "config": tuple(Instance(cls.config_class) for cls in PROVIDERS.values() if cls.config_class is not None),
    "context": (Instance(paylattice.EventContext),),
    "customer": (Instance(paylattice.BillingCustomer), Instance(paylattice.Customer)),
    "delivery": (Instance(testing.Delivery),),
    "report": (Instance(paylattice.MaintenanceReport),),
    "reply": (Instance(paylattice.WebhookReply),),
    "error": tuple(
        Instance(cls) for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, Exception)
    ),
    "event": (Instance(paylattice.WebhookEvent), Instance(paylattice.BillingEvent)),
    "faults": (Instance(testing.Faults),),
    "invoice": (Instance(paylattice.Invoice),),
    "operation": (Instance(records.BillingOperation),),
    "payment": (Instance(paylattice.Payment),),
    "paypal": (Instance(PayPalProvider),),
    "provider": (
        Instance(PaymentProvider),
        *(Instance(cls) for cls in _PROVIDER_CLASSES),
        Instance(sync.Provider),
    ),
    "recovered": (Instance(paylattice.Recovered),),
    "refund": (Instance(paylattice.Refund),),
    "repository": (
        Instance(repository.BillingRepository),
        Instance(paylattice.InMemoryRepository),
    ),
    "self": tuple(Instance(cls) for cls in (BaseProvider, JSONAPI, sync.Provider, ProviderHooks)),
    "session": (Instance(paylattice.CheckoutSession),),
    "square": (Instance(SquareProvider),),
    "stored": (Instance(paylattice.BillingSubscription),),
    "table": (Instance(Table),),
    "stripe": (Instance(StripeProvider), importlib.import_module("stripe")),
    "subscription": (Instance(paylattice.Subscription), Instance(paylattice.BillingSubscription)),
    "transport": (Instance(transport.AsyncTransport), Instance(transport.BlockingTransport)),
    "rejected": (Instance(service.RejectedWebhook),),
}
"""The names that the pages give to objects, wherever they speak of them."""


# --- settings --------------------------------------------------------------------------------------------------------


@cache
def environment_variables() -> frozenset[str]:
    """The variables that the package, its examples or its tests read."""
    configs: list[type[ProviderConfig]] = [
        cls.config_class for cls in PROVIDERS.values() if cls.config_class is not None
    ]
    found = {setting.variable for config in configs for setting in config.settings()} | {"PAYMENT_PROVIDER"}
    found |= set(importlib.import_module("paylattice.providers.memory.config")._SAYS_WHERE)
    for path in (ROOT / "examples").rglob("*.py"):
        found |= {word for word in strings_of(path) if re.fullmatch(r"[A-Z][A-Z0-9]*_[A-Z0-9_]+", word)}
    return frozenset(found)


# --- commands --------------------------------------------------------------------------------------------------------


@cache
def sessions() -> Mapping[str, str]:
    """The sessions of nox, with their source."""
    source = (ROOT / "noxfile.py").read_text(encoding="utf-8")
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return {
        function.name: ast.get_source_segment(source, function) or ""
        for function in functions
        if any("nox.session" in ast.unparse(decorator) for decorator in function.decorator_list)
    }


@cache
def help_of(*command: str) -> str | None:
    """What ``python -m paylattice COMMAND --help`` says; None: there is no such command."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        try:
            main([*command, "--help"])
        except SystemExit as end:
            return out.getvalue() if end.code == 0 else None
    return None


@cache
def options() -> frozenset[str]:
    """The options of all commands."""
    commands = re.findall(r"^    (\w+)", help_of() or "", re.MULTILINE)
    return frozenset(option for command in commands for option in re.findall(r"--[a-z-]+", help_of(command) or ""))


# --- files and distributions -----------------------------------------------------------------------------------------


@cache
def files() -> frozenset[str]:
    """Every file of the repository, and every directory, from its root."""
    found: set[str] = set()
    for top in ("src", "docs", "examples", "tests", "benchmarks", ".github"):
        for path in (ROOT / top).rglob("*"):
            if "__pycache__" not in path.parts and "_build" not in path.parts:
                found.add(path.relative_to(ROOT).as_posix())
    found |= {path.name for path in ROOT.iterdir()}
    return frozenset(found)


@cache
def project() -> Mapping[str, object]:
    """``pyproject.toml``."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@cache
def distributions() -> frozenset[str]:
    """The packages that this project's metadata names, and its extras."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    named = set(re.findall(r'"([A-Za-z][A-Za-z0-9_-]*)(?:\[[\w,]+\])?[<>=~]', text))
    return frozenset(named | {"paylattice", "nox", "pip", "pre-commit"})


@cache
def extras() -> frozenset[str]:
    """The extras of the package."""
    table = project()["project"]
    assert isinstance(table, dict)
    return frozenset(table["optional-dependencies"])


@cache
def groups() -> frozenset[str]:
    """The dependency groups of the project."""
    table = project()["dependency-groups"]
    assert isinstance(table, dict)
    return frozenset(table)


# --- the providers' own words ----------------------------------------------------------------------------------------


@cache
def strings_of(path: Path) -> frozenset[str]:
    """The strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documentation = {
        id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    return frozenset(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    )


@cache
def wire_words() -> frozenset[str]:
    """The words that the providers, and what plays them, send and read: whole strings, and the words in them."""
    found: set[str] = set()
    for folder in (PACKAGE / "providers", PACKAGE / "testing", PACKAGE / "transport"):
        for path in folder.rglob("*.py"):
            for text in strings_of(path):
                found.add(text)
                if " " not in text or re.fullmatch(r"[A-Z0-9_ ]+", text):  # everything else is a sentence
                    found |= set(re.findall(r"[\w.@-]*\w", text))
    return frozenset(found | {word.lower() for word in found if "-" in word})


@cache
def tables() -> frozenset[str]:
    """The names in the printed schema: tables, columns, keys and indexes."""
    named = (each.name for table in TABLES for each in (*table.unique_keys, *table.indexes))
    return frozenset((*re.findall(r"\w+", schema("postgresql") + schema("mysql")), *named))


def defined_in(code: Iterable[str]) -> frozenset[str]:
    """The names that code blocks define: functions, classes, variables, parameters."""
    found: set[str] = set()
    for block in code:
        try:
            tree = ast.parse(block)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found.add(node.name)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found.add(node.id)
            if isinstance(node, ast.arg):
                found.add(node.arg)
    return frozenset(found)
