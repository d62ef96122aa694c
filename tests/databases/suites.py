"""Runs a module of checks in a process of its own, and tells what became of each of them."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

import attrs

ROOT = Path(__file__).parents[2]


@attrs.define(eq=False)
class Run:
    """The checks by the name of their class; of those that failed, what was said."""

    passed: dict[str, set[str]] = attrs.field(factory=dict)
    failed: dict[str, dict[str, str]] = attrs.field(factory=dict)
    skipped: dict[str, dict[str, str]] = attrs.field(factory=dict)


def run_suite(module: str, home: Path, environment: Mapping[str, str], *, only: Sequence[str] = ()) -> Run:
    """Run the checks of a module of this folder; all of them, or ``Class::check`` only."""
    report, path = home / f"{module}.xml", f"tests/databases/{module}.py"
    chosen = [f"{path}::{check}" for check in only] or [path]
    options = ["-q", "-p", "no:cacheprovider", "--tb=short", f"--junit-xml={report}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *chosen],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert report.exists(), done.stdout + done.stderr
    run = Run()
    for case in ET.parse(report).iter("testcase"):
        kind, check = str(case.get("classname")).rpartition(".")[2], str(case.get("name")).partition("[")[0]
        bad = [child for child in case if child.tag in {"failure", "error"}]
        skipped = case.find("skipped")
        if bad:
            run.failed.setdefault(kind, {})[check] = "\n".join(f"{each.get('message')}\n{each.text}" for each in bad)
        elif skipped is not None:
            run.skipped.setdefault(kind, {})[check] = str(skipped.get("message"))
        else:
            run.passed.setdefault(kind, set()).add(check)
    assert run.passed or run.failed, done.stdout + done.stderr
    return run
