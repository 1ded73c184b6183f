"""The golden messages under schemas/examples: what the codec must go on reading and refusing, byte for byte."""

from itertools import chain
from pathlib import Path
from typing import Final, get_args

import pytest

from schemas.codec import decode, encode
from schemas.errors import DataError, Reason
from schemas.events import AnyEvent
from schemas.topics import TOPICS, TopicSpec

FOLDER: Final = Path(__file__).parents[2] / "schemas" / "examples"


def short_name(spec: TopicSpec) -> str:
    """A topic's folder: `cohorts` for wellbeing.cohorts.v1."""
    return spec.topic.split(".")[1]


def examples(kind: str) -> list[tuple[TopicSpec, Path]]:
    """Every example of a kind with the topic it stands under."""
    return [(spec, path) for spec in TOPICS for path in sorted((FOLDER / short_name(spec) / kind).glob("*.json"))]


def name(value: object) -> str:
    """How a case is called in the report."""
    return short_name(value) if isinstance(value, TopicSpec) else getattr(value, "stem", "")


def message(path: Path) -> bytes:
    """The message of a file: its one line without the line's end."""
    return path.read_bytes().removesuffix(b"\n")


@pytest.mark.parametrize(("spec", "path"), examples("valid"), ids=name)
def test_a_valid_example_is_its_own_encoding_and_belongs_to_its_topic(spec: TopicSpec, path: Path) -> None:
    event = decode(message(path))
    assert encode(event) == message(path)
    assert event.type in spec.events
    assert path.read_bytes().count(b"\n") == 1
    assert path.name.startswith(event.type)


@pytest.mark.parametrize(("spec", "path"), examples("invalid"), ids=name)
def test_an_invalid_example_is_refused_for_the_reason_in_its_name(spec: TopicSpec, path: Path) -> None:
    with pytest.raises(DataError) as refused:
        decode(message(path))
    assert refused.value.reason == path.name.split("__")[0]


@pytest.mark.parametrize("spec", TOPICS, ids=name)
def test_every_event_type_of_a_topic_has_a_valid_example(spec: TopicSpec) -> None:
    shown = {decode(message(path)).type for of, path in examples("valid") if of is spec}
    assert shown == set(spec.events)


@pytest.mark.parametrize("spec", TOPICS, ids=name)
def test_every_topic_has_invalid_examples(spec: TopicSpec) -> None:
    assert any(of is spec for of, _ in examples("invalid"))


def test_every_event_of_the_contract_is_listed_for_one_topic() -> None:
    types = [event.model_fields["type"].default for event in get_args(AnyEvent)]
    assert sorted(chain.from_iterable(spec.events for spec in TOPICS)) == sorted(types)


def test_every_reason_the_codec_gives_has_an_example_but_the_one_for_size() -> None:
    given = {path.name.split("__")[0] for _, path in examples("invalid")}
    codec = {Reason.NOT_JSON, Reason.EMPTY, Reason.UNKNOWN_TYPE, Reason.UNSUPPORTED, Reason.POLICY_UNDER_FLOOR}
    fields = {Reason.BAD_SCHEMA, Reason.BAD_TOKEN, Reason.BAD_ANSWER, Reason.BAD_DATE, Reason.BAD_ORGANISATION}
    assert given == codec | fields


def test_no_example_stands_outside_a_topics_folder() -> None:
    listed = {path for _, path in chain(examples("valid"), examples("invalid"))}
    assert {path for path in FOLDER.rglob("*") if path.is_file()} == listed
