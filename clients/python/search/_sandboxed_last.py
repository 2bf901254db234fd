"""Gives way: a module of the same name anywhere else on the search path is the one that is meant.

The directory of this file stands in PYTHONPATH, which Python searches early; with this it counts as the last one.
"""

import importlib
import importlib.util
import os
import sys
from importlib.machinery import PathFinder

HERE = os.path.dirname(os.path.abspath(__file__))
CLIENT = os.path.join(os.path.dirname(HERE), "sandboxed", "__init__.py")


def load(name):
    """Puts what belongs under the name into ``sys.modules``, from where the import that is going on takes it."""
    found = _elsewhere(name)
    if found is None and name != "sandboxed":
        sys.modules[name] = importlib.import_module("sandboxed")
        sys.meta_path.insert(0, Alias(name))
        return
    spec = found or importlib.util.spec_from_file_location(name, CLIENT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


class Alias:
    """Makes ``codex.errors`` the very module ``sandboxed.errors``, so that an exception has one class."""

    def __init__(self, name):
        self._prefix = name + "."

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name.startswith(self._prefix) else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__spec__.name
        sys.modules[name] = importlib.import_module("sandboxed." + name[len(self._prefix) :])


def _elsewhere(name):
    others = [path for path in sys.path if os.path.abspath(path or os.curdir) != HERE]
    for finder in sys.meta_path:
        found = finder.find_spec(name, others if finder is PathFinder else None)
        # A directory without code is no module: Python takes it only where there is nothing else.
        if found is not None and found.loader is not None and found.origin is not None:
            return found
    return None
