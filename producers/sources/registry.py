"""The sources there are: how each is read, and what a mapping may leave out because the system always does it so."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from producers.sources.csv_file import read_csv
from producers.sources.drafts import Outcome, outcomes
from producers.sources.fhir import read_fhir
from producers.sources.google_forms import RESPONSE, read_google_forms
from producers.sources.json_lines import read_json_lines
from producers.sources.mapping import Mapping as SurveyMapping
from producers.sources.qualtrics import read_qualtrics
from producers.sources.redcap import CHOOSING, GROUP, PERSON, read_redcap
from producers.sources.redcap import RESPONSE as REDCAP_RESPONSE
from producers.sources.sheet import Refused, Sheet
from schemas.errors import InputRefused
from schemas.instruments.scoring import Catalogue

Found = Iterator[Sheet | Refused]
SourceName = Literal["csv", "limesurvey", "qualtrics", "ms-forms", "google-forms", "redcap", "fhir", "jsonl"]
"""What `--source` takes."""


@dataclass(frozen=True)
class Extra:
    """Files beside the export: FHIR Questionnaires, and REDCap's data dictionary."""

    questionnaires: tuple[Path | bytes, ...] = ()
    dictionary: Path | bytes | None = None


NOTHING: Final = Extra()


@dataclass(frozen=True)
class Given:
    """What a source reads: a file, the mapping, and the files beside it."""

    file: Path | bytes
    mapping: SurveyMapping
    extra: Extra


@dataclass(frozen=True)
class Source:
    """One kind of file.

    `columns`, `accept` and `settings` stand in a mapping unless it says otherwise; `accept` may name its `{survey}`.
    `signed_in`: the columns that hold who signed in; None if the mapping alone can know.
    """

    name: SourceName
    title: str
    read: Callable[[Given], Found]
    columns: Mapping[str, str] = field(default_factory=dict)
    accept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    signed_in: frozenset[str] | None = None

    def completed(self, content: Any) -> Any:
        """What a mapping file holds, with what may be left out for this source."""
        if not isinstance(content, dict):
            return content
        filled = {**self.settings, **content}
        columns = filled.get("columns", {})
        if isinstance(columns, dict) and self.columns:
            filled["columns"] = {**self._columns(content), **columns}
        rules = filled.get("accept", [])
        rules = [rules] if isinstance(rules, dict) else rules
        if isinstance(rules, list):
            filled["accept"] = [*rules, *self._rules(content, rules)]
        return filled

    def _columns(self, content: Mapping[str, Any]) -> dict[str, str]:
        left_out = {"submitted"} if "submitted_on" in content else set()
        if content.get("identity") == "response":
            left_out.add("person")
        return {name: column for name, column in self.columns.items() if name not in left_out}

    def _rules(self, content: Mapping[str, Any], given: Sequence[Any]) -> Iterator[dict[str, Any]]:
        named = {str(rule.get("column")) for rule in given if isinstance(rule, dict)}
        survey = str(content.get("survey"))
        for column, values in self.accept.items():
            if column not in named:
                yield {"column": column, "values": [survey if value == "{survey}" else value for value in values]}

    def check_identity(self, mapping: SurveyMapping) -> None:
        """InputRefused if the mapping takes people for distinct whom this source does not tell from one another."""
        column = mapping.columns.person
        if mapping.identity != "person" or self.signed_in is None or mapping.signed_in or column in self.signed_in:
            return
        known = f"only {' or '.join(sorted(self.signed_in))} is" if self.signed_in else "no column of it is"
        raise InputRefused(
            f"{self.title} does not say that people signed in as what {column} holds ({known} known to): set identity: "
            "response in the mapping and open rounds with --identity response; or, if the survey made people sign in "
            "and this column holds who it was, write signed_in: true into the mapping"
        )


