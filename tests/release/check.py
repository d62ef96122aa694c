"""Looks at what was built before anybody uploads it: ``python -m tests.release.check [--final]``, after a build into dist/."""

import re
import sys
import tarfile
import zipfile
from collections.abc import Collection, Iterator
from email.parser import Parser
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
VERSION = re.compile(r'^__version__ = "(?P<version>[^"]+)"$', re.MULTILINE)
HEADING = re.compile(r"^## (?P<version>\S+) \((?P<when>[^)]+)\)$", re.MULTILINE)
KINDS = ("Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")
NOT_RELEASED = "not released"
NEEDED = ("LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "noxfile.py")
"""What a source distribution needs besides the package, to be read and to be tested."""
GENERATED = frozenset({".ci", ".nox", ".venv", ".git", "dist", "_build", "__pycache__"})


def version_of(root: Path) -> str:
    """The version, from the one place where it is written."""
    found = VERSION.search((root / "src" / "paylattice" / "_version.py").read_text(encoding="utf-8"))
    assert found is not None, "_version.py has no version"
    return found["version"]


def sources_of(root: Path) -> frozenset[str]:
    """Every file of the package: code, certificates, the mark that it is typed."""
    package = root / "src"
    files = (path for path in (package / "paylattice").rglob("*") if path.is_file())
    return frozenset(path.relative_to(package).as_posix() for path in files if "__pycache__" not in path.parts)


def of_changelog(text: str, version: str, *, final: bool) -> Iterator[str]:
    """The newest entry is this version's, and says what is new; if it is final, since when."""
    newest = HEADING.search(text)
    if newest is None or newest["version"] != version:
        yield f"CHANGELOG.md: its first entry is {newest['version'] if newest else 'missing'}, not {version}"
        return
    if final and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", newest["when"]):
        yield f"CHANGELOG.md: {version} has no date, but {newest['when']!r}"
    entry = text[newest.end() :].partition("\n## ")[0]
    kinds = re.findall(r"^### (.+)$", entry, re.MULTILINE)
    if not kinds or not re.search(r"^- \S", entry, re.MULTILINE):
        yield f"CHANGELOG.md: the entry of {version} says nothing"
    yield from (f"CHANGELOG.md: {kind!r} is none of {', '.join(KINDS)}" for kind in kinds if kind not in KINDS)


def of_wheel(names: Collection[str], sources: Collection[str], version: str) -> Iterator[str]:
    """The wheel holds the package, all of it, and nothing else."""
    about = f"paylattice-{version}.dist-info/"
    found = {name for name in names if not name.startswith(about)}
    yield from (f"the wheel lacks {name}" for name in sorted(set(sources) - found))
    yield from (f"the wheel holds {name}" for name in sorted(found - set(sources)))
    for file in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"):
        if about + file not in names:
            yield f"the wheel lacks {about}{file}"


def of_metadata(text: str, version: str) -> Iterator[str]:
    """The wheel says which version it is, under which licence, and has a page to show."""
    metadata = Parser().parsestr(text)
    expected = {"Name": "paylattice", "Version": version, "License-Expression": "MIT"}
    for field, value in expected.items():
        if metadata[field] != value:
            yield f"the wheel's {field} is {metadata[field]}, not {value}"
    if not str(metadata.get_payload()).strip():
        yield "the wheel has no description"


def of_sdist(names: Collection[str], sources: Collection[str], version: str) -> Iterator[str]:
    """The source distribution holds the package, its tests and its documents, and nothing that was made from them."""
    top = f"paylattice-{version}/"
    found = {name.removeprefix(top) for name in names}
    needed = {*NEEDED, *(f"src/{name}" for name in sources)}
    yield from (f"the source distribution lacks {name}" for name in sorted(needed - found))
    for folder in ("tests", "docs", "examples"):
        if not any(name.startswith(f"{folder}/") for name in found):
            yield f"the source distribution lacks {folder}/"
    yield from (
        f"the source distribution holds {name}"
        for name in sorted(found)
        if GENERATED & set(PurePosixPath(name).parts) or name.endswith(".pyc")
    )


def problems(root: Path, *, final: bool = False) -> list[str]:
    """Why what is in dist/ should not be uploaded; empty: nothing is known against it."""
    version, sources = version_of(root), sources_of(root)
    found = list(of_changelog((root / "CHANGELOG.md").read_text(encoding="utf-8"), version, final=final))
    wheel = root / "dist" / f"paylattice-{version}-py3-none-any.whl"
    sdist = root / "dist" / f"paylattice-{version}.tar.gz"
    built = {path.name for path in (root / "dist").iterdir()}
    found += [f"dist/ holds {name}" for name in sorted(built - {wheel.name, sdist.name})]
    found += [f"dist/ lacks {name}" for name in sorted({wheel.name, sdist.name} - built)]
    if wheel.exists():
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            found += of_wheel(names, sources, version)
            metadata = f"paylattice-{version}.dist-info/METADATA"
            if metadata in names:
                found += of_metadata(archive.read(metadata).decode("utf-8"), version)
    if sdist.exists():
        with tarfile.open(sdist) as archive:
            found += of_sdist([member.name for member in archive if member.isfile()], sources, version)
    return found


def main(arguments: list[str]) -> int:
    """Print what is wrong. Returns 1 if anything is."""
    if set(arguments) - {"--final"}:
        print("nox -s release [-- --final]")
        return 2
    found = problems(ROOT, final="--final" in arguments)
    for each in found:
        print(each)
    version = version_of(ROOT)
    if not found:
        print(f"dist/ holds paylattice {version}, complete")
        if f"## {version} ({NOT_RELEASED})" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"):
            print("before you upload it: put the date into CHANGELOG.md, and run nox -s release -- --final")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
