"""Command lines: the program, its subcommands and options, the variables before it."""

import re
import shlex
from itertools import pairwise

from . import vocabulary

_DELIVERY = "body.bin"
"""The reader's own file, which has one name on all pages."""


def command_problem(line: str) -> str | None:
    """What is wrong with a command line; None if its program, its subcommands and its variables are there."""
    try:
        given = shlex.split(line, comments=True)
    except ValueError:
        given = line.split()
    while given and re.fullmatch(r"[A-Z][A-Z0-9_]*=.*", given[0], re.DOTALL):
        name = given.pop(0).partition("=")[0]
        if name not in vocabulary.environment_variables():
            return f"nothing reads {name}"
    match given:
        case ["export", *assignments]:
            names = [each.partition("=")[0] for each in assignments]
            unknown = [name for name in names if name not in vocabulary.environment_variables()]
            return f"nothing reads {unknown[0]}" if unknown else None
        case ["pip", "install", *packages]:
            return _packages(packages)
        case ["nox", *rest]:
            return _nox(rest)
        case ["python", "-m", module, *rest]:
            return _module(module, rest)
        case ["python", script, *_]:
            found = any(each == script or each.endswith(f"/{script}") for each in vocabulary.files())
            return None if found else f"there is no {script}"
        case ["celery", "-A", target, "worker"] | ["arq", target]:
            return _attribute_of_a_script(target.replace(":", "."))
        case ["pytest", "--pyargs", package]:
            found = any(each.endswith(f"/{package}") for each in vocabulary.files())
            return None if found else f"there is no package {package}"
        case ["pytest", "-rs"] | [("curl" | "openssl" | "stripe" | "git" | "."), *_]:
            return None
    return f"nothing is known of the command {line!r}"


def _module(module: str, arguments: list[str]) -> str | None:
    match module, arguments:
        case "pip", ["install", *packages]:
            return _packages(packages)
        case "nox", _:
            return _nox(arguments)
        case "pytest", _:
            return next(filter(None, map(_test, arguments)), None)
        case "paylattice", [command, *rest]:
            return _paylattice(command, rest)
        case ("paylattice", []) | ("pre_commit", ["install"]) | ("venv", [_]):
            return None
    return f"nothing is known of python -m {module}"


def _test(argument: str) -> str | None:
    """What is wrong with an argument of pytest: its file, or its test, is not there."""
    if argument.startswith("-"):
        return None
    path, _, test = argument.partition("::")
    if path not in vocabulary.files():
        return f"there is no {path}"
    found = not test or f"def {test}(" in (vocabulary.ROOT / path).read_text(encoding="utf-8")
    return None if found else f"{path} has no {test}"


def _packages(packages: list[str]) -> str | None:
    groups = {following for option, following in pairwise(packages) if option == "--group"}
    if groups - vocabulary.groups():
        return f"there is no dependency group {min(groups - vocabulary.groups())}"
    for package in packages:
        if package in {"-e", "--upgrade", "--group"} or package in groups:
            continue
        name, _, chosen = package.rstrip("]").partition("[")
        name = "paylattice" if name == "." else name
        if name not in vocabulary.distributions() and name != "paylattice-acme":
            return f"the project does not name the package {name}"
        unknown = [
            extra for extra in chosen.split(",") if extra and name == "paylattice" and extra not in vocabulary.extras()
        ]
        if unknown:
            return f"there is no extra {unknown[0]}"
    return None


def _nox(arguments: list[str]) -> str | None:
    match arguments:
        case [] | ["-l"]:
            return None
        case ["-R", *rest]:
            return _nox(rest)
        case ["-s", session, *rest]:
            name = session.partition("-3.")[0]
            if name not in vocabulary.sessions() and session != "NAME":
                return f"there is no session {session}"
            options = [each for each in rest if each.startswith("--") and each != "--"]
            wrong = next(filter(None, map(_test, (each for each in rest if each.startswith("tests/")))), None)
            if wrong:
                return wrong
            providers = [each for each in rest if re.fullmatch(r"[a-z]+", each)]
            if set(providers) - set(vocabulary.PROVIDERS):
                return f"there is no provider {providers[0]}"
            source = vocabulary.sessions().get(name, "")
            if name == "record":
                source += (vocabulary.ROOT / "tests" / "testing" / "cassettes" / "record.py").read_text(
                    encoding="utf-8"
                )
            unknown = [option for option in options if option not in source]
            return f"{name} takes no {unknown[0]}" if unknown else None
    return f"nothing is known of nox {' '.join(arguments)}"


def _paylattice(command: str, arguments: list[str]) -> str | None:
    text = vocabulary.help_of(command)
    if text is None:
        return f"python -m paylattice has no command {command}"
    unknown = [each for each in arguments if each.startswith("-") and each not in text]
    if unknown:
        return f"{command} takes no {unknown[0]}"
    headers = [each.partition(":")[0] for each in arguments if ": " in each]
    if any(header not in vocabulary.wire_words() for header in headers):
        return f"nothing reads the header {headers[0]}"
    if command == "webhook" and arguments[1:2] not in ([], [_DELIVERY]):
        return f"the saved delivery is called {_DELIVERY}"
    names = arguments[:1] if command in {"check", "webhook"} else []
    wrong = [name for name in names if name not in vocabulary.PROVIDERS and name != "NAME"]
    return f"there is no provider {wrong[0]}" if wrong else None


def _attribute_of_a_script(target: str) -> str | None:
    module, _, name = target.rpartition(".")
    scripts = [each for each in vocabulary.files() if each.endswith(f"/{module}.py")]
    for script in scripts:
        source = (vocabulary.ROOT / script).read_text(encoding="utf-8")
        if re.search(rf"^(class )?{name}\b", source, re.MULTILINE):
            return None
    return f"there is no {target}"
