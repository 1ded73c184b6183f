"""The rules of the house, checked on the text and the syntax tree of every module. Each check is shown to fail."""

import ast
import inspect
import io
import re
import statistics
import tokenize
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from faust.transport.consumer import Consumer

from deploy.settings import Settings
from stream_processors.topology import build
from tests.records import RULES

ROOT: Final = Path(__file__).parents[2]
Sources = Mapping[str, str]
"""Path from the repository's root to the text of a module."""

LANGUAGE: Final = frozenset({"abc", "collections", "dataclasses", "enum", "functools", "itertools", "types", "typing"})
VALUES: Final = frozenset(
    {"bisect", "datetime", "decimal", "fractions", "heapq", "json", "math", "operator", "statistics"}
)
TEXT: Final = frozenset({"hashlib", "hmac", "re", "string", "unicodedata", "pydantic", "pydantic_core"})
PURE_MODULES: Final = LANGUAGE | VALUES | TEXT
PURE_PACKAGES: Final = ("collections.abc", "schemas", "stream_processors.steps")
IMPURE_NAMES: Final = frozenset({"open", "print", "input", "eval", "exec", "__import__"})
CLOCK_READS: Final = frozenset({"now", "today", "utcnow"})

IMPORTERS: Final[Mapping[str, frozenset[str]]] = {
    "faust": frozenset({"stream_processors/topology.py", "stream_processors/delivery.py"}),
    "mode": frozenset({"stream_processors/delivery.py"}),
    "aiokafka": frozenset({"stream_processors/topology.py"}),
    "clickhouse_connect": frozenset({"stream_processors/database.py"}),
    "chdb": frozenset(),
    "confluent_kafka": frozenset(
        {"stream_processors/kafka_log.py", "deploy/embedded.py", "deploy/journal.py", "deploy/kafka_admin.py"}
    ),
    "kafka": frozenset({"producers/client.py", "stream_processors/writer.py"}),
    "prometheus_client": frozenset({"stream_processors/metrics.py"}),
    "pythonjsonlogger": frozenset({"stream_processors/logs.py"}),
    "redcap": frozenset({"producers/sources/redcap_api.py"}),
    "requests": frozenset({"producers/sources/redcap_api.py"}),
    "grafana_api": frozenset({"dashboards/publish.py"}),
    "yaml": frozenset({"deploy/resources.py", "producers/sources/yaml_text.py"}),
}

MEDIAN_LINES, NINE_OF_TEN_LINES, LONGEST_FUNCTION, LONGEST_MODULE = 10, 35, 60, 400


def _read(paths: Iterable[Path]) -> Sources:
    return {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in paths}


def _under(*folders: str) -> Sources:
    return _read(path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))


PRODUCT: Final = {
    **_under("schemas", "producers", "stream_processors", "dashboards", "deploy"),
    **_read([ROOT / "wardpulse.py"]),
}
CHECKS: Final = _under("tests", "benchmarks")
PURE: Final = {
    path: text for path, text in PRODUCT.items() if path.startswith(("schemas/", "stream_processors/steps/"))
}


def _imports(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")


def _is_pure(module: str) -> bool:
    return module in PURE_MODULES or any(module == pure or module.startswith(f"{pure}.") for pure in PURE_PACKAGES)


def impurities(source: str) -> list[str]:
    """What a pure module may not do: import other modules, read a clock, touch files or the terminal."""
    nodes = list(ast.walk(ast.parse(source)))
    names = {node.id for node in nodes if isinstance(node, ast.Name)} & IMPURE_NAMES
    clocks = {node.attr for node in nodes if isinstance(node, ast.Attribute)} & CLOCK_READS
    return sorted({*(module for module in _imports(source) if not _is_pure(module)), *names, *clocks})


def importers(sources: Sources, package: str) -> set[str]:
    """The modules that import a package or a part of it."""
    return {path for path, text in sources.items() if package in {name.split(".")[0] for name in _imports(text)}}


def function_lengths(source: str) -> list[int]:
    """Lines of every function, from its `def` to its end."""
    functions = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))
    return [(node.end_lineno or node.lineno) - node.lineno + 1 for node in functions]


