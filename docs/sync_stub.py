"""Writes ``paylattice/sync.pyi``: what editors and type checkers see of the blocking API.

``paylattice.sync`` makes its methods from those of the async classes while it is loaded. A type checker can follow that; most
editors cannot. So the stub says it in full: each signature is copied from the source of the async method.
``docs/generate.py`` runs this, and a test fails when the committed stub is stale.
"""

import ast
import builtins
import copy
import re
from functools import cache
from pathlib import Path

from paylattice.operations import OPERATIONS
from paylattice.provider import BaseProvider

SRC = Path(__file__).parents[1] / "src"
HOME = "paylattice.sync"
STUB = SRC / "paylattice" / "sync.pyi"
WIDTH = 120
BUILT_IN = {
    "StripeProvider": ("stripe", "StripeConfig"),
    "PayPalProvider": ("paypal", "PayPalConfig"),
    "SquareProvider": ("square", "SquareConfig"),
    "InMemoryProvider": ("memory", "MemoryConfig"),
}
"""The blocking classes of the built-in providers: the name that is asked for, and the class of the settings."""
DECORATORS = {"property", "contextmanager", "asynccontextmanager", "overload", "classmethod", "staticmethod"}
DRIVEN, AWAITED = {"blocking", "twin"}, {"awaitable"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(module: str) -> ast.Module:
    """The source of a module of the package."""
    path = SRC.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def names(module: str) -> dict[str, tuple[str, str]]:
    """What each name of a module stands for: a module, and the name there."""
    package = module.split(".") if SRC.joinpath(*module.split(".")).is_dir() else module.split(".")[:-1]
    found: dict[str, tuple[str, str]] = {}
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            home = ".".join([*above, *filter(None, [node.module])])
            found |= {each.asname or each.name: (home, each.name) for each in node.names}
    for node in tree(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found[node.name] = (module, node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {each.id: (module, each.id) for each in targets if isinstance(each, ast.Name)}
    return found


def found(module: str, name: str) -> tuple[str, str]:
    """Where a name of a module is really defined, as far as the package goes."""
    home, there = names(module).get(name, (module, name))
    while home.startswith("paylattice") and names(home).get(there, (home, there)) != (home, there):
        home, there = names(home)[there]
    return home, there


def class_of(module: str, name: str) -> tuple[str, ast.ClassDef]:
    """A class as a module knows it: where it is defined, and how."""
    home, there = found(module, name)
    return home, next(node for node in tree(home).body if isinstance(node, ast.ClassDef) and node.name == there)


def takes_more(method: Function) -> bool:
    """Whether a provider's method takes arguments that the protocol's does not."""
    _, known = methods("paylattice.protocol", "PaymentProvider", method.name)
    theirs = {each.arg for like in known for each in like.args.kwonlyargs}
    return bool(known) and any(each.arg not in theirs for each in method.args.kwonlyargs)


def methods(module: str, name: str, method: str) -> tuple[str, list[Function]]:
    """The definitions of a method: its overloads, or the one that it has; a class that inherits it is followed."""
    home, cls = class_of(module, name)
    defined = [each for each in cls.body if isinstance(each, Function) and each.name == method]
    if not defined:
        bases = [base.value if isinstance(base, ast.Subscript) else base for base in cls.bases]
        for base in bases:
            if isinstance(base, ast.Name) and found(home, base.id)[0].startswith("paylattice"):
                there, inherited = methods(home, base.id, method)
                if inherited:
                    return there, inherited
        return home, []
    return home, [each for each in defined if "overload" in decorators(each)] or defined


def decorators(node: Function | ast.ClassDef) -> list[str]:
    """The names of the decorators, without what they are given."""
    plain = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    return [ast.unparse(each) for each in plain]


class Stub(ast.NodeTransformer):
    """The text of the stub, and what it has to import for that."""

    def __init__(self) -> None:
        self.own = {node.name for node in tree(HOME).body if isinstance(node, ast.ClassDef)}
        self.imports: set[tuple[str, str, str]] = set()
        self.variables: dict[str, str] = {}
        self.module = HOME
        self.lines: list[str] = []

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """A name, by the name that it has in the stub."""
        if hasattr(builtins, node.id):
            return node
        home, there = found(self.module, node.id)
        there = there.removesuffix("_contra")  # of a protocol; the class that keeps it has the variable itself
        if home == HOME:
            if there not in self.own and there not in self.variables:
                self.variables[there] = self.variable(there)
            return ast.Name(there)
        alias = f"Async{there}" if there in self.own else there
        self.imports.add((home, there, alias))
        return ast.Name(alias)

    def variable(self, name: str) -> str:
        """A type variable of the module's own."""
        assigned = (each for each in tree(HOME).body if isinstance(each, ast.Assign))
        node = next(each for each in assigned if ast.unparse(each.targets[0]) == name)
        assert isinstance(node.value, ast.Call)  # noqa: S101 - a script
        of = [self.visit(node.value.func), *(self.visit(each.value) for each in copy.deepcopy(node.value.keywords))]
        return ast.unparse(node) if of else ""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """A type that was written as a text."""
        return self.visit(ast.parse(node.value, mode="eval").body) if isinstance(node.value, str) else node

    def text(self, module: str, node: ast.expr) -> str:
        """A type, as it is written in the stub."""
        self.module = module
        return ast.unparse(self.visit(copy.deepcopy(node)))

    def default(self, node: ast.expr) -> str:
        """A default value, if it is one that a reader understands."""
        return ast.unparse(node) if isinstance(node, ast.Constant) else "..."

    def parameter(self, module: str, node: ast.arg, default: ast.expr | None = None, stars: str = "") -> str:
        """A parameter with its type and its default."""
        typed = f": {self.text(module, node.annotation)}" if node.annotation else ""
        value = "" if default is None else f"{' = ' if typed else '='}{self.default(default)}"
        return f"{stars}{node.arg}{typed}{value}"

    def parameters(self, module: str, given: ast.arguments) -> list[str]:
        """The parameters of a function."""
        positional = [*given.posonlyargs, *given.args]
        missing: list[ast.expr | None] = [None] * (len(positional) - len(given.defaults))
        made = [self.parameter(module, *each) for each in zip(positional, [*missing, *given.defaults], strict=True)]
        if given.posonlyargs:
            made.insert(len(given.posonlyargs), "/")
        if given.vararg:
            made.append(self.parameter(module, given.vararg, stars="*"))
        elif given.kwonlyargs:
            made.append("*")
        made += [self.parameter(module, *each) for each in zip(given.kwonlyargs, given.kw_defaults, strict=True)]
        if given.kwarg:
            made.append(self.parameter(module, given.kwarg, stars="**"))
        return made

    def function(self, module: str, node: Function, *, awaited: bool = False, indent: str = "    ") -> None:
        """A function without its body."""
        for each in decorators(node):
            if each in DECORATORS:
                self.lines.append(f"{indent}@{self.text(module, ast.Name(each))}")
        start = f"{indent}{'async ' if awaited else ''}def {node.name}("
        end = f") -> {self.text(module, node.returns) if node.returns else 'None'}:"
        made = self.parameters(module, node.args)
        if len(start) + len(", ".join(made)) + len(end) <= WIDTH:
            self.lines.append(f"{start}{', '.join(made)}{end}")
        else:
            self.lines += [start, *(f"{indent}    {each}," for each in made), f"{indent}{end}"]
        said = (ast.get_docstring(node) or "").partition("\n\n")[0].splitlines()
        if not said or "overload" in decorators(node):
            self.lines[-1] += " ..."
        elif len(said) == 1:
            self.lines.append(f'{indent}    """{said[0]}"""')
        else:
            self.lines += [
                f'{indent}    """{said[0]}',
                *(f"{indent}    {each}" for each in said[1:]),
                f'{indent}    """',
            ]
        self.lines.append("")

    def made(self, node: ast.expr | None, name: str) -> bool:
        """A method that is made from another one, ``blocking(PaymentProvider.get_customer)``: the signature of that."""
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DRIVEN | AWAITED):
            return False
        of = node.args[0]
        assert isinstance(of, ast.Attribute)  # noqa: S101 - a script
        assert isinstance(of.value, ast.Name)  # noqa: S101 - a script
        module, defined = methods(HOME, of.value.id, of.attr)
        for each in defined:
            self.function(module, each, awaited=node.func.id in AWAITED)
        return bool(defined) or bool(name)

    def member(self, node: ast.stmt) -> None:
        """What a class has."""
        if isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            self.made(node.value, ast.unparse(target))
        elif isinstance(node, Function):
            if node.name in {"__getattr__", "__dir__"}:  # what they find is written out
                return
            if not any(self.made(each, node.name) for each in node.decorator_list):
                awaited = isinstance(node, ast.AsyncFunctionDef) and "asynccontextmanager" not in decorators(node)
                self.function(HOME, node, awaited=awaited)
                if node.name == "__init__":
                    self.attributes(node)

    def attributes(self, node: Function) -> None:
        """The public attributes that a constructor makes."""
        for each in ast.walk(node):
            if (
                isinstance(each, ast.AnnAssign)
                and isinstance(each.target, ast.Attribute)
                and each.target.attr[0] != "_"
            ):
                self.lines += [f"    {each.target.attr}: {self.text(HOME, each.annotation)}", ""]

    def cls(self, node: ast.ClassDef) -> None:
        """A class."""
        bases = ", ".join(self.text(HOME, base) for base in node.bases)
        self.lines.append(f"class {node.name}({bases}):" if bases else f"class {node.name}:")
        said = (ast.get_docstring(node) or "").partition("\n\n")[0].replace("\n", " ")
        self.lines += [f'    """{said}"""', ""] if said else []
        if node.name in BUILT_IN:
            self.built_in(node.name)
        before = len(self.lines)
        for each in node.body:
            self.member(each)
        if "drives" in decorators(node):
            for name in OPERATIONS:
                module, defined = methods(HOME, "PaymentProvider", name)
                for each in defined:
                    self.function(module, each)
        if len(self.lines) == before and node.name not in BUILT_IN and not said:
            self.lines.append("    ...")

    def built_in(self, name: str) -> None:
        """What only this provider has: its own operations, and the controls of the embedded one."""
        module = f"paylattice.providers.{BUILT_IN[name][0]}"
        wrapped = f"Async{name}"
        self.imports.add((module, name, wrapped))
        self.lines += [
            f"    def __init__(self, wrapped: {wrapped}, *, transport: Transport | None = None) -> None: ...",
            "    @property",
            f"    def wrapped(self) -> {wrapped}:",
            '        """The provider itself."""',
            "",
        ]
        home, cls = class_of(module, name)
        bases = [base.id for base in cls.bases if isinstance(base, ast.Name)]
        for there, part in [class_of(home, base) for base in bases] + [(home, cls)]:
            for each in part.body:
                if not isinstance(each, Function):
                    continue
                plain = isinstance(each, ast.FunctionDef) and name != "InMemoryProvider" and each.name[0] != "_"
                own = plain and not hasattr(BaseProvider, each.name)
                if own or "provider_specific" in decorators(each) or takes_more(each):
                    self.function(there, each)
        if name == "InMemoryProvider":
            home, cls = class_of(home, "Controls")
            for each in cls.body:
                if isinstance(each, Function) and not each.name.startswith("_"):
                    self.function(home, each)

    def create_provider(self, node: ast.FunctionDef) -> None:
        """The overloads: a built-in name gives the class of that provider."""
        for cls, (name, config) in BUILT_IN.items():
            self.imports.add((f"paylattice.providers.{name}", config, config))
            special = copy.deepcopy(node)
            special.name, special.returns = node.name, ast.Name(cls)
            self.lines.append("@overload")
            made = self.parameters(HOME, special.args)
            made[0] = f'name: Literal["{name}"]'
            made = [re.sub(r"\bProviderConfig\b", config, each) for each in made]
            self.lines += ["def create_provider(", *(f"    {each}," for each in made), f") -> {cls}: ...", ""]
        self.lines.append("@overload")
        self.function(HOME, node, indent="")
        self.imports |= {("typing", each, each) for each in ("Literal", "overload")}


def stub() -> str:
    """The text of ``paylattice/sync.pyi``."""
    exported = ast.literal_eval(
        next(
            each.value
            for each in tree(HOME).body
            if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__all__"
        )
    )
    elsewhere = "\n".join(path.read_text(encoding="utf-8") for path in (SRC / "paylattice").rglob("*.py"))
    asked = set(re.findall(r"from \.+sync import (\w+)", elsewhere)) | set(exported)
    made = Stub()
    for node in tree(HOME).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            made.cls(node)
        elif isinstance(node, ast.FunctionDef) and node.name == "create_provider":
            made.create_provider(node)
        elif isinstance(node, ast.FunctionDef) and node.name in asked:
            made.function(HOME, node, indent="")
    if "run" in exported:
        made.imports.add(("paylattice.driving", "run", "run"))
    lines = [
        '"""What editors and type checkers see of ``paylattice.sync``."""',
        "",
        "# made by docs/sync_stub.py from the async classes: change those, then run docs/generate.py",
        "",
    ]
    imports: dict[str, list[str]] = {}
    for home, name, alias in sorted(made.imports):
        where = home.removeprefix("paylattice") if home.startswith("paylattice") else home
        imports.setdefault(where or ".", []).append(f"{name} as {alias}" if alias != name or alias == "run" else name)
    lines += [
        f"from {home} import {', '.join(each)}"
        for home, each in sorted(imports.items(), key=lambda each: each[0][0] == ".")
    ]
    lines += ["", f"__all__ = {ast.unparse(ast.parse(repr(exported)))}".replace("'", '"'), ""]
    lines += [made.variables[name] for name in sorted(made.variables)]
    return "\n".join([*lines, "", *made.lines]).rstrip() + "\n"


def write() -> None:
    """Write the stub."""
    STUB.write_text(stub(), encoding="utf-8")


if __name__ == "__main__":
    write()
