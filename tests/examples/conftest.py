"""Loads the example programs, as a user would start them."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def load() -> Iterator[Callable[[str], ModuleType]]:
    """Import an example by its name; it is gone again after the test."""
    loaded: list[str] = []

    def by_name(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        loaded.append(name)
        spec.loader.exec_module(module)
        return module

    yield by_name
    for name in loaded:
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The embedded provider is the default here; nothing of the developer's own settings gets in."""
    for variable in ("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRET", "STRIPE_PUBLISHABLE_KEY", "STRIPE_API_BASE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PAYMENT_PROVIDER", "memory")
