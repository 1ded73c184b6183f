"""What the second implementation says a sealed round tells of its nodes. Imports nothing of the product."""

from tests.oracle import Event, Round, Row, asked_of, ended_rounds, judge, seal
from tests.oracle_organisation import headcount_of, leaves_of, leaves_under, may_hold_sensitive

Paths = dict[str, list[list[str]]]


def expected_nodes(events: list[Event]) -> dict[tuple[str, str], list[Row]]:
    """(facility, round) to the nodes of every sealed round, in a stable order."""
    return {
        (current.opened["facility"], current.opened["round"]): nodes_of(current)
        for current in ended_rounds(events)
        if current.closed
    }


def nodes_of(current: Round) -> list[Row]:
    """Every node with its states, and the staff groups that more than one leaf under a node has."""
    sealed = {form: seal(current, form, judge(current, form)[0]) for form in current.opened["forms"]}
    paths = {form: [path for path, _ in cohorts] for form, cohorts in sealed.items()}
    rows = [_node(current, node, paths) for node in current.organisation["nodes"]]
    if not all(current.is_sensitive(form) for form in paths):
        rows += _groups(current, paths)
    return sorted((row for row in rows if row["states"]), key=lambda row: (row["node"], row.get("staff_group", "")))


def _node(current: Round, node: Event, paths: Paths) -> Row:
    states = {}
    for form, found in paths.items():
        published = any(node["id"] in path for path in found)
        if not current.is_sensitive(form):
            states[form] = "published" if published else _unpublished(current, [node["id"]])
        elif may_hold_sensitive(current.organisation, node["id"]):
            states[form] = "published" if published else "not_published"
    group = {"of_group": node["staff_group"]} if node.get("staff_group") else {}
    place = {"node": node["id"], "path": _path(current, node["id"]), "name": node["name"], "kind": node["kind"]}
    heads = headcount_of(current.organisation, node["id"]), asked_of(current, node["id"])
    return {**place, **group, **_heads(current, *heads), "states": states}


def _groups(current: Round, paths: Paths) -> list[Row]:
    organisation, rows = current.organisation, []
    groups = {node["id"]: node.get("staff_group") for node in organisation["nodes"]}
    for node in sorted(set(groups) - leaves_of(organisation)):
        below = leaves_under(organisation, node)
        for group in sorted({groups[leaf] for leaf in below} - {None}, key=str):
            leaves = sorted(leaf for leaf in below if groups[leaf] == group)
            if len(leaves) < 2:
                continue
            states = {
                form: "published" if any(path[-1] in leaves for path in found) else _unpublished(current, leaves)
                for form, found in paths.items()
                if not current.is_sensitive(form)
            }
            heads = (
                sum(headcount_of(organisation, leaf) for leaf in leaves),
                sum(asked_of(current, leaf) for leaf in leaves),
            )
            place = {"node": node, "path": _path(current, node), "name": group, "kind": "staff_group"}
            rows.append({**place, "staff_group": group, **_heads(current, *heads), "states": states})
    return rows


def _unpublished(current: Round, nodes: list[str]) -> str:
    asked = [leaf for node in nodes for leaf in leaves_under(current.organisation, node)]
    return "withheld" if set(asked) & set(current.opened["leaves"]) else "not_fielded"


def _heads(current: Round, headcount: int, asked: int) -> Row:
    if all(current.is_sensitive(form) for form in current.opened["forms"]):
        return {}
    smallest = current.policy["k"] + current.policy["coalition"]
    return {
        "headcount": headcount if headcount >= smallest else "<K",
        "headcount_asked": asked if asked >= smallest or asked == 0 else "<K",
    }


def _path(current: Round, node: str) -> list[str]:
    parents = {other["id"]: other["parent"] for other in current.organisation["nodes"]}
    path = [node]
    while (parent := parents[path[0]]) is not None:
        path.insert(0, parent)
    return path
