"""What the guide to writing a provider shows of the conformance suite is what the suite says of the provider of the guide."""

import re
import subprocess
import sys
from pathlib import Path

from .test_documents import ROOT, blocks

PAGE = ROOT / "docs" / "write-a-provider.md"


def test_the_provider_of_the_guide_passes_and_is_told_what_the_guide_shows(tmp_path: Path) -> None:
    (tmp_path / "test_acme.py").write_text("\n\n".join(blocks(PAGE, "python")), encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-rs",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stdout[-2000:]
    shown = re.findall(r"^SKIPPED \[\.\.\.\] (.+)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(shown) == 2
    assert [line for line in shown if line not in run.stdout] == []
