-- Every node at the last round that fielded the form there: figures of its window, or why there are none.
-- A node on which the form was never fielded is shown at its facility's last round. Parents come before children.
SELECT
    i.facility AS facility,
    n.name AS name,
    n.kind AS kind,
    length(i.path) AS depth,
    i.round AS round,
    i.state AS state,
    i.responses AS responses,
    i.rounds_published AS rounds_published,
    i.rounds_fielded AS rounds_fielded,
    i.coverage AS coverage,
    i.mean_low AS mean_low,
    i.mean_high AS mean_high,
    i.at_risk_low AS at_risk_low,
    i.at_risk_high AS at_risk_high,
    i.at_risk_share AS share,
    i.at_risk_share_low AS share_low,
    i.at_risk_share_high AS share_high,
    i.change AS change,
    r.identity AS identity
FROM indicators AS i FINAL
INNER JOIN nodes AS n FINAL USING (facility, round, form, node)
INNER JOIN rounds AS r FINAL USING (facility, round, form)
WHERE i.form = {form:String} AND i.scale = {scale:String}
ORDER BY i.path, i.state != 'not_fielded' DESC, r.last_answer_date DESC, i.round DESC
LIMIT 1 BY i.facility, i.node
