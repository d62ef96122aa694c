"""Every check of the project. ``nox`` runs those that have to pass; ``nox -s NAME`` runs one; ``nox -l`` lists them."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.sessions = ["lint", "typing", "verifytypes", "tests", "tests_on", "lowest", "httpx2", "coverage", "docs"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OTHER_PYTHONS = [version for version in PYTHONS if version != f"3.{sys.version_info.minor}"]
SPECS = Path(__file__).parent.parent / "shared" / "specs"


def group(name: str) -> list[str]:
    """The requirements of a dependency group."""
    return nox.project.dependency_groups(PYPROJECT, name)


def install(session: nox.Session, *groups: str) -> None:
    """Install the package in editable mode with all its extras, and the groups. Once installed, this needs no network."""
    session.install(*group("build"))
    session.install("--no-build-isolation", "-e", ".[all]", *[line for name in groups for line in group(name)])


SHARED = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")
"""Tests are shared among the cores of this machine; more than four would only start more database servers."""


def run_tests(session: nox.Session) -> None:
    """Run the test suite under coverage."""
    install(session, "tests")
    measured = ("--cov", "--cov-report=", *SHARED)
    session.run(
        "python", "-m", "pytest", "-q", *measured, *session.posargs, env={"COVERAGE_FILE": f".coverage.{session.name}"}
    )


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite, on the Python that runs nox. Arguments go to pytest."""
    run_tests(session)


@nox.session(python=OTHER_PYTHONS)
def tests_on(session: nox.Session) -> None:
    """The test suite on the other Pythons of this machine: ``nox -s tests_on-3.13``."""
    run_tests(session)


def interpreter(version: str) -> str | None:
    """The path of a Python of this machine; None if it has none. Pyenv's command of that name may have nothing behind it."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [shutil.which(f"python{version}"), *map(str, pyenv.glob(f"versions/{version}.*/bin/python"))]
    for path in filter(None, candidates):
        if subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0:  # noqa: S603 - found above
            return path
    return None


CORE = [
    f"tests/{part}" for part in ("core", "cli", "transport", "providers", "main_job", "billing/test_interleavings.py")
]
"""What the package's own requirements are enough for: no database, no framework, no cassette."""
RUN_CORE = group("tests-core")


def install_exactly(session: nox.Session, *arguments: str) -> None:
    """Install with uv, which can be asked for the lowest versions; the package as it is now, and not as it was built before."""
    session.install("uv")
    session.run("uv", "pip", "install", "--quiet", "--reinstall-package", "paylattice", *arguments)


@nox.session
def lowest(session: nox.Session) -> None:
    """The core's tests with the lowest version of all that pyproject.toml asks for, on the oldest and the newest Python here.

    They are really installed. What those ask for in turn is as new as it can be: the lowest idna is for Python 2.
    """
    optional = PYPROJECT["project"]["optional-dependencies"]
    here = {version: path for version in PYTHONS if (path := interpreter(version))}
    for version in dict.fromkeys([*list(here)[:1], *list(here)[-1:]]):
        session.log(f"the lowest versions on Python {version}")
        python = str(Path(session.create_tmp()) / version)
        session.install("uv")
        session.run("uv", "venv", "--quiet", "--clear", "--python", here[version], python)
        into = ("--python", python)
        install_exactly(session, *into, "--resolution", "lowest-direct", ".", *optional["stripe"], *optional["paypal"])
        install_exactly(session, *into, *RUN_CORE)
        at = str(Path(python) / "bin" / "python")
        session.run(at, "-m", "pytest", "-q", "-p", "no:anyio", *SHARED, *(session.posargs or CORE), external=True)


@nox.session
def httpx2(session: nox.Session) -> None:
    """The tests of what sends, in an environment that has httpx2, and no httpx."""
    needed = [line for line in PYPROJECT["project"]["dependencies"] if not line.startswith("httpx")]
    optional = PYPROJECT["project"]["optional-dependencies"]
    install_exactly(session, *needed, *optional["stripe"], *optional["paypal"], *optional["httpx2"], *RUN_CORE)
    install_exactly(session, "--no-deps", ".")
    sends = ["tests/transport", "tests/providers", "tests/main_job"]
    session.run("python", "-m", "pytest", "-q", "-p", "tests.httpx2_alone", *SHARED, *(session.posargs or sends))


@nox.session
@nox.parametrize("version", ["11.0.0", "12.5.2", "13.2.1", "14.4.2", "15.6.2", "16.1.0"])
def stripe_versions(session: nox.Session, version: str) -> None:
    """The tests of Stripe on each major version of its SDK that the extra takes: ``nox -s stripe_versions``."""
    install_exactly(session, ".", f"stripe=={version}", *RUN_CORE)
    session.run("python", "-m", "pytest", "-q", *(session.posargs or ["tests/providers/stripe", "tests/main_job"]))


