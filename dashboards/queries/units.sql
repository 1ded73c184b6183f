-- Every unit at its facility's latest round that fielded the form: figures of the window, or why there are none.
SELECT
    i.facility AS facility,
    n.name AS unit,
    i.round AS round,
    i.state AS state,
    i.responses AS responses,
    i.coverage AS coverage,
    i.mean AS mean,
    i.at_risk_share AS share,
    i.at_risk_share_low AS share_low,
    i.at_risk_share_high AS share_high,
    i.change AS change
FROM indicators AS i FINAL
INNER JOIN nodes AS n FINAL USING (facility, round, form, node)
INNER JOIN
(
    SELECT facility, form, argMax(round, last_answer_date) AS round
    FROM rounds FINAL
    GROUP BY facility, form
) AS latest USING (facility, form, round)
WHERE i.form = {form:String} AND i.scale = {scale:String} AND n.kind = {kind:String}
ORDER BY i.path
