"""Each counter of the conservation rule is needed: with any one increment deleted, a check fails."""

import ast
import importlib
import json
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import pytest

from stream_processors.steps.conservation import FATES, OUTCOMES, violations
from tests.changed_modules import second_copy, source_of
from tests.oracle import expected_outcomes
from tests.property.test_conservation import BASE
from tests.random_logs import random_log
from tests.records import RULES, numbers, records, replayed

Event = dict[str, Any]
Log = list[Event]

STEPS = "stream_processors.steps"
COUNTING = ("admit", "closing", "conservation", "seal")


def tree_of(module: str) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(source_of(f"{STEPS}.{module}"))


def is_increment(statement: ast.AST) -> bool:
    """Whether a statement adds to a counter: an attribute, a mapping's entry, or a mapping as a whole."""
    if isinstance(statement, ast.AugAssign):
        return not isinstance(statement.target, ast.Name)
    call = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "update"


class Without(ast.NodeTransformer):
    """Replaces one increment, by its line, with nothing."""

    def __init__(self, line: int) -> None:
        self.line = line

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Drop the increment of that line."""
        if is_increment(node) and isinstance(node, ast.stmt) and node.lineno == self.line:
            return ast.Pass()
        return super().generic_visit(node)


def increments() -> list[tuple[str, int]]:
    """(module, line) of every increment of a counter."""
    found = [(module, node) for module in COUNTING for node in ast.walk(tree_of(module)) if is_increment(node)]
    return [(module, node.lineno) for module, node in found if isinstance(node, ast.stmt)]


@contextmanager
def steps_with(module: str, tree: ast.Module) -> Iterator[ModuleType]:
    """A second copy of the steps, one of its modules changed; yields its `replay`."""
    with second_copy([STEPS], {f"{STEPS}.{module}": ast.unparse(tree)}):
        yield importlib.import_module(f"{STEPS}.replay")


@cache
def rich_log() -> Log:
    """A log in which every outcome and fate occurs, in closed rounds and, where it can, in open ones."""
    log: Log = []
    for number in range(30):
        text = json.dumps(random_log(random.Random(number)))
        for name in (BASE, "st-bert"):
            text = text.replace(f'"{name}"', f'"{name}-{number}"')
        events = json.loads(text)
        log += events if number < 20 else [event for event in events if event["type"] != "round.closed"]
    return log


def noticed(module: ModuleType) -> bool:
    """Whether the rule or the oracle objects to what a copy of the steps makes of the rich log."""
    result = module.replay(records(rich_log()), RULES)
    if violations(result.outcomes()):
        return True
    outcomes = numbers(result.outcomes())
    expected = expected_outcomes(rich_log())
    return any(
        {name: outcomes.get(bucket, Counter())[name] for name in counts} != counts
        for bucket, counts in expected.items()
    )


def test_the_rich_log_has_every_outcome_and_the_unchanged_steps_pass() -> None:
    with steps_with("admit", tree_of("admit")) as module:
        assert not noticed(module)
    total: Counter[str] = Counter()
    for counts in numbers(replayed(rich_log()).outcomes()).values():
        total.update(counts)
    assert all(total[name] for name in (*OUTCOMES, *FATES))


@pytest.mark.parametrize(("module", "line"), increments())
def test_a_counter_that_is_not_incremented_is_noticed(module: str, line: int) -> None:
    with steps_with(module, Without(line).visit(tree_of(module))) as changed_steps:
        assert noticed(changed_steps), f"{module}.py, line {line}: nothing notices when it is left out"


def test_increments_are_found_in_every_module_that_counts() -> None:
    assert {module for module, _ in increments()} == set(COUNTING)
    assert len(increments()) >= 19
