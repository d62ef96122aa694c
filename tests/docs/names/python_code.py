"""Goes through Python code, and notes every name that leads nowhere."""

# ruff: noqa: N815 - the names of ast.NodeVisitor
import ast
import importlib
import importlib.util
from collections.abc import Iterable, Mapping

import attrs

from paylattice import sync
from paylattice.provider import BaseProvider

from . import foreign, vocabulary
from .inference import UNKNOWN, Instance, arguments_fit, attribute, distinct, is_builtin, items, result


@attrs.frozen
class Page:
    """What is known of the page that a mention stands on.

    Args:
        defined: the names that its code blocks define.
        local: in docstrings: the names of the module, and of the classes and functions around.
        in_code: whether it is a code block, in which the application's own names occur.
    """

    defined: frozenset[str] = frozenset()
    local: Mapping[str, tuple[object, ...]] = attrs.field(factory=dict)
    in_code: bool = False


class Walk(ast.NodeVisitor):
    """Goes through code, one piece after another, and notes every name that leads nowhere.

    What it visits answers what the expression may be: see :mod:`.inference`.

    Args:
        page: where the code stands.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._scope: dict[str, list[object]] = {}
        self._own: frozenset[str] = frozenset()  # what the class that is being read has of its own
        self._found: list[str] = []

    def problems(self, tree: ast.AST) -> list[str]:
        """What is wrong with the names in the next piece."""
        self._found = []
        self.visit(tree)
        return self._found

    def generic_visit(self, node: ast.AST) -> list[object]:
        for child in ast.iter_child_nodes(node):
            self.visit(child)
        return [UNKNOWN]

    # --- what binds a name -------------------------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._scope[alias.asname or alias.name.partition(".")[0]] = self._module(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            found = [each for thing in self._module(node.module or "") for each in attribute(thing, alias.name)]
            if not found:
                self._found.append(f"{node.module} has no {alias.name}")
            self._scope[alias.asname or alias.name] = found or [UNKNOWN]

    def _module(self, name: str) -> list[object]:
        try:
            return [importlib.import_module(name)]
        except ImportError:
            top = name.partition(".")[0]
            if top == "paylattice" or top not in vocabulary.distributions() | foreign.MODULES:
                self._found.append(f"there is no module {name}")
        return [UNKNOWN]

    def visit_Assign(self, node: ast.Assign) -> None:
        value = self.visit(node.value)
        for target in node.targets:
            self._bind(target, value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        self._bind(node.target, self.visit(node.value) if node.value is not None else [])

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._bind(node.target, self._items(node.iter))
        for each in (*node.body, *node.orelse):
            self.visit(each)

    visit_AsyncFor = visit_For

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._bind(node.target, self._items(node.iter))
        for condition in node.ifs:
            self.visit(condition)

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> list[object]:
        for generator in node.generators:
            self.visit(generator)
        for part in ("elt", "key", "value"):
            if hasattr(node, part):
                self.visit(getattr(node, part))
        return [UNKNOWN]

    visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_ListComp

    def visit_withitem(self, node: ast.withitem) -> None:
        value = self.visit(node.context_expr)
        if node.optional_vars is not None:
            self._bind(node.optional_vars, value)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        caught = self.visit(node.type) if node.type is not None else [UNKNOWN]
        if node.name is not None:
            self._scope[node.name] = [Instance(each) for each in caught if isinstance(each, type)] or [UNKNOWN]
        for each in node.body:
            self.visit(each)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._scope[node.name] = [UNKNOWN]
        outer, self._own = self._own, self._own | _members(node)
        self.generic_visit(node)
        self._own = outer

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for each in (*node.decorator_list, *([node.returns] if node.returns is not None else [])):
            self.visit(each)
        self._inside(node.args, node.body)
        self._scope[node.name] = [UNKNOWN]

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> list[object]:
        self._inside(node.args, [node.body])
        return [UNKNOWN]

    def _inside(self, arguments: ast.arguments, body: Iterable[ast.AST]) -> None:
        outer = dict(self._scope)
        for default in (*arguments.defaults, *(each for each in arguments.kw_defaults if each is not None)):
            self.visit(default)
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg):
            if each is not None:
                if each.annotation is not None:
                    self.visit(each.annotation)
                self._scope[each.arg] = _by_name(each.arg, []) if each.annotation is None else [UNKNOWN]
        for statement in body:
            self.visit(statement)
        self._scope = outer

    def _bind(self, target: ast.expr, value: list[object]) -> None:
        if isinstance(target, ast.Name):
            self._scope[target.id] = _by_name(target.id, value)
            return
        if isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                self._bind(each, [inner for thing in value for inner in items(thing)])
            return
        self.visit(target)

    # --- values ------------------------------------------------------------------------------------------------------

    def visit_Expr(self, node: ast.Expr) -> None:
        self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> list[object]:
        return self._named(node.id)

    def _named(self, name: str, *, root: bool = False) -> list[object]:
        """What a name stands for; one at the root of a chain must stand for an object, and not only be a word."""
        if name in self._scope:
            return list(self._scope[name]) or [UNKNOWN]
        places = (self._page.local, vocabulary.VARIABLES, vocabulary.public())
        found = [thing for place in places for thing in place.get(name, ())]
        if found:
            return distinct(found)
        if self._page.in_code and name in foreign.NAMES:
            return [UNKNOWN]
        if importlib.util.find_spec(name) is not None:
            return [importlib.import_module(name)]
        known = name in self._page.defined or is_builtin(name)
        if not known and (root or name not in vocabulary.words()):
            self._found.append(f"nothing is called {name}")
        return [UNKNOWN]

    def visit_Attribute(self, node: ast.Attribute) -> list[object]:
        value = node.value
        if isinstance(value, ast.Name) and value.id == "self" and node.attr in self._own:
            return [UNKNOWN]
        before = self._named(value.id, root=True) if isinstance(value, ast.Name) else self.visit(value)
        found = distinct(each for thing in before for each in attribute(thing, node.attr))
        if not found and not (node.attr.startswith("_") and self._page.in_code):  # the reader's own
            self._found.append(f"{ast.unparse(value)} has no {node.attr}")
        return _any_provider(found) or [UNKNOWN]

    def visit_Call(self, node: ast.Call) -> list[object]:
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            self.visit(argument)
        called = self._called(node.func)
        wrong = [arguments_fit(node, thing) for thing in called if thing is not UNKNOWN]
        if wrong and all(wrong) and UNKNOWN not in called:
            self._found.append(f"{ast.unparse(node.func)} {wrong[0]}")
        self._check_words(node)
        return _any_provider(distinct(each for thing in called for each in result(thing))) or [UNKNOWN]

    def _called(self, function: ast.expr) -> list[object]:
        """A function that stands alone may be a method: ``advance(days=15)``."""
        if isinstance(function, ast.Name) and function.id not in self._scope and function.id not in self._page.local:
            found = vocabulary.methods().get(function.id)
            if found:
                return list(found)
        return self._value(function)

    def _check_words(self, node: ast.Call) -> None:
        """The name of a provider, and the word of an event, where a call takes one."""
        match node:
            case ast.Call(func=ast.Attribute(attr="on"), args=[ast.Constant(value=str(word))]):
                if ":" not in word and word not in vocabulary.EVENTS:
                    self._found.append(f"there is no event {word}")
            case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                if ast.unparse(function).endswith("create_provider") and name not in vocabulary.PROVIDER_NAMES:
                    self._found.append(f"there is no provider {name}")

    def visit_Await(self, node: ast.Await | ast.Starred) -> list[object]:
        return self._value(node.value)

    visit_Starred = visit_Await

    def visit_Subscript(self, node: ast.Subscript) -> list[object]:
        self.visit(node.slice)
        return self._items(node.value) or [UNKNOWN]

    def visit_Constant(self, node: ast.Constant) -> list[object]:
        return [UNKNOWN] if node.value is ... or node.value is None else [Instance(type(node.value))]

    def _value(self, node: ast.expr) -> list[object]:
        found: list[object] = self.visit(node)
        return found

    def _items(self, node: ast.expr) -> list[object]:
        return distinct(each for thing in self.visit(node) for each in items(thing))


def _members(node: ast.ClassDef) -> frozenset[str]:
    """The names that a class defines, and those that its methods set on ``self``."""
    stored = {
        each.attr for each in ast.walk(node) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
    }
    return frozenset(
        stored | {each.name for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    )


def _by_name(name: str, value: list[object]) -> list[object]:
    """A value that nothing is known of is what its name says."""
    known = [thing for thing in value if thing is not UNKNOWN]
    return known or list(vocabulary.VARIABLES.get(name, (UNKNOWN,)))


def _any_provider(found: list[object]) -> list[object]:
    """What is annotated as some provider may be any of them."""
    some = Instance(BaseProvider) in found or Instance(sync.Provider) in found
    return list(vocabulary.VARIABLES["provider"]) if some else found
