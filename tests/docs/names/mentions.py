"""The mentions: spans of code in Markdown and in docstrings, and the lines of code blocks."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import attrs

from .foreign import SPANS

_FENCE = re.compile(
    r"^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<code>.*?)^(?P=indent)```[ ]*$", re.MULTILINE | re.DOTALL
)
_SPAN = re.compile(r"(?:\{(?P<role>[a-z:-]+)\})?(?<!`)(?P<ticks>`+)(?!`)(?P<text>.+?)(?<!`)(?P=ticks)(?!`)", re.DOTALL)
_DOC_SPAN = re.compile(r":(?P<role>[a-z:]+):`(?P<target>[^`]+)`|``(?P<text>.+?)``", re.DOTALL)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@attrs.frozen
class Mention:
    """Something in code's clothes.

    Args:
        page: the file, from the repository's root.
        line: of the file.
        text: what stands there.
        kind: ``span``, the role of a reference (``exc``, ``doc``), or ``block:python`` and the like.
        module: of a docstring: its module.
        owner: of a docstring: the names of the classes and functions around it.
    """

    page: str
    line: int
    text: str
    kind: str = "span"
    module: str = ""
    owner: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Where it is, for the message of a failure."""
        return f"{self.page}:{self.line}"


def of_markdown(page: str, text: str) -> Iterator[Mention]:
    """The mentions of a page, in their order; an abbreviated one (``.paid``) as what it stands for."""
    text = _COMMENT.sub(_blank, text)
    for fence in _FENCE.finditer(text):
        indent, code = len(fence["indent"]), fence["code"]
        code = "\n".join(line[indent:] for line in code.splitlines())
        yield Mention(page, _line(text, fence.start("code")), code, f"block:{fence['language'].strip()}")
    prose = _FENCE.sub(_blank, text)
    before = ""
    for span in _SPAN.finditer(prose):
        line = _line(prose, span.start())
        mention = " ".join(span["text"].replace("\\|", "|").split())
        if span["role"]:
            yield Mention(page, line, _target(mention), span["role"])
            continue
        if re.fullmatch(r"\.[\w-]+", mention) and re.fullmatch(r"[\w.-]+\.[\w-]+", before) and mention not in SPANS:
            mention = before.rpartition(".")[0] + mention
        before = mention
        yield Mention(page, line, mention)


def of_module(path: Path, root: Path) -> Iterator[Mention]:
    """The mentions of a module's docstrings, those under attributes included."""
    page = path.relative_to(root).as_posix()
    module = ".".join(path.relative_to(root / "src").with_suffix("").parts).removesuffix(".__init__")
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for text, line, owner in _docstrings(tree, ()):
        for span in _DOC_SPAN.finditer(text):
            at = line + text.count("\n", 0, span.start())
            mention = " ".join((span["text"] or _target(span["target"])).split())
            yield Mention(page, at, mention, span["role"] or "span", module, owner)


def _docstrings(node: ast.AST, owner: tuple[str, ...]) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant) and isinstance(child.value.value, str):
            yield child.value.value, child.value.lineno, owner
        inner = (
            (*owner, child.name) if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) else owner
        )
        yield from _docstrings(child, inner)


def _target(reference: str) -> str:
    inside = re.search(r"<([^>]+)>$", reference)
    return (inside[1] if inside else reference).lstrip("~")


def _blank(match: re.Match[str]) -> str:
    """As many lines, with nothing in them."""
    return "\n" * match[0].count("\n")


def _line(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1
