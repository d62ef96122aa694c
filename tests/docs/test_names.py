"""Every name that the documentation mentions is there: in the code, the settings, the commands, the providers' words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .names import mentions, resolver, vocabulary

ROOT = vocabulary.ROOT
PAGES = [
    ROOT / "README.md",
    *(ROOT / name for name in ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / ".github").rglob("*.md")),
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


DOCUMENTED = frozenset(
    name
    for page in (ROOT / "docs").glob("*.md")
    for name in re.findall(r"^\.\. autoclass:: [\w.]*\.(\w+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
)


def first_lines(module: Path) -> Iterator[tuple[str, str]]:
    """The first lines of the docstrings of attributes and properties, with where they stand."""
    for cls in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if not isinstance(cls, ast.ClassDef) or cls.name not in DOCUMENTED:
            continue
        for number, node in enumerate(cls.body):
            if number and isinstance(node, ast.Expr) and isinstance(cls.body[number - 1], ast.Assign | ast.AnnAssign):
                yield f"{in_the_repository(module)}:{node.lineno}", ast.literal_eval(node.value).splitlines()[0]
            if isinstance(node, ast.FunctionDef) and "property" in map(ast.unparse, node.decorator_list):
                yield f"{in_the_repository(module)}:{node.lineno}", (ast.get_docstring(node) or " ").splitlines()[0]


@pytest.mark.parametrize("module", MODULES, ids=in_the_repository)
def test_no_attribute_s_docstring_begins_as_a_type_and_a_colon_would(module: Path) -> None:
    """Sphinx's napoleon takes what is before a colon in the first line for the attribute's type."""
    first = [(place, re.sub(r":\w+:`[^`]*`|``.*?``", "", line)) for place, line in first_lines(module)]
    assert [place for place, line in first if re.search(r":\s*\S", line)] == []
