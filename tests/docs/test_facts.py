"""Each fact about a provider that its page lists names its tests, and they are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"<!-- (.+?) -->")
HEADING = "\n## Facts behind the code\n"
PAGES = [page for page in sorted((ROOT / "docs").glob("*.md")) if HEADING in page.read_text(encoding="utf-8")]


def test_every_provider_s_page_has_such_a_table() -> None:
    assert {page.stem for page in PAGES} == {"paypal", "square", "stripe"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_fact_names_tests_that_are_there(page: Path) -> None:
    section = page.read_text(encoding="utf-8").partition(HEADING)[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    assert len(table) > 10
    for row in table:
        named = [each for found in NAMED.findall(row) for each in found.split()]
        assert named, row
        for each in named:
            file, _, name = each.partition("::")
            path = ROOT / "tests" / file
            assert path.is_file(), each
            assert re.search(rf"^ *def {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE), each
