"""Whether each hash that calls itself a scoring key is that of its form's key.

Anything else might be another key, whose figures must not mix with these, or a token that was put there.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from schemas.canonical import sha256_hex
from stream_processors.audit.evidence import Evidence
from stream_processors.audit.instruments import Definition, limits
from stream_processors.audit.report import Finding

CHECK: Final = "scoring keys"


def findings(evidence: Evidence, definitions: Iterable[Definition]) -> Iterator[Finding]:
    """Keys that no definition gives, of forms that the round does not field, or of some of its forms alone."""
    expected = {form: _key(definition, form) for definition in definitions for form in definition["forms"]}
    fielded: dict[tuple[str, str], set[str]] = {}
    for sealed in evidence.rounds:
        fielded.setdefault((sealed.facility, sealed.round), set()).add(sealed.form)
    named: dict[tuple[str, str, str], set[str]] = {}
    for row in evidence.keys:
        named.setdefault((row.facility, row.round, row.at), set()).add(row.form)
        if expected.get(row.form) != row.key:
            what = f"what calls itself the scoring key of a form is not that of its instrument ({row.at})"
            yield Finding(CHECK, "unsafe", what)
    for (facility, round_, at), forms in named.items():
        if forms != fielded.get((facility, round_), set()):
            yield Finding(CHECK, "unsafe", f"{round_} has scoring keys of other forms than it fields ({at})")


def _key(definition: Definition, form: str) -> str:
    """SHA-256 over canonical JSON of all that decides a score, as docs/instruments.md has it."""
    gate, answers = definition.get("gate"), definition["answers"]
    promised = {"sensitive": True} if definition.get("sensitive") else {}
    return sha256_hex(
        {
            "form": form,
            "instrument": definition["id"],
            "version": definition["version"],
            **promised,
            "gate": None if gate is None else [str(gate["item"]), gate["open"], answers["min"], answers["max"]],
            "scales": [_scale(definition, name) for name in definition["forms"][form]],
        }
    )


def _scale(definition: Definition, name: str) -> Mapping[str, Any]:
    rules = definition["scales"][name]
    cuts = {cut["label"]: cut.get("at_least", cut.get("at_most")) for cut in rules.get("cuts") or []}
    return {
        "id": name,
        "items": {str(item): list(limits(definition, item)) for item in rules["items"]},
        "reverse": sorted(str(item) for item in rules.get("reverse") or []),
        "min_answered": rules.get("min_answered") or len(rules["items"]),
        "published_as": rules["published_as"],
        "direction": rules["direction"],
        "at_risk": cuts.get(rules.get("at_risk")),
    }
