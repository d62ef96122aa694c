"""The example plugin, built and installed next to a built paylattice in a fresh environment, away from this repository."""

import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.util import find_spec
from pathlib import Path

import attrs
import pytest

ROOT = Path(__file__).parents[3]
PLUGIN = ROOT / "examples" / "provider-plugin"
SECONDS = 300


@attrs.frozen
class Environment:
    """A fresh environment, and an empty folder to stand in."""

    python: Path
    packages: Path
    folder: Path

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST", "COV_"))}
        return subprocess.run(
            [self.python, *arguments],
            cwd=self.folder,
            env={**kept, **variables},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )


def built(source: Path, folder: Path) -> Path:
    """The wheel of a source tree, made by the build backend itself: neither pip nor the network is needed."""
    script = f"from hatchling.build import build_wheel; print(build_wheel({str(folder)!r}))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=source, capture_output=True, text=True, timeout=SECONDS, check=True
    )
    return folder / done.stdout.split()[-1]


def install(wheel: Path, python: Path, packages: Path) -> None:
    """With pip where there is one (environments made by uv have none); a pure wheel can be unpacked as well."""
    if find_spec("pip") is None:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
        return
    options = ["--no-index", "--no-deps", "--disable-pip-version-check", "--quiet"]
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", *options, str(wheel)]
    subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    if find_spec("hatchling") is None:
        pytest.skip("hatchling is not installed: the wheels cannot be built")
    wheels = tmp_path_factory.mktemp("wheels")
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False)
    windows = os.name == "nt"
    python = home / ("Scripts/python.exe" if windows else "bin/python")
    packages = home / (
        "Lib/site-packages" if windows else f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    )
    for source in (ROOT, PLUGIN):
        install(built(source, wheels), python, packages)
    # what both depend on comes from here; packages that are installed there come first
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return Environment(python, packages, tmp_path_factory.mktemp("elsewhere"))


def test_the_plugin_is_found_by_its_name(environment: Environment) -> None:
    script = (
        "import paylattice; provider = paylattice.create_provider('acme')\n"
        "print(type(provider).__module__, provider.get_provider_name(), paylattice.__file__)"
    )
    done = environment.run("-c", script, ACME_API_KEY="key_1")
    assert done.returncode == 0, done.stderr
    module, name, where = done.stdout.split()
    assert (module, name) == ("paylattice_acme.provider", "acme")
    assert str(environment.packages) in where


def test_a_missing_setting_of_the_plugin_is_named(environment: Environment) -> None:
    done = environment.run("-c", "import paylattice; paylattice.create_provider('acme')")
    assert done.returncode == 1
    assert "provider 'acme' needs ACME_API_KEY to call the API" in done.stderr


def test_the_plugin_is_listed(environment: Environment) -> None:
    done = environment.run("-m", "paylattice", "providers")
    assert done.returncode == 0, done.stderr
    assert "acme  (paylattice-acme 1.0.0)" in done.stdout
    assert "can:  customers, checkout, subscriptions, cancel_now" in done.stdout
    assert "not:  pause - Acme knows no pause." in done.stdout
    assert "memory  (paylattice " in done.stdout


def test_its_conformance_suite_runs_away_from_the_repository(environment: Environment) -> None:
    done = environment.run(
        "-m", "pytest", "--pyargs", "paylattice_acme", "-q", "-rs", "-p", "no:cacheprovider", "-W", "error"
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
    assert "acme does not declare pause" in done.stdout
    assert "implement TestAcme" not in done.stdout  # the example leaves out none of the hooks that it can use


MINE = '''
"""A test module of somebody who has only what was installed."""

import pytest
from paylattice import InMemoryRepository, Money, sync
from paylattice.providers.memory import InMemoryProvider, MemoryConfig
from paylattice.testing import BlockingRepositoryConformance, ProviderConformance, RepositoryConformance


class TestProvider(ProviderConformance):
    http = False

    @pytest.fixture
    def provider(self):
        provider = InMemoryProvider(MemoryConfig(webhook_secret="whsec_mine"))
        provider.add_plan("pro", Money(1900, "USD"))
        return provider

    def complete_checkout(self, provider, session):
        provider.complete_checkout(session.id)

    def lose_next_answer(self, provider):
        provider.time_out_next_call(after_effect=True)


class TestRepository(RepositoryConformance):
    @pytest.fixture
    def repository(self):
        return InMemoryRepository()


class TestBlockingRepository(BlockingRepositoryConformance):
    @pytest.fixture
    def repository(self):
        return sync.InMemoryRepository()


class TestLosesTickets(RepositoryConformance):
    """It must not pass everything."""

    @pytest.fixture
    def repository(self):
        class Broken(InMemoryRepository):
            async def next_ticket(self):
                return 1

        return Broken()
'''


def test_suites_of_the_users_own_run_on_the_installed_wheel(environment: Environment) -> None:
    (environment.folder / "test_mine.py").write_text(MINE, encoding="utf-8")
    options = ["-q", "-rf", "-p", "no:cacheprovider", "-W", "error"]
    done = environment.run("-m", "pytest", "test_mine.py", "--deselect", "test_mine.py::TestLosesTickets", *options)
    assert done.returncode == 0, done.stdout[-3000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > 300
    broken = environment.run("-m", "pytest", "test_mine.py::TestLosesTickets", *options)
    assert broken.returncode == 1, broken.stdout[-3000:]
    assert "TestLosesTickets::test_tickets_increase" in broken.stdout


def test_a_plugin_that_cannot_be_imported_breaks_nothing_else(environment: Environment) -> None:
    module = environment.packages / "paylattice_broken.py"
    metadata = environment.packages / "paylattice_broken-9.9.dist-info"
    metadata.mkdir()
    try:
        module.write_text("raise RuntimeError('out of order')\n", encoding="utf-8")
        (metadata / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: paylattice-broken\nVersion: 9.9\n", encoding="utf-8"
        )
        (metadata / "entry_points.txt").write_text(
            "[paylattice.providers]\nbroken = paylattice_broken:Provider\n", encoding="utf-8"
        )
        listed = environment.run("-m", "paylattice", "providers")
        assert listed.returncode == 1
        assert "broken  (paylattice-broken 9.9)\n    cannot be used: " in listed.stdout
        assert "RuntimeError: out of order" in listed.stdout
        assert "acme  (paylattice-acme 1.0.0)\n    can:  " in listed.stdout
        assert environment.run("-c", "import paylattice; paylattice.create_provider('memory')").returncode == 0
        asked = environment.run("-c", "import paylattice; paylattice.create_provider('broken')")
        assert "provider 'broken' of paylattice-broken 9.9 cannot be imported" in asked.stderr
        assert "RuntimeError: out of order" in asked.stderr
    finally:
        module.unlink()
        (metadata / "METADATA").unlink()
        (metadata / "entry_points.txt").unlink()
        metadata.rmdir()
