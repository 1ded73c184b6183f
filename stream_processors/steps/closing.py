"""What the close of a round emits: evidence, cohorts, and last of all that the round is sealed."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.canonical import canonical_json, derived_id
from schemas.closed import MOST
from schemas.events import CohortManifest, CohortSealed, FormManifest, RoundSealed
from stream_processors.steps.admit import HeldForm, OpenRound, resolve
from stream_processors.steps.rollup import node_states
from stream_processors.steps.rounds import Rules
from stream_processors.steps.seal import Cohort, Sealing, cohort_rows, is_sensitive, partition

TAGS_PER_PART: Final = 10_000


@dataclass(frozen=True, slots=True)
class Closing:
    """Everything a close emits, in the order it must be acknowledged."""

    manifests: tuple[CohortManifest | FormManifest, ...]
    cohorts: tuple[CohortSealed, ...]
    sealed: RoundSealed

    def sizes(self) -> dict[str, dict[str, int]]:
        """Form to node to the size of the cohort sealed there."""
        found: dict[str, dict[str, int]] = {}
        for row in self.cohorts:
            found.setdefault(row.form, {})[row.node] = row.n
        return found


def close_round(opened: OpenRound, offset: int, rules: Rules) -> Closing:
    """Seal every form of a round at the marker at `offset`. Counts are final when this returns."""
    manifests: list[CohortManifest | FormManifest] = []
    rows: list[CohortSealed] = []
    paths: dict[str, list[tuple[str, ...]]] = {}
    for name in sorted(opened.forms):
        held = opened.forms[name]
        sealing = sealing_of(opened, held)
        cohorts = _partition(held, sealing)
        paths[name] = [cohort.path for cohort in cohorts]
        rows += [row for cohort in cohorts for row in cohort_rows(cohort, sealing)]
        evidence = _evidence(opened, held, offset, rules)
        manifests += [part for cohort in cohorts for part in _cohort_manifests(cohort, evidence, rules.audit_key)]
        manifests.append(_form_manifest(held, cohorts, evidence))
    return Closing(tuple(manifests), tuple(rows), _round_sealed(opened, paths))


def cancel_round(opened: OpenRound, offset: int, rules: Rules) -> tuple[FormManifest, ...]:
    """Give up a round at the marker at `offset`: every delivery is counted, and whoever was admitted is withheld."""
    manifests = []
    for name in sorted(opened.forms):
        held = opened.forms[name]
        held.counts.withheld += sum(len(members) for members in resolve(held).values())
        manifests.append(_form_manifest(held, (), _evidence(opened, held, offset, rules)))
    return tuple(manifests)


def longest_seal(opened: OpenRound) -> RoundSealed:
    """The largest `round.sealed` this round can end with, whatever is answered."""
    # where nobody is asked the state is settled; elsewhere "published" is longer than "withheld", and "not_published"
    # longer than that
    asked = {node for leaf in opened.leaves for node in opened.organisation.paths[leaf]}
    everywhere = [opened.organisation.paths[node] for node in asked]
    sensitive = _sensitive(opened)
    return _round_sealed(opened, {form: [] if form in sensitive else everywhere for form in opened.forms})


def most_sizes(opened: OpenRound) -> dict[str, dict[str, int]]:
    """The most that `Closing.sizes` can hold of this round."""
    return dict.fromkeys(opened.forms, dict.fromkeys(opened.organisation.nodes, MOST))


def sealing_of(opened: OpenRound, held: HeldForm) -> Sealing:
    """What sealing a form of a round depends on beside its members."""
    policy = opened.terms.policy
    asked = opened.organisation.asked(opened.leaves)
    return Sealing(opened.organisation, asked, policy, policy.hash(), opened.terms.round, held.form)


def _partition(held: HeldForm, sealing: Sealing) -> list[Cohort]:
    split = partition(resolve(held), sealing)
    for cohort in split.cohorts:
        held.counts.published += len(cohort.members)
    held.counts.withheld += split.too_few_or_dominated
    held.counts.withheld += split.overfull
    return sorted(split.cohorts, key=lambda cohort: cohort.path)


def _evidence(opened: OpenRound, held: HeldForm, offset: int, rules: Rules) -> dict[str, Any]:
    return {
        "facility": opened.terms.facility,
        "round": opened.terms.round,
        "form": held.form.id,
        "opened_offset": opened.opened_at,
        "closed_offset": offset,
        "policy_hash": opened.terms.policy.hash(),
        "organisation_hash": opened.organisation.hash,
        "code_hash": rules.code_hash,
    }


def _cohort_manifests(cohort: Cohort, evidence: dict[str, Any], audit_key: bytes) -> list[CohortManifest]:
    tags = sorted(_tag(audit_key, token, evidence["form"]) for token in cohort.members.tokens)
    parts = [tuple(tags[start : start + TAGS_PER_PART]) for start in range(0, len(tags), TAGS_PER_PART)]
    return [
        CohortManifest(
            **evidence,
            event_id=derived_id("cohort.manifest", cohort.id, number),
            cohort_id=cohort.id,
            node=cohort.node,
            part=number,
            parts=len(parts),
            tags=part,
        )
        for number, part in enumerate(parts)
    ]


def _form_manifest(held: HeldForm, cohorts: Sequence[Cohort], evidence: dict[str, Any]) -> FormManifest:
    return FormManifest(
        **evidence,
        event_id=derived_id("form.manifest", evidence["facility"], evidence["round"], evidence["form"]),
        cohorts=tuple(cohort.id for cohort in cohorts),
        outcomes=held.counts.outcomes(),
    )


def _tag(audit_key: bytes, token: bytes, form: str) -> str:
    return hmac.digest(audit_key, canonical_json([token.hex(), form]), "sha256").hex()


def _sensitive(opened: OpenRound) -> tuple[str, ...]:
    forms = opened.forms.items()
    return tuple(sorted(name for name, held in forms if is_sensitive(held.form, opened.terms.policy)))


def _round_sealed(opened: OpenRound, paths: dict[str, list[tuple[str, ...]]]) -> RoundSealed:
    terms = opened.terms
    sensitive = _sensitive(opened)
    return RoundSealed(
        facility=terms.facility,
        event_id=derived_id("round.sealed", terms.facility, terms.round),
        round=terms.round,
        forms=tuple(sorted(terms.forms)),
        sensitive=sensitive,
        first_answer_date=terms.first_answer_date,
        last_answer_date=terms.last_answer_date,
        policy=terms.policy,
        policy_hash=terms.policy.hash(),
        season=terms.season,
        scoring_keys=terms.scoring_keys,
        nodes=node_states(opened.organisation, terms.leaves, paths, terms.policy.cohort_size, sensitive),
    )
