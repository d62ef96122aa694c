"""Every name that the documentation mentions is there: in the code, the settings, the commands, the providers' words."""

from pathlib import Path

import pytest

from .names import mentions, resolver, vocabulary

ROOT = vocabulary.ROOT
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
]
MODULES = [
    path
    for path in sorted((ROOT / "src" / "paylattice").rglob("*.py"))
    if "standins" not in path.parts or path.name == "server.py"  # how a stand-in works inside is nobody's promise
]


def in_the_repository(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=in_the_repository)
def test_every_name_on_a_page_is_there(page: Path) -> None:
    found = mentions.of_markdown(in_the_repository(page), page.read_text(encoding="utf-8"))
    assert resolver.problems(list(found)) == []


@pytest.mark.parametrize("module", MODULES, ids=in_the_repository)
def test_every_name_in_a_docstring_is_there(module: Path) -> None:
    assert resolver.docstring_problems(mentions.of_module(module, ROOT)) == []