def oversized(sources: Sources) -> list[str]:
    """Functions that are too long, one by one and as a distribution."""
    lengths = {path: function_lengths(text) for path, text in sources.items()}
    found = [
        f"{path}: {length} lines" for path, many in lengths.items() for length in many if length > LONGEST_FUNCTION
    ]
    every = sorted(length for many in lengths.values() for length in many)
    nine_of_ten = every[(9 * len(every) - 1) // 10]
    if statistics.median(every) > MEDIAN_LINES:
        found.append(f"the median is {statistics.median(every)} lines")
    if nine_of_ten > NINE_OF_TEN_LINES:
        found.append(f"the 90th percentile is {nine_of_ten} lines")
    return found


def long_modules(sources: Sources) -> list[str]:
    """Modules over the limit."""
    lines = {path: len(text.splitlines()) for path, text in sources.items()}
    return [f"{path}: {count} lines" for path, count in lines.items() if count > LONGEST_MODULE]


def undocumented(source: str) -> list[str]:
    """Public modules, classes and functions without a docstring; what is inside a function is not public."""
    return list(_undocumented(ast.parse(source), "module"))


def _undocumented(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, name: str) -> Iterator[str]:
    if ast.get_docstring(node) is None:
        yield name
    if isinstance(node, ast.Module | ast.ClassDef):
        for child in node.body:
            if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and child.name[0] != "_":
                yield from _undocumented(child, child.name)


def leftovers(source: str) -> list[str]:
    """Comments that put work off, and handlers that swallow every error."""
    comments = (t for t in tokenize.generate_tokens(io.StringIO(source).readline) if t.type == tokenize.COMMENT)
    postponed = [f"line {token.start[0]}" for token in comments if re.search(r"\b(TODO|FIXME)\b", token.string)]
    handlers = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ExceptHandler))
    return postponed + [f"line {node.lineno}" for node in handlers if _swallows(node)]


def _swallows(handler: ast.ExceptHandler) -> bool:
    everything = handler.type is None or ast.unparse(handler.type) in {"Exception", "BaseException"}
    return everything and all(isinstance(node, ast.Pass) or ast.unparse(node) == "..." for node in handler.body)


def _violations(sources: Sources, check: Callable[[str], list[str]]) -> dict[str, list[str]]:
    return {path: found for path, text in sources.items() if (found := check(text))}


def test_the_contract_and_the_steps_are_pure() -> None:
    assert _violations(PURE, impurities) == {}


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "import time",
        "import random",
        "from pathlib import Path",
        "import socket as s",
        "import os.path",
        "def f():\n    import io",
        "from . import rounds",
        "from deploy.settings import Settings",
        "from stream_processors import runner",
        "import concurrent.futures",
        "from datetime import datetime\ndatetime.now()",
        "from datetime import date\nf = date.today",
        "import datetime\ndatetime.datetime.utcnow()",
        "open('x')",
        "print('x')",
    ],
)
def test_the_purity_check_refuses(source: str) -> None:
    assert impurities(source)


def test_the_purity_check_allows_the_contract_and_pure_modules() -> None:
    assert (
        impurities("from collections.abc import Mapping\nimport schemas.events\nimport stream_processors.steps.seal")
        == []
    )


@pytest.mark.parametrize("package", sorted(IMPORTERS))
def test_each_outside_library_is_imported_by_its_shells_alone(package: str) -> None:
    assert importers(PRODUCT, package) <= IMPORTERS[package]


def test_the_importer_check_sees_every_spelling() -> None:
    sources = {
        "a": "import faust",
        "b": "def f():\n    from faust.types import TP",
        "c": "import faust.web as w",
        "d": "from faust_x import y",
    }
    assert importers(sources, "faust") == {"a", "b", "c"}


AUDITOR: Final = "stream_processors/audit/"
SHARED_WITH_THE_AUDITOR: Final = frozenset(
    {
        "schemas/canonical.py",
        "schemas/closed.py",
        "schemas/codec.py",
        "schemas/errors.py",
        "schemas/event.py",
        "schemas/events.py",
        "schemas/fields.py",
        "schemas/indicator.py",
        "schemas/policy.py",
        "schemas/season.py",
    }
)
"""The codec, with the contract that it reads and writes."""


def reached(sources: Sources, start: str) -> set[str]:
    """The modules of ours that a module loads, itself and what those load in turn included."""
    found, waiting = set[str](), [start]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [other for name in _loads(sources[path]) if (other := _path_of(name)) in sources]
    return found


