"""A second copy of modules of ours, some of them changed, so that a check can be shown to notice the change."""

import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType


class _Changed(MetaPathFinder, InspectLoader):
    """Imports modules from the sources given for them."""

    def __init__(self, sources: Mapping[str, str]) -> None:
        self.sources = sources

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The module if a source is given for it."""
        return ModuleSpec(name, self) if name in self.sources else None

    def get_source(self, fullname: str) -> str:
        """The changed source."""
        return self.sources[fullname]


def source_of(module: str) -> str:
    """A module's source as it is written."""
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text("utf-8")


def replaced(source: str, old: str, new: str) -> str:
    """The source with one text replaced; ValueError unless the text is there exactly once."""
    if source.count(old) != 1:
        raise ValueError(f"to be there once, and is there {source.count(old)} times: {old!r}")
    return source.replace(old, new)


@contextmanager
def second_copy(packages: Collection[str], sources: Mapping[str, str]) -> Iterator[None]:
    """While this lasts, imports from these packages give fresh modules, those with a source of their own from it."""
    original = _loaded(packages)
    for name in original:
        del sys.modules[name]
    finder = _Changed(sources)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in _loaded(packages):
            del sys.modules[name]
        sys.modules.update(original)
        for name, module in original.items():
            parent, _, own = name.rpartition(".")
            if parent:
                setattr(sys.modules[parent], own, module)


def _loaded(packages: Collection[str]) -> dict[str, ModuleType]:
    return {
        name: module
        for name, module in sys.modules.items()
        if any(name == package or name.startswith(f"{package}.") for package in packages)
    }
