"""Decides whether a mention means something that there is; says why not, if not."""

import ast
import importlib.util
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache

import attrs

import paylattice

from . import foreign, vocabulary
from .commands import command_problem
from .inference import UNKNOWN, attribute, distinct, is_builtin, members, parameters
from .mentions import Mention
from .python_code import Page, Walk

_KEYWORDS = frozenset(
    {"async", "await", "async def", "async with", "import", "class", "raise", "except", "with", "for"}
)
_VARIABLE = re.compile(r"(?P<name>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=\S*)?")
_PLACEHOLDERS = ("<name>", "<type>", "<id>", "<status>", "<session>", "<provider>", "<its own name>")
_PYTHON = frozenset({"block:python", "block:py"})


def problems(mentions: Sequence[Mention]) -> list[str]:
    """What is wrong on a page: the place, what stands there, and why it means nothing."""
    code = [mention for mention in mentions if mention.kind in _PYTHON]
    page = Page(defined=defined_on(mentions))
    walk = Walk(attrs.evolve(page, in_code=True))
    found = [f"{mention.place}: {why}" for mention in code for why in walk.problems(ast.parse(mention.text))]
    for mention in mentions:
        why = None if mention in code else problem(mention, page)
        if why is not None:
            found.append(f"{mention.place}: `{mention.text.splitlines()[0]}`: {why}")
    return found


def defined_on(mentions: Iterable[Mention]) -> frozenset[str]:
    """The names that the code blocks of a page define."""
    return vocabulary.defined_in(mention.text for mention in mentions if mention.kind in _PYTHON)


def problem(mention: Mention, page: Page) -> str | None:
    """What is wrong with one mention; None if every name in it is found."""
    text = mention.text
    if mention.kind.startswith("block:"):
        return _block(mention)
    if mention.kind != "span":
        return _role(mention, page)
    if text in foreign.SPANS:
        return None
    for rule in _RULES:
        answer = rule(text, page)
        if answer is not None:
            return answer or None
    return _expression(text, page)


Rule = Callable[[str, Page], str | None]
"""Answers '' for right, a text for what is wrong, and None where it does not apply."""


def _word(text: str, page: Page) -> str | None:
    known = (
        text in vocabulary.words()
        or text in page.defined
        or text in page.local
        or text in _KEYWORDS
        or text in vocabulary.EVENTS
        or text in vocabulary.sessions()
        or is_builtin(text)
        or text in vocabulary.distributions()
        or text in vocabulary.wire_words()
        or text in vocabulary.tables()
    )
    return "" if known else None


def _suffix(text: str, page: Page) -> str | None:
    """``.REVERSED``: the end of several events."""
    if not re.fullmatch(r"\.[\w-]+", text):
        return None
    return (
        ""
        if any(word.endswith(text) for word in vocabulary.EVENTS | vocabulary.wire_words())
        else f"nothing ends with {text}"
    )


def _environment(text: str, page: Page) -> str | None:
    match = _VARIABLE.fullmatch(text)
    if match is None:
        return None
    if match["name"] not in vocabulary.environment_variables():
        return f"nothing reads {match['name']}"
    value = text.partition("=")[2]
    known = not re.fullmatch(r"[a-z]+", value) or value in vocabulary.PROVIDER_NAMES or value in vocabulary.wire_words()
    return "" if known else f"{match['name']} is never {value}"


def _command(text: str, page: Page) -> str | None:
    if not re.match(r"(python|nox|pip|pytest|celery|arq|import|[A-Z_]+=\S+ python)\s", text):
        return None
    if text.startswith("import "):
        return "" if importlib.util.find_spec(text.removeprefix("import ")) else f"there is no module for {text}"
    return command_problem(text) or ""


def _option(text: str, page: Page) -> str | None:
    if not re.fullmatch(r"--[a-z-]+", text):
        return None
    return "" if text in vocabulary.options() else f"no command takes {text}"


