"""Runs a conformance suite over deliberately broken doubles, and tells which checks failed for which double."""

import re
from pathlib import Path

import attrs
import pytest


@attrs.define(eq=False)
class Run:
    """What became of the checks, by the name of the test class."""

    failed: dict[str, dict[str, str]] = attrs.field(factory=dict)
    skipped: dict[str, dict[str, str]] = attrs.field(factory=dict)
    passed: dict[str, set[str]] = attrs.field(factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        _, name, check = report.nodeid.split("::", 2)
        check = check.partition("[")[0]
        if report.failed:
            self.failed.setdefault(name, {})[check] = report.longreprtext
        elif report.skipped and isinstance(report.longrepr, tuple):
            self.skipped.setdefault(name, {})[check] = report.longrepr[2]
        elif report.when == "call":
            self.passed.setdefault(name, set()).add(check)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        assert not report.failed, report.longreprtext


def run_suite(*modules: str) -> Run:
    """Run the checks of the classes in modules of this folder, in this process."""
    run = Run()
    paths = [str(Path(__file__).with_name(f"{module.rpartition('.')[2]}.py")) for module in modules]
    code = pytest.main([*paths, "-qq", "--tb=native", "-p", "no:cacheprovider"], plugins=[run])
    assert code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}, code
    return run


def words(name: str) -> str:
    """``TestTwoCustomers`` as words, for the ids of tests."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name.removeprefix("Test")).lower()
