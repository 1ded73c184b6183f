"""Mutants of who is counted, and of who is put together."""

from typing import Final

from tests.mutants.checks import AUDITOR, ORACLE
from tests.mutants.harness import Edit, Mutant

ADMIT: Final = "stream_processors.steps.admit"
CLOSING: Final = "stream_processors.steps.closing"
POLICY: Final = "schemas.policy"
ROUNDS: Final = "stream_processors.steps.rounds"
SEAL: Final = "stream_processors.steps.seal"

_FIRST_OF_TOKEN: Final = """        elif (rival := best.get(token)) is None:
            best[token] = event_id
"""
_FIRST_OF_ROW: Final = """        elif (rival := best.get(event_id)) is None:
            best[event_id] = event_id
"""
_FIRST_OF_PLACE: Final = """        elif (rival := best.get(token + leaf.encode())) is None:
            best[token + leaf.encode()] = event_id
"""
_LATEST_OF_TOKEN: Final = """            if (held.held[rival][1], rival) < (revision, event_id):
                best[token] = event_id
"""
_LATEST_OF_PLACE: Final = """            if (held.held[rival][1], rival) < (revision, event_id):
                best[token + leaf.encode()] = event_id
"""
_RESIDUE: Final = """    result.left += residue.leaves
"""
_PUBLISHED_RESIDUE: Final = """    if sum(sizes[leaf] for leaf in residue.leaves) >= 5:
        result.sealed[sealing.organisation.facility] = residue.leaves
        return result
    result.left += residue.leaves
"""
_ALL_ROWS: Final = (
    Edit(ADMIT, _FIRST_OF_TOKEN, _FIRST_OF_ROW),
    Edit(ADMIT, "group.tokens.append(token)", "group.tokens.append(held.held[event_id][2])"),
)

COUNTED: Final = (
    Mutant("count rows instead of tokens", AUDITOR, _ALL_ROWS),
    # the auditor trusts that tags are of tokens, and says so
    Mutant(
        "count rows instead of tokens, and hide it in the tags",
        ORACLE,
        (
            _ALL_ROWS[0],
            Edit(ADMIT, "group.tokens.append(token)", "group.tokens.append(held.held[event_id][2] + event_id)"),
        ),
    ),
    Mutant(
        "count a person once in each unit",
        AUDITOR,
        (
            Edit(
                ADMIT,
                "for event_id, (scores, revision, token, _) in",
                "for event_id, (scores, revision, token, leaf) in",
            ),
            Edit(ADMIT, _FIRST_OF_TOKEN, _FIRST_OF_PLACE),
            Edit(ADMIT, _LATEST_OF_TOKEN, _LATEST_OF_PLACE),
            Edit(ADMIT, "group.tokens.append(token)", "group.tokens.append(token[:32])"),
        ),
    ),
    Mutant("ignore withdrawals", ORACLE, (Edit(ADMIT, "elif token in held.withdrawn:", "elif False:"),)),
    Mutant(
        "admit answers of other dates",
        ORACLE,
        (
            Edit(
                ADMIT,
                "if not terms.first_answer_date <= submission.submitted_on <= terms.last_answer_date:",
                "if False:",
            ),
        ),
    ),
)

SEALED: Final = (
    Mutant(
        "seal at K-1",
        AUDITOR,
        (Edit(SEAL, "sealing.policy.cohort_size, sealing)", "sealing.policy.cohort_size - 1, sealing)"),),
    ),
    Mutant("leave the coalition out of K", AUDITOR, (Edit(POLICY, "return self.k + self.coalition", "return self.k"),)),
    Mutant(
        "accept a policy under its floors", AUDITOR, (Edit(POLICY, "if getattr(self, name) < floor:", "if False:"),)
    ),
    Mutant("publish the top residue", AUDITOR, (Edit(SEAL, _RESIDUE, _PUBLISHED_RESIDUE),)),
    Mutant(
        "pass the pool up although it is sealed",
        AUDITOR,
        (
            Edit(
                SEAL,
                "    result.sealed[node] = pool.leaves\n    return _Pool(settled=sealing.asked[node])\n",
                "    result.sealed[node] = pool.leaves\n    return pool\n",
            ),
        ),
    ),
    Mutant(
        "pool without `outside`",
        ORACLE,
        (
            Edit(
                SEAL,
                "return size >= smallest and (sealing.organisation.is_leaf(node) or",
                "return size >= smallest and (True or",
            ),
        ),
    ),
    Mutant(
        "ignore overfull",
        AUDITOR,
        (
            Edit(
                SEAL,
                "if answered[node] > _limit(sealing.asked[node], sealing.policy):",
                "if False:",
            ),
        ),
    ),
    Mutant(
        "make the id of a cohort without its policy",
        AUDITOR,
        (Edit(SEAL, "list(path), ", "list(path), None and "),),
    ),
    Mutant(
        "field a form about health like any other",
        AUDITOR,
        (Edit(SEAL, "return form.sensitive or form.id in policy.sensitive_forms", "return False"),),
    ),
)
