"""Every check of the project. ``nox`` runs those that have to pass; ``nox -s NAME`` runs one; ``nox -l`` lists them."""

import os
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.download_python = "never"
nox.options.sessions = ["lint", "typing", "verifytypes", "tests", "tests_on", "coverage", "docs"]

PYPROJECT = nox.project.load_toml("pyproject.toml")
OTHER_PYTHONS = [version for version in ("3.11", "3.12", "3.13", "3.14") if version != f"3.{sys.version_info.minor}"]
SPECS = Path(__file__).parent.parent / "shared" / "specs"


def group(name: str) -> list[str]:
    """The requirements of a dependency group."""
    return nox.project.dependency_groups(PYPROJECT, name)


def install(session: nox.Session, *groups: str) -> None:
    """Install the package in editable mode with all its extras, and the groups. Once installed, this needs no network."""
    session.install(*group("build"))
    session.install("--no-build-isolation", "-e", ".[all]", *[line for name in groups for line in group(name)])


def run_tests(session: nox.Session) -> None:
    """Run the test suite under coverage."""
    install(session, "tests")
    data = f".coverage.{session.name}"
    session.run("coverage", "run", f"--data-file={data}", "-m", "pytest", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The test suite, on the Python that runs nox. Arguments go to pytest."""
    run_tests(session)


@nox.session(python=OTHER_PYTHONS)
def tests_on(session: nox.Session) -> None:
    """The test suite on the other Pythons of this machine: ``nox -s tests_on-3.13``."""
    run_tests(session)


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
    here = ["examples/*.py", "examples/frameworks/[!c]*.py", "examples/repositories/*.py"]  # celery has no types
    examples = [str(path) for pattern in here for path in Path().glob(pattern)]
    path = os.pathsep.join(["examples/frameworks", "examples/repositories"])
    session.run("mypy", "--strict", "tests/typing", *examples, env={"MYPYPATH": path})
    session.run("pyright", env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"})


@nox.session
def verifytypes(session: nox.Session) -> None:
    """What a type checker knows of the installed package: every public symbol must have its type."""
    session.install(".[all]", "pyright[nodejs]", "pytest")
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
def demo(session: nox.Session) -> None:
    """The life of a subscription on the embedded provider, told as a timeline. No keys, no network."""
    session.install(".")
    session.run("python", "-m", "paylattice", "demo")


@nox.session
def record(session: nox.Session) -> None:
    """Record the cassettes: ``-- stripe`` (or paypal, square) with its sandbox's keys; ``-- stripe --stand-in`` without."""
    install(session, "tests")
    session.run("python", "-m", "tests.cassette_tests.record", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """What the library costs, as ratios against the alternatives: a table, and JSON in benchmarks/results.json."""
    session.install(
        ".[stripe,paypal]",
        "pytest>=8.3",
        "squareup>=42",
        "paypal-server-sdk>=2.4",
        "sqlalchemy[asyncio]>=2.0.36",
        "psycopg[binary]>=3.2",
    )
    session.run("python", "benchmarks", "benchmarks/results.json")


@nox.session
def crash(session: nox.Session) -> None:
    """Workers on PostgreSQL that are killed again and again: what is there in the end, once, to the cent. Some minutes."""
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
