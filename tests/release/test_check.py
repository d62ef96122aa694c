"""The check of a release finds what must not be uploaded."""

import re

import pytest

from .check import ROOT, of_changelog, of_metadata, of_sdist, of_wheel, sources_of, version_of

VERSION = "1.2.0"
ENTRY = "# Changes\n\n## 1.2.0 (2026-11-01)\n\n### Added\n\n- You can now refund in parts.\n\n## 1.1.0 (2026-10-01)\n"
SOURCES = frozenset({"paylattice/__init__.py", "paylattice/py.typed", "paylattice/providers/root_ca.pem"})
ABOUT = "paylattice-1.2.0.dist-info/"
WHEEL = {*SOURCES, *(ABOUT + file for file in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"))}
SDIST = {
    f"paylattice-1.2.0/{name}"
    for name in (
        *(f"src/{source}" for source in SOURCES),
        *("LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "noxfile.py", "PKG-INFO"),
        *("tests/test_a.py", "docs/index.md", "examples/quickstart.py"),
    )
}
METADATA = "Metadata-Version: 2.4\nName: paylattice\nVersion: 1.2.0\nLicense-Expression: MIT\n\n# paylattice\n"


def test_a_release_that_is_complete_is_no_problem() -> None:
    assert list(of_changelog(ENTRY, VERSION, final=True)) == []
    assert list(of_wheel(WHEEL, SOURCES, VERSION)) == []
    assert list(of_metadata(METADATA, VERSION)) == []
    assert list(of_sdist(SDIST, SOURCES, VERSION)) == []


def test_every_file_of_the_package_must_be_in_the_wheel() -> None:
    for source in SOURCES:
        assert list(of_wheel(WHEEL - {source}, SOURCES, VERSION)) == [f"the wheel lacks {source}"]


@pytest.mark.parametrize("stray", ["tests/__init__.py", "paylattice/notes.txt", "docs/index.md"])
def test_the_wheel_holds_nothing_else(stray: str) -> None:
    assert list(of_wheel({*WHEEL, stray}, SOURCES, VERSION)) == [f"the wheel holds {stray}"]


def test_the_wheel_needs_its_licence_and_its_entry_points() -> None:
    for file in ("licenses/LICENSE", "entry_points.txt"):
        assert list(of_wheel(WHEEL - {ABOUT + file}, SOURCES, VERSION)) == [f"the wheel lacks {ABOUT}{file}"]


def test_the_wheel_says_its_version() -> None:
    assert list(of_metadata(METADATA, "1.3.0")) == ["the wheel's Version is 1.2.0, not 1.3.0"]


def test_the_source_distribution_holds_what_tests_it_and_nothing_generated() -> None:
    without_tests = {name for name in SDIST if "/tests/" not in name}
    assert list(of_sdist(without_tests, SOURCES, VERSION)) == ["the source distribution lacks tests/"]
    stray = "paylattice-1.2.0/.nox/tests/bin/python"
    assert list(of_sdist({*SDIST, stray}, SOURCES, VERSION)) == ["the source distribution holds .nox/tests/bin/python"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("# Changes\n", "its first entry is missing, not 1.2.0"),
        (ENTRY.replace("1.2.0", "1.1.9"), "its first entry is 1.1.9, not 1.2.0"),
        (ENTRY.replace("2026-11-01", "not released"), "1.2.0 has no date, but 'not released'"),
        (ENTRY.replace("- You can now refund in parts.", ""), "the entry of 1.2.0 says nothing"),
        (ENTRY.replace("### Added", "### News"), "'News' is none of Added"),
    ],
)
def test_the_changelog_has_an_entry_of_the_version(text: str, why: str) -> None:
    (found,) = of_changelog(text, VERSION, final=True)
    assert why in found


def test_a_version_without_a_date_is_a_problem_of_a_final_release_only() -> None:
    assert list(of_changelog(ENTRY.replace("2026-11-01", "not released"), VERSION, final=False)) == []


def test_the_changelog_of_today_is_in_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert list(of_changelog(text, version_of(ROOT), final=False)) == []
    assert re.search(r"^### ", text, re.MULTILINE)


def test_the_package_holds_its_certificates_and_the_mark_that_it_is_typed() -> None:
    sources = sources_of(ROOT)
    assert "paylattice/py.typed" in sources
    assert sum(name.endswith(".pem") for name in sources) >= 2
