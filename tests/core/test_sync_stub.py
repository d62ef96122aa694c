"""What editors and type checkers see of ``paylattice.sync`` is what is there."""

import inspect
import json
import shutil
import subprocess
import sys
from datetime import datetime
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from paylattice import create_provider, sync
from paylattice.providers.memory import InMemoryProvider
from paylattice.providers.stripe import StripeConfig

ROOT = Path(__file__).parents[2]
STUB = ROOT / "src" / "paylattice" / "sync.pyi"
BLOCKING = """
from paylattice import sync
stripe = sync.create_provider("stripe")
billing = sync.BillingService(stripe, sync.InMemoryRepository())
"""
ASYNC = """
from paylattice import BillingService, InMemoryRepository, create_provider
stripe = create_provider("stripe")
billing = BillingService(stripe, InMemoryRepository())
"""
CALLS = (
    "stripe.create_customer",
    "stripe.refund_payment",
    "billing.start_checkout",
    "billing.handle_webhook",
    "billing.catch_up",
)


def generator() -> ModuleType:
    spec = spec_from_file_location("sync_stub", ROOT / "docs" / "sync_stub.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_stub_is_current() -> None:
    assert STUB.read_text(encoding="utf-8") == generator().stub(), "run: python docs/generate.py"


def test_everything_in_the_stub_is_there_with_the_same_parameters() -> None:
    tree = generator().ast.parse(STUB.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if type(node).__name__ == "ClassDef"]
    assert {node.name for node in classes} >= {"Provider", "StripeProvider", "BillingService", "InMemoryRepository"}
    config = {"stripe": {"secret_key": "sk_test_1"}, "paypal": {"client_id": "c", "client_secret": "s"}}
    config |= {"square": {"access_token": "t", "location_id": "l"}, "memory": {}}
    named = {
        "StripeProvider": "stripe",
        "PayPalProvider": "paypal",
        "SquareProvider": "square",
        "InMemoryProvider": "memory",
    }
    for node in classes:
        it: object = getattr(sync, node.name)
        if node.name in named:
            module = (
                sys.modules[type(create_provider("memory")).__module__] if node.name == "InMemoryProvider" else None
            )
            name = named[node.name]
            package = __import__(f"paylattice.providers.{name}", fromlist=["x"])
            settings = next(value for key, value in vars(package).items() if key.endswith("Config"))
            it = sync.create_provider(name, config=settings(**config[name]))
            assert type(it).__name__ == node.name
            assert module is None or module.__name__.endswith("memory.provider")
        for each in node.body:
            if type(each).__name__ != "FunctionDef" or each.name.startswith("__"):
                continue
            member = getattr(it, each.name)
            if callable(member):
                if node.name in named and hasattr(sync.Provider, each.name):
                    # an operation that takes more here: what is given is passed on to the provider itself
                    member = getattr(it.wrapped, each.name)  # type: ignore[attr-defined]
                    assert sync.Provider.__dict__[each.name].__name__ == each.name
                    assert inspect.iscoroutinefunction(member), each.name
                given = each.args
                written = [arg.arg for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
                found = [
                    parameter.name
                    for parameter in inspect.signature(member).parameters.values()
                    if parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
                ]
                assert [name for name in written if name != "self"] == [name for name in found if name != "self"], (
                    each.name
                )
                assert not inspect.iscoroutinefunction(getattr(it, each.name)), each.name


def test_a_providers_own_operations_are_driven_and_shown() -> None:
    provider = sync.Provider(InMemoryProvider())
    assert {"advance", "complete_checkout", "create_customer"} <= set(dir(provider))
    assert sync.run(provider.wrapped.get_customer(provider.create_customer("a@b.co").id)) is not None
    assert isinstance(provider.advance(days=1), datetime)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="'Provider' object has no attribute 'creat_customer'"):
        _ = provider.creat_customer  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = provider.find_created_customer  # type: ignore[attr-defined]  # for billing, not for who calls


def parameters(setup: str, call: str) -> list[str]:
    """What jedi shows inside the brackets."""
    jedi = pytest.importorskip("jedi")
    source = f"{setup}{call}("
    shown = jedi.Script(source, project=jedi.Project(ROOT / "src")).get_signatures()
    assert len(shown) == 1, (call, shown)
    return [each.to_string() for each in shown[0].params]


@pytest.mark.parametrize("call", CALLS)
def test_jedi_shows_the_parameters_of_the_blocking_api_as_of_the_async_one(call: str) -> None:
    shown = parameters(BLOCKING, call)
    assert len(shown) > 1
    names = [each.partition(":")[0].partition("=")[0] for each in shown]
    assert names == [each.partition(":")[0].partition("=")[0] for each in parameters(ASYNC, call)]


def test_jedi_shows_what_only_one_provider_has() -> None:
    """Of the object in a notebook, and of a name with its class in a file. It does not follow overloads."""
    jedi = pytest.importorskip("jedi")
    made = sync.create_provider("stripe", config=StripeConfig(secret_key="sk_test_1"))
    call = "made.create_billing_portal_session("
    [live] = jedi.Interpreter(call, [{"made": made}]).get_signatures()
    source = f"from paylattice import sync\nmade: sync.StripeProvider\n{call}"
    [written] = jedi.Script(source, project=jedi.Project(ROOT / "src")).get_signatures()
    assert [each.name for each in live.params] == ["customer_id", "return_url", "idempotency_key"]
    assert [each.name for each in written.params] == ["customer_id", "return_url", "idempotency_key"]


def test_pyright_checks_the_calls_of_both(tmp_path: Path) -> None:
    if shutil.which("pyright", path=str(Path(sys.executable).parent)) is None:
        pytest.skip("pyright is not installed here")
    program = tmp_path / "program.py"
    program.write_text(
        "from paylattice import create_provider, sync\n"
        "reveal_type(create_provider('stripe'))\n"
        "reveal_type(sync.create_provider('stripe'))\n"
        "sync.create_provider('stripe').create_billing_portal_session('cus_1', 'https://x.test')\n"
        "sync.create_provider('stripe').create_billing_portal_session(customer='cus_1')\n"
        "sync.create_provider('square').create_billing_portal_session('cus_1', 'https://x.test')\n"
    )
    settings = {"include": [str(program)], "extraPaths": [str(ROOT / "src")]}
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [
        Path(sys.executable).with_name("pyright"),
        "--outputjson",
        "--pythonpath",
        sys.executable,
        "-p",
        tmp_path,
    ]
    answer = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    said = json.loads(answer.stdout)["generalDiagnostics"]
    told = {each["range"]["start"]["line"] + 1: each["message"] for each in said if each["severity"] == "information"}
    assert told == {2: 'Type of "create_provider(\'stripe\')" is "StripeProvider"', 3: told[3]}
    assert told[3].endswith('is "StripeProvider"')
    assert {each["range"]["start"]["line"] + 1 for each in said if each["severity"] == "error"} == {5, 6}