def read(
    export: Path | bytes,
    mapping: SurveyMapping,
    catalogue: Catalogue,
    source: SourceName = "csv",
    extra: Extra = NOTHING,
) -> Iterator[Outcome]:
    """What becomes of every answer sheet of a file.

    InputRefused, before the first, if the file as a whole or the mapping cannot be used.
    """
    chosen = SOURCES[source]
    chosen.check_identity(mapping)
    return outcomes(chosen.read(Given(export, mapping, extra)), mapping, catalogue)


def _lacking(mapping: SurveyMapping) -> dict[str, str]:
    """What to do where the column that names people is not there: such a survey does not know who answers."""
    if mapping.identity == "response" or mapping.columns.person is None:
        return {}
    advice = "a survey without it does not know who answers; set identity: response in the mapping, and open rounds so"
    return {mapping.columns.person: advice}


def _csv(given: Given) -> Found:
    return read_csv(given.file, given.mapping.used_columns(), given.mapping.header)


def _survey_csv(given: Given) -> Found:
    return read_csv(given.file, given.mapping.used_columns(), given.mapping.header, _lacking(given.mapping))


def _qualtrics(given: Given) -> Found:
    own = given.mapping
    return read_qualtrics(given.file, own.used_columns(), own.header, own.columns.response)


def _google_forms(given: Given) -> Found:
    own = given.mapping
    return read_google_forms(given.file, own.used_columns(), own.header, own.columns.submitted or "Timestamp")


def _redcap(given: Given) -> Found:
    own = given.mapping
    # a rule that chooses among the rows of a record leaves one, which any column may name
    chosen = any(rule.column in CHOOSING for rule in own.accept)
    response = REDCAP_RESPONSE if chosen else own.columns.response
    dictionary, items = given.extra.dictionary, own.item_columns()
    return read_redcap(given.file, own.used_columns(), own.header, dictionary, items, response)


def _json_lines(given: Given) -> Found:
    return read_json_lines(given.file, given.mapping.used_columns())


def _fhir(given: Given) -> Found:
    return read_fhir(given.file, given.extra.questionnaires)


SOURCES: Final[Mapping[SourceName, Source]] = {
    source.name: source
    for source in (
        Source("csv", "A CSV file", _csv),
        Source(
            "limesurvey",
            "LimeSurvey",
            _survey_csv,
            columns={"response": "id", "person": "token", "submitted": "submitdate"},
            signed_in=frozenset({"token"}),
        ),
        Source(
            "qualtrics",
            "Qualtrics",
            _qualtrics,
            columns={"response": "ResponseId", "person": "ExternalReference", "submitted": "RecordedDate"},
            accept={"Status": ("0", "IP Address"), "Finished": ("1", "True", "TRUE", "true")},
            signed_in=frozenset({"ExternalReference", "RecipientEmail"}),
        ),
        Source(
            "ms-forms",
            "Microsoft Forms",
            _survey_csv,
            columns={"response": "ID", "person": "Email", "submitted": "Completion time"},
            settings={"date_format": "%m/%d/%y %H:%M:%S"},
            signed_in=frozenset({"Email"}),
        ),
        Source(
            "google-forms",
            "Google Forms",
            _google_forms,
            columns={"response": RESPONSE, "submitted": "Timestamp"},
            settings={"date_format": "%m/%d/%Y %H:%M:%S"},
            signed_in=frozenset(),
        ),
        Source(
            "redcap",
            "REDCap",
            _redcap,
            columns={"response": REDCAP_RESPONSE, "person": PERSON, "unit": GROUP},
            signed_in=frozenset({PERSON}),
        ),
        Source(
            "fhir",
            "FHIR",
            _fhir,
            columns={
                "response": "$id",
                "person": "$author",
                "unit": "$organization",
                "submitted": "$authored",
                "revision": "$revision",
            },
            accept={"$questionnaire": ("{survey}",)},
            signed_in=frozenset({"$author", "$source", "$subject"}),
        ),
        Source(
            "jsonl",
            "A file of JSON lines",
            _json_lines,
            columns={"response": "response", "person": "person", "unit": "unit", "submitted": "submitted"},
        ),
    )
}
