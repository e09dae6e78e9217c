"""Libraries that few command lines use are loaded at their first use; a node loads them at its start."""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any

DEFERRED = ("aiohttp", "jsonschema", "referencing", "yaml")


class Promised(ModuleType):
    """A package that is there in name; who wants something of it has it loaded."""

    def __getattr__(self, name: str) -> Any:
        spec = self.__spec__
        assert spec is not None
        assert spec.loader is not None
        self.__class__ = ModuleType  # type: ignore[assignment]  # what it is from now on
        self.__path__ = spec.submodule_search_locations or []
        spec.loader.exec_module(self)
        return getattr(self, name)


def defer() -> None:
    """Let an import of these only promise them."""
    for name in DEFERRED:
        spec = None if name in sys.modules else find_spec(name)
        if spec is not None:
            module = sys.modules[name] = module_from_spec(spec)
            module.__class__ = Promised
            del module.__path__  # an import of a part of it loads it too


def settle() -> None:
    """Load them now: two threads must not both be the first to use one, nor anybody wait for it later."""
    for name in DEFERRED:
        getattr(sys.modules.get(name), "__path__", None)