def _event(text: str, page: Page) -> str | None:
    provider, colon, name = text.partition(":")
    if colon and re.fullmatch(r"[a-z]+:<[a-z ]+>", text):
        known = provider in {*vocabulary.PROVIDERS, "subscription"} and name in _PLACEHOLDERS
        return "" if known else f"there is no {text}"
    if "<" in text or text.endswith(".*"):
        pattern = re.sub("|".join(_PLACEHOLDERS), "*", text)
        if pattern == "*:*":
            return ""
        if not re.fullmatch(r"[a-z_.*]+", pattern):
            return None
        all_words = vocabulary.EVENTS | vocabulary.wire_words()
        return "" if any(fnmatchcase(word, pattern) for word in all_words) else f"no event is like {text}"
    return None


def _shape(text: str, page: Page) -> str | None:
    """Ids and the like: ``cus_...``."""
    if not re.fullmatch(r"[\w:-]+\.\.\.", text):
        return None
    start = text.removesuffix("...")
    known = vocabulary.wire_words() | vocabulary.words()
    begins = start.rstrip("_-:") in known or any(word.startswith(start) for word in known)
    return "" if begins else f"nothing begins with {start}"


def _file(text: str, page: Page) -> str | None:
    if not re.fullmatch(r"[\w./-]+", text) or not ("/" in text or re.search(r"\.(py|md|toml|yaml|sql)$", text)):
        return None
    name = text.rstrip("/")
    known = name in vocabulary.files() or any(each.endswith(f"/{name}") for each in vocabulary.files())
    return "" if known else f"there is no file {text}"


def _address(text: str, page: Page) -> str | None:
    if not text.startswith("https://"):
        return None
    return "" if text in vocabulary.wire_words() else f"nothing is sent to {text}"


def _keyword(text: str, page: Page) -> str | None:
    """``url=``, ``allow_second=True``, ``checkout="invoice"``."""
    match = re.fullmatch(r"(\w+) ?= ?(.*)", text)
    if match is None:
        return None
    name, value = match.groups()
    if name not in vocabulary.words() and name not in page.local:
        return f"nothing takes {name}="
    if value in {"", "..."}:
        return ""
    return _expression(value, page) or ""


def _path_in_json(text: str, page: Page) -> str | None:
    if not re.fullmatch(r"[a-z_]+(\[\])?(\.[a-z_]+(\[\])?)*", text) or "[]" not in text:
        return None
    unknown = [part for part in re.split(r"[\[\].]+", text) if part and part not in vocabulary.wire_words()]
    return f"nobody reads {unknown[0]}" if unknown else ""


_RULES: tuple[Rule, ...] = (
    _word,
    _suffix,
    _command,
    _option,
    _event,
    _shape,
    _file,
    _address,
    _environment,
    _path_in_json,
    _keyword,
)


# --- expressions -----------------------------------------------------------------------------------------------------


def _expression(text: str, page: Page) -> str | None:
    text = re.sub(r"(\b\w+)=(?=[,)])", r"\1=...", text.removeprefix("@").removeprefix("except "))
    if text.startswith(("with ", "async with ")) and not text.endswith(":"):
        text = text if text.endswith("...") and ":" in text else f"{text}: ..."
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return f"nothing is known of {text!r}"
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    unknown = [text for text in texts if re.fullmatch(r"[a-z_]+", text) and _word(text, page) is None]
    if unknown:
        return f"nothing is called {unknown[0]!r}"
    return next(iter(Walk(page).problems(tree)), None)


# --- blocks ----------------------------------------------------------------------------------------------------------


def _block(mention: Mention) -> str | None:
    """What is wrong with a block that is no Python."""
    lines = mention.text.splitlines()
    match mention.kind.removeprefix("block:"):
        case "console" | "":
            commands = [line.removeprefix("$ ") for line in lines if _is_command(line)]
            found = [command_problem(part.strip()) for command in commands for part in command.split("&&")]
        case "sql":
            found = [_sql_problem(mention.text)]
        case "toml":
            example = (vocabulary.ROOT / "examples" / "provider-plugin" / "pyproject.toml").read_text(encoding="utf-8")
            found = [None if line in example else f"the example has no {line}" for line in lines]
        case "{eval-rst}":
            found = [_directive_problem(mention.text)]
        case _:
            found = []
    return next((each for each in found if each), None)