@nox.session
def quick(session: nox.Session) -> None:
    """Less than a minute: style, types, the core's tests and Stripe's; ``nox -s quick -- square`` for another provider's."""
    session.install(*group("build"))
    session.install("--no-build-isolation", "-e", ".[all,httpx2,aiohttp,urllib3,sqlalchemy,django]", *group("quick"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")  # its cache leaves it what has changed, and what that touches
    providers = [f"providers/{name}" for name in session.posargs or ["stripe"]]
    parts = ["core", "cli", "transport", "providers/test_api.py", *providers]
    session.run("python", "-m", "pytest", "-q", *SHARED, *[f"tests/{part}" for part in parts])


@nox.session
def coverage(session: nox.Session) -> None:
    """What the tests did not run; fails below 95 % of lines and branches."""
    session.install("coverage[toml]")
    files = [str(path) for path in Path().glob(".coverage.*")]
    session.run("coverage", "combine", "--keep", *files, silent=True)
    session.run("coverage", "report", "--fail-under=95")


@nox.session
def lint(session: nox.Session) -> None:
    """Style and formatting."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def typing(session: nox.Session) -> None:
    """Both type checkers, strict, and what users may rely on."""
    install(session, "typing")
    session.run("mypy")
    session.run("mypy", "src/paylattice/sync.py")  # the stub beside it would be taken instead
    here = ["examples/*.py", "examples/frameworks/[!c]*.py", "examples/repositories/*.py"]  # celery has no types
    examples = [str(path) for pattern in here for path in Path().glob(pattern)]
    path = os.pathsep.join(["examples/frameworks", "examples/repositories"])
    session.run("mypy", "--strict", "tests/typing", *examples, env={"MYPYPATH": path})
    session.run("pyright", env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"})


@nox.session
def verifytypes(session: nox.Session) -> None:
    """What a type checker knows of the installed package: every public symbol must have its type."""
    session.install(".[all,httpx2,aiohttp,urllib3,sqlalchemy,django]", "django-stubs>=5.1", "pyright[nodejs]", "pytest")
    session.chdir(session.create_tmp())
    session.run(
        "pyright", "--verifytypes", "paylattice", "--ignoreexternal", env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    )


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation; a warning is an error."""
    install(session, "docs", "tests")
    session.run("sphinx-build", "-n", "-W", "--keep-going", "-q", "-E", "docs", "docs/_build/html")


@nox.session
def release(session: nox.Session) -> None:
    """Build what is uploaded into dist/, and look at it. ``-- --final``: the changelog must have a date, too."""
    session.install(*group("release"))
    shutil.rmtree("dist", ignore_errors=True)
    quiet = {"PYTHONDONTWRITEBYTECODE": "1"}  # nothing is written outside dist/
    session.run("python", "-m", "build", "--no-isolation", env=quiet, silent=True)
    session.run("twine", "check", "--strict", *[str(path) for path in Path("dist").iterdir()])
    session.run("python", "-m", "tests.release.check", *session.posargs, env=quiet)


@nox.session
def demo(session: nox.Session) -> None:
    """The life of a subscription on the embedded provider, told as a timeline. No keys, no network."""
    session.install(".")
    session.run("python", "-m", "paylattice", "demo")


@nox.session
def record(session: nox.Session) -> None:
    """Record the cassettes: ``-- stripe`` (or paypal, square) with its sandbox's keys; ``-- stripe --stand-in`` without."""
    install(session, "tests")
    session.run("python", "-m", "tests.testing.cassettes.record", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """What the library costs, as ratios against the alternatives: a table, and JSON in benchmarks/results.json."""
    session.install(
        ".[stripe,paypal]",
        "pytest>=8.3",
        "squareup>=42",
        "paypal-server-sdk>=2.4",
        *PYPROJECT["project"]["optional-dependencies"]["sqlalchemy"],
        "psycopg[binary]>=3.2",
        "pymysql>=1.1",
    )
    session.run("python", "benchmarks", "benchmarks/results.json")


@nox.session
def crash(session: nox.Session) -> None:
    """Workers that are killed again and again: what is there in the end, once, to the cent. ``-- --mariadb``: on MariaDB."""
    install(session, "tests")
    session.run("python", "-m", "tests.databases.crash", *session.posargs)


@nox.session
def contract(session: nox.Session) -> None:
    """The tests against the official API descriptions: ``nox -s contract -- --specs DIR``."""
    install(session, "tests")
    given = list(session.posargs)
    specs = Path(given[given.index("--specs") + 1]) if "--specs" in given else SPECS
    if not specs.is_dir():
        session.error(f"no API descriptions at {specs}: nox -s contract -- --specs DIR")
    session.run("pytest", "-m", "contract", env={"PAYLATTICE_SPECS": str(specs.resolve()), **os.environ})
