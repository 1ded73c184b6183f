"""Mutants of what must stay at the edge or on the closed side."""

from typing import Final

from tests.mutants.checks import AUDITOR, CONTRACT, ENUMERATION, LINKING
from tests.mutants.harness import Edit, Mutant
from tests.mutants.rounds import STORY
from tests.mutants.sealing import CLOSING
from tests.mutants.totals import ROLLUP

INTERVENING: Final = "stream_processors.steps.intervening"
PSEUDONYM: Final = "producers.pseudonym"
ROWS: Final = "schemas.clickhouse.rows"

_NO_ROWS: Final = """    else:
        raise DataError(Reason.UNSUPPORTED)
"""
_ROWS_OF_OUTCOMES: Final = """    elif event.type == "form.manifest":
        place = {"facility": event.facility, "round": event.round, "form": event.form}
        yield Table("outcomes", {}, ()), {**place, **as_dict(event)["outcomes"]}
"""
_NODES: Final = "nodes=node_states(opened.organisation, terms.leaves, paths, terms.policy.cohort_size, sensitive),"
_LABELLED_NODES: Final = """nodes=tuple(
            node.model_copy(update={"name": _somebody(opened, node.node) or node.name})
            for node in node_states(opened.organisation, terms.leaves, paths, terms.policy.cohort_size, sensitive)
        ),"""
_SOMEBODY: Final = """def _somebody(opened: OpenRound, leaf: str) -> str | None:
    everybody = (one for form in opened.forms.values() for one in form.held.values())
    return next((one[2].hex() for one in everybody if one[3] == leaf), None)


def _round_sealed("""
_TOKEN: Final = "return _mac(keys, [form, normalise(person)]).hex()"
_EVENT_ID: Final = "_mac(keys, [source, survey, response, form, revision])"

MUTANTS: Final = (
    Mutant(
        "show headcounts below K",
        AUDITOR,
        (Edit(ROLLUP, "return heads if heads >= self._size else BELOW_K", "return heads"),),
    ),
    Mutant(
        "take interventions in anybody's words",
        AUDITOR,
        (Edit(INTERVENING, "if not catalogue.has(request.kind, request.label):", "if catalogue.version < 0:"),),
    ),
    Mutant("store outcome counts in ClickHouse", AUDITOR, (Edit(ROWS, _NO_ROWS, _ROWS_OF_OUTCOMES + _NO_ROWS),)),
    Mutant(
        "hide a respondent's token in the name of a unit",
        AUDITOR,
        (Edit(CLOSING, _NODES, _LABELLED_NODES), Edit(CLOSING, "def _round_sealed(", _SOMEBODY)),
    ),
    Mutant(
        "write tokens instead of tags into the manifests",
        CONTRACT,
        (
            Edit(
                CLOSING,
                'return hmac.digest(audit_key, canonical_json([token.hex(), form]), "sha256").hex()',
                "return token.hex()",
            ),
        ),
    ),
    Mutant(
        "make tags without the audit key",
        ENUMERATION,
        (Edit(CLOSING, "hmac.digest(audit_key, ", 'hmac.digest(b"", '),),
    ),
    Mutant(
        "name the respondent in dead letters",
        CONTRACT,
        (Edit(STORY, "source=event.source if refused.round", "source=event.respondent if refused.round"),),
    ),
    Mutant(
        "make tokens without the form",
        LINKING,
        (Edit(PSEUDONYM, _TOKEN, "return _mac(keys, [normalise(person)]).hex()"),),
    ),
    Mutant(
        "make tokens of the name as it is spelt",
        LINKING,
        (Edit(PSEUDONYM, _TOKEN, "return _mac(keys, [form, person]).hex()"),),
    ),
    Mutant(
        "make tokens without the key",
        ENUMERATION,
        (Edit(PSEUDONYM, _TOKEN, "return hashlib.sha256(canonical_json([form, normalise(person)])).hexdigest()"),),
    ),
    Mutant(
        "make event ids without the key",
        ENUMERATION,
        (
            Edit(
                PSEUDONYM, _EVENT_ID, _EVENT_ID.replace("_mac(keys, ", "hashlib.sha256(canonical_json(") + ").digest()"
            ),
        ),
    ),
)