def _is_command(line: str) -> bool:
    return bool(re.match(r"(\$|python|nox|pip|pytest) ", line))


def _sql_problem(text: str) -> str | None:
    code = re.sub(r"--.*", "", text)
    words = set(re.findall(r"(?<![:$'])\b[a-z_]+\b(?!')", code)) | set(re.findall(r"(?<!:):([a-z_]+)", code))
    own = set(re.findall(r"([a-z_]+) as \(", code)) | set(re.findall(r"as ([a-z_]+)", code))
    unknown = sorted(words - own - foreign.SQL - vocabulary.tables() - vocabulary.words())
    return f"no table has {unknown[0]}" if unknown else None


def _directive_problem(text: str) -> str | None:
    """``.. autoclass:: paylattice.Money`` with ``:members: of, these``."""
    subject: list[object] = []
    for directive, name, listed in re.findall(
        r"^\.\. (\w+):: ([\w.]+)$|^   :(?:exclude-)?members: ((?:.|\n      )+)$", text, re.MULTILINE
    ):
        if directive:
            package, *parts = name.split(".")
            subject = [paylattice] if package == "paylattice" else []
            for part in parts:
                subject = distinct(each for thing in subject for each in attribute(thing, part))
            if not subject:
                return f"there is no {name}"
        for member in re.split(r"[,\s]+", listed):
            if member and not member.startswith("__") and not any(attribute(thing, member) for thing in subject):
                return f"{subject} has no {member}"
    return None


# --- references ------------------------------------------------------------------------------------------------------


def _role(mention: Mention, page: Page) -> str | None:
    target = mention.text.removesuffix("()")
    if mention.kind == "doc":
        return None if f"docs/{target}.md" in vocabulary.files() else f"there is no page {target}"
    if mention.kind in {"eval-rst", "ref"}:
        return None
    return None if any(_found_from_a_root(target.lstrip("."), mention, page)) else f"there is no {target}"


def _found_from_a_root(name: str, mention: Mention, page: Page) -> Iterator[bool]:
    first, *rest = name.split(".")
    roots: list[object] = []
    if first in page.local:
        roots += page.local[first]
    if first in vocabulary.public():
        roots += vocabulary.public()[first]
    if first == "paylattice":
        roots.append(paylattice)
    package = mention.module if mention.page.endswith("__init__.py") else mention.module.rpartition(".")[0]
    sibling = vocabulary.modules().get(f"{package}.{first}")
    if sibling is not None:
        roots.append(sibling)
    for root in roots:
        found: list[object] = [root]
        for part in rest:
            found = distinct(each for thing in found for each in attribute(thing, part))
        yield bool(found)


# --- docstrings ------------------------------------------------------------------------------------------------------


def docstring_problems(mentions: Iterable[Mention]) -> list[str]:
    """What is wrong in the docstrings of a module."""
    found: list[str] = []
    for mention in mentions:
        why = problem(mention, Page(local=_names_around(mention.module, mention.owner)))
        if why is not None:
            found.append(f"{mention.place}: `{mention.text}`: {why}")
    return found


@cache
def _names_around(module: str, owner: tuple[str, ...]) -> Mapping[str, tuple[object, ...]]:
    """The names that a docstring may use as its own: of its module, its class, its function's parameters."""
    home = vocabulary.modules()[module]
    names: dict[str, tuple[object, ...]] = {name: (value,) for name, value in vars(home).items()}
    thing: object = home
    for name in owner:
        thing = inspect.getattr_static(thing, name, None) if isinstance(thing, type) else getattr(thing, name, None)
        thing = thing.__func__ if isinstance(thing, classmethod | staticmethod) else thing
        thing = thing.fget if isinstance(thing, property) else thing
        names |= dict.fromkeys(parameters(thing) or (), (UNKNOWN,))
        if isinstance(thing, type):
            names |= {member: tuple(attribute(thing, member)) or (UNKNOWN,) for member in members(thing)}
    return names