def _loads(source: str) -> Iterator[str]:
    """Every name that may be a module: with `from a import b`, a and a.b."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _path_of(module: str) -> str:
    return module.replace(".", "/") + ".py"


@pytest.mark.parametrize("module", sorted(path for path in PRODUCT if path.startswith(AUDITOR)))
def test_the_auditor_shares_the_codec_with_the_anonymiser_and_nothing_else(module: str) -> None:
    shared = {path for path in reached(PRODUCT, module) if not path.startswith(AUDITOR)}
    assert shared <= SHARED_WITH_THE_AUDITOR
    # text that is given is read as CSV; no file is opened
    assert set(impurities(PRODUCT[module].replace("stream_processors.audit", "schemas"))) <= {"csv", "io"}


def test_what_a_module_reaches_is_followed_through_every_spelling() -> None:
    sources = {
        "a/b.py": "from c import d",
        "c/d.py": "import e.f",
        "e/f.py": "def late():\n    from g.h import i",
        "g/h.py": "",
        "x.py": "",
    }
    assert reached(sources, "a/b.py") == {"a/b.py", "c/d.py", "e/f.py", "g/h.py"}


def test_product_functions_are_small() -> None:
    assert oversized(PRODUCT) == []


@pytest.mark.parametrize("lengths", [[61, 2, 2], [11], [2] * 8 + [36, 36]])
def test_the_function_size_check_refuses(lengths: list[int]) -> None:
    assert oversized({"a": "\n".join("def f():\n" + "    1\n" * (length - 1) for length in lengths)})


def test_no_module_is_long() -> None:
    assert long_modules({**PRODUCT, **CHECKS}) == []


def test_the_module_size_check_refuses_the_first_line_over() -> None:
    assert long_modules({"short": "1\n" * LONGEST_MODULE, "long": "1\n" * (LONGEST_MODULE + 1)}) == ["long: 401 lines"]


def test_everything_public_is_documented() -> None:
    assert _violations(PRODUCT, undocumented) == {}


def test_the_docstring_check_names_what_is_public_and_silent() -> None:
    public = "class A:\n    def f(self): ...\n    def _g(self): ...\n"
    source = public + "class _B:\n    def h(self): ...\ndef k():\n    def m(): ..."
    assert undocumented(source) == ["module", "A", "f", "k"]


def missing_files(page: str, there: Callable[[str], bool]) -> list[str]:
    """The files of ours that a page names and that are not there."""
    named = re.findall(
        r"(?:schemas|producers|stream_processors|dashboards|deploy|tests|benchmarks|docs)/[\w./-]+\.\w+", page
    )
    return sorted({name for name in named if not there(name)})


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name
)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    def there(name: str) -> bool:
        return (ROOT / name).exists() or (page.parent / name).exists()

    assert missing_files(page.read_text("utf-8"), there) == []


def test_the_check_of_named_files_refuses() -> None:
    assert missing_files("see `tests/unit/test_gone.py` and docs/units.md", {"docs/units.md"}.__contains__) == [
        "tests/unit/test_gone.py"
    ]


def test_nothing_is_put_off_and_no_error_is_swallowed() -> None:
    assert _violations({**PRODUCT, **CHECKS}, leftovers) == {}


@pytest.mark.parametrize(
    "source",
    [
        "x = 1  # TODO later",
        "# FIXME",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    f()\nexcept BaseException as error:\n    ...",
        "try:\n    f()\nexcept:\n    pass",
    ],
)
def test_the_leftover_check_refuses(source: str) -> None:
    assert leftovers(source)


def test_the_leftover_check_allows_a_named_error_to_be_passed_over() -> None:
    assert leftovers("try:\n    f()\nexcept KeyError:\n    pass\ntext = 'TODO'") == []


def test_fausts_consumer_still_has_the_private_commit_we_use() -> None:
    assert inspect.iscoroutinefunction(Consumer._commit_offsets)
    assert list(inspect.signature(Consumer._commit_offsets).parameters)[:2] == ["self", "offsets"]
    assert "_commit_offsets" in PRODUCT["stream_processors/topology.py"]


def test_the_worker_serves_no_web_page_and_lets_faust_commit_nothing() -> None:
    app = build(Settings(), RULES)
    assert app.conf.web_enabled is False
    acks = {name: agent.channel.acks for name, agent in app.agents.items()}
    assert acks == {"anonymise": False, "analyse": False}


def test_the_worker_takes_its_name_and_session_from_the_settings() -> None:
    conf = build(Settings(client_id="st-anna", session_timeout_ms=30_000), RULES).conf
    assert (conf.broker_client_id, conf.broker_session_timeout, conf.broker_heartbeat_interval) == ("st-anna", 30, 10)
