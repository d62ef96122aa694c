"""Importing names when they are first used, without hiding why that fails.

Python takes an AttributeError of a module that looks up its own names for "there is no such name":
``from paylattice import Money`` would then say "cannot import name", whatever happened inside. So what goes wrong in a module
that exists leaves as an ImportError.
"""

from importlib import import_module

__all__ = ["attribute_of", "submodule"]


def submodule(name: str) -> object:
    """The module.

    Raises:
        ImportError: it cannot be imported; says why.
    """
    try:
        return import_module(name)
    except AttributeError as error:
        message = f"{name} cannot be imported: {type(error).__name__}: {error}"
        raise ImportError(message, name=name) from error


def attribute_of(module: str, name: str) -> object:
    """An attribute of a module that has it.

    Raises:
        ImportError: the module cannot be imported, or is being imported just now; says why.
    """
    found = submodule(module)
    try:
        return getattr(found, name)
    except AttributeError as error:
        message = f"{name} cannot be imported from {module}: {error}"
        raise ImportError(message, name=module) from error
