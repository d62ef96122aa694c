"""The README's and the documentation's code runs, and generated pages are current."""

import ast
import importlib.util
import re
from pathlib import Path

import pytest

import paylattice
from paylattice.errors import Diagnosis

from .names.vocabulary import sessions

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")] + sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^(?P<indent> *)```(?P<language>python|py)\n(?P<code>.*?)^ *```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    found = []
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        if match["language"] == language:
            indent = len(match["indent"])
            found.append("\n".join(line[indent:] for line in match["code"].splitlines()))
    return found


def generator() -> object:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda page: page.name)
def test_the_code_of_a_page_runs_from_top_to_bottom(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    namespace: dict[str, object] = {"__name__": "page"}
    for number, code in enumerate(blocks(page, "python"), start=1):
        exec(compile(code, f"{page.name} block {number}", "exec"), namespace)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "py")], ids=lambda page: page.name)
def test_the_fragments_of_a_page_are_python(page: Path) -> None:
    for code in blocks(page, "py"):
        ast.parse(code)


GENERATED = [
    "architecture.md",
    "capabilities.md",
    "concepts.md",
    "errors.md",
    "events.md",
    "lifecycle.md",
    "repositories.md",
]


@pytest.mark.parametrize("name", GENERATED)
def test_a_generated_page_is_current(name: str) -> None:
    pages = generator().PAGES  # type: ignore[attr-defined]  # loaded by its path
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == pages[name](), "run: python docs/generate.py"


def test_every_generated_page_is_checked() -> None:
    assert set(generator().PAGES) == set(GENERATED)  # type: ignore[attr-defined]


def test_the_pages_link_to_files_that_exist() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_reference_has_every_public_name() -> None:
    reference = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs").glob("api*.md"))
    modules = {"errors", "sync", "testing", "__version__"}
    assert [name for name in set(paylattice.__all__) - modules if f"paylattice.{name}" not in reference] == []


def test_every_diagnosis_is_explained() -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(\w+)`", page.partition("| diagnosis |")[2]))
    assert set(Diagnosis) <= explained


def test_every_outcome_of_a_delivery_is_explained() -> None:
    page = (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8")
    table = page.partition("| outcome | meaning |\n|---|---|\n")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)`", table, re.MULTILINE) == list(paylattice.WebhookOutcome)


def test_the_unique_keys_are_those_of_the_records() -> None:
    page = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8").partition("| record | unique |")[2]
    for record in generator().RECORDS:  # type: ignore[attr-defined]
        promised = re.search(r"Unique: (.*?)\n\n", record.__doc__, re.DOTALL)
        assert promised is not None
        shown = re.search(rf"^\| `{record.__name__}` \| (.*) \|$", page, re.MULTILINE)
        assert shown is not None
        assert re.findall(r"`(\(.*?\))`", shown[1]) == re.findall(r"``(\(.*?\))``", promised[1])


def test_the_readme_has_the_two_commands_that_set_everything_up() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "python -m pip install nox && python -m nox -s demo" in text
    assert "python -m pip install nox && python -m nox " in text


def test_the_page_for_contributors_names_every_session_of_nox_that_has_to_pass() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    options = (ROOT / "noxfile.py").read_text(encoding="utf-8").partition("nox.options.sessions = ")[2]
    assert [name for name in ast.literal_eval(options.partition("\n")[0]) if f"| `nox -s {name}` |" not in text] == []


def test_what_runs_before_a_commit_is_a_session_of_nox() -> None:
    text = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    named = re.findall(r"^ *entry: python -m nox -R -s (\w+)$", text, re.MULTILINE)
    assert named
    assert set(named) <= set(sessions())


def test_the_map_has_every_part_and_no_circle() -> None:
    page = generator()
    graph = page.import_graph()  # type: ignore[attr-defined]  # loaded by its path
    picture = page.map_picture()  # type: ignore[attr-defined]
    parts = {page.part_of(name, graph) for name in graph if name != "providers"}  # type: ignore[attr-defined]
    assert {"billing", "transport", "sync", "providers/stripe", "testing/standins"} < parts
    assert [part for part in parts if f'["{part}"]' not in picture] == []


def test_a_circle_in_the_map_is_an_error() -> None:
    with pytest.raises(ValueError, match="one imports itself"):
        generator().arrows({"one": {"two"}, "two": {"one"}})  # type: ignore[attr-defined]


def test_an_arrow_of_the_map_that_follows_from_others_is_left_out() -> None:
    lines = generator().arrows({"a": {"b", "c"}, "b": {"c"}, "c": set(), "d": set()})  # type: ignore[attr-defined]
    assert lines == ['    a["a"] --> b["b"]', '    b["b"] --> c["c"]', '    d["d"]']
