"""What goes wrong inside the package while a name of it is imported is shown, and not taken for a missing name."""

import subprocess
import sys

import pytest

BROKEN = """
import importlib.abc, importlib.machinery, sys

class Broken(importlib.abc.Loader):
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        raise {error}

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        return importlib.machinery.ModuleSpec(name, Broken()) if name == {module!r} else None

sys.meta_path.insert(0, Finder())
{statement}
"""
MISSING = "ModuleNotFoundError(\"No module named 'helper'\", name='helper')"
RENAMED = "ImportError(\"cannot import name 'Thing' from 'helper'\")"
CHANGED = "AttributeError(\"module 'helper' has no attribute 'Thing'\")"


def traceback_of(module: str, error: str, statement: str) -> str:
    code = BROKEN.format(module=module, error=error, statement=statement)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    return done.stderr


@pytest.mark.parametrize("error", [MISSING, RENAMED, CHANGED])
@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("paylattice.money", "from paylattice import Money"),
        ("paylattice.money", "import paylattice; hasattr(paylattice, 'BillingService')"),
        ("paylattice.transport.base", "from paylattice import BillingService, Timeouts"),
        ("paylattice.testing", "from paylattice import testing"),
        ("paylattice.sync", "from paylattice import sync"),
        ("paylattice.testing.standins.paypal", "from paylattice.testing import StripeStandIn"),
        ("paylattice.providers.stripe.api", "from paylattice.providers.stripe import StripeProvider"),
        ("paylattice.providers.paypal.verification.verifier", "from paylattice.providers.paypal import PayPalProvider"),
        ("paylattice.providers.square.wire", "from paylattice.providers.square import SquareProvider"),
        ("paylattice.providers.memory.world", "from paylattice.providers.memory import InMemoryProvider"),
    ],
)
def test_the_cause_is_shown(module: str, statement: str, error: str) -> None:
    said = traceback_of(module, error, statement)
    assert "helper" in said.splitlines()[-1]
    assert "from 'paylattice" not in said


@pytest.mark.parametrize("error", [MISSING, RENAMED, CHANGED])
def test_a_provider_that_cannot_be_imported_says_why(error: str) -> None:
    statement = (
        "from paylattice import create_provider; from paylattice.providers.square import SquareConfig\n"
        "create_provider('square', config=SquareConfig(access_token='t'))"
    )
    said = traceback_of("paylattice.providers.square.wire", error, statement)
    last = said.splitlines()[-1]
    assert last.startswith("paylattice.errors.ConfigurationError: square: provider 'square' of paylattice")
    assert "helper" in last
    assert "direct cause" in said


def test_a_name_that_does_not_exist_is_still_a_missing_name() -> None:
    assert "cannot import name 'Mony'" in traceback_of("none", "None", "from paylattice import Mony")
    assert "cannot import name 'Stripe'" in traceback_of(
        "none", "None", "from paylattice.providers.stripe import Stripe"
    )
