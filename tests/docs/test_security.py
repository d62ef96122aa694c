"""Each statement of docs/security.md names its tests, and they are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.compile(r"<!-- (.+?) -->")
STATEMENTS = ("## Who can write which field", "## What an attacker can do, and what happens")


def rows(title: str) -> list[str]:
    section = PAGE.partition(title)[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    assert len(table) > 2, title
    return table[2:]


def test_every_row_of_a_table_of_statements_names_a_test() -> None:
    for title in STATEMENTS:
        for row in rows(title):
            assert NAMED.search(row), row


def test_every_test_that_is_named_is_there() -> None:
    named = [each for found in NAMED.findall(PAGE) for each in found.split()]
    assert len(named) > 20
    for each in named:
        file, _, name = each.partition("::")
        path = (ROOT / "tests" / file).resolve()
        assert path.is_file(), each
        assert re.search(rf"^ *def {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE), each
