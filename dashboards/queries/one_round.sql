-- Every place of a facility in the last round that published a form somewhere in it: its figures of that round alone, for
-- comparing places of one kind with each other. Staff groups are left out, as the same people are in the units.
WITH newest AS
(
    SELECT round
    FROM
    (
        SELECT
            i.round AS round,
            i.round_responses AS responses,
            r.last_answer_date AS last,
            r.first_answer_date AS first
        FROM indicators AS i FINAL
        INNER JOIN rounds AS r FINAL ON r.facility = i.facility AND r.round = i.round AND r.form = i.form
        WHERE i.facility = {facility:String} AND i.form = {form:String} AND i.scale = {scale:String}
            AND ({round:String} = '' OR i.round = {round:String})
        ORDER BY i.cohorts_retired DESC
        LIMIT 1 BY i.round, i.node, i.staff_group
    )
    WHERE responses IS NOT NULL
    ORDER BY last DESC, first DESC, round DESC
    LIMIT 1
)
SELECT
    i.node AS node,
    n.name AS name,
    n.kind AS kind,
    n.path AS path,
    i.round AS round,
    i.state AS window_state,
    i.round_responses AS responses,
    i.round_mean AS mean,
    i.round_at_risk_low AS at_risk_low,
    i.round_at_risk_high AS at_risk_high
FROM indicators AS i FINAL
INNER JOIN nodes AS n FINAL ON n.facility = i.facility AND n.round = i.round AND n.form = i.form
    AND n.node = i.node AND n.staff_group = i.staff_group
WHERE i.facility = {facility:String} AND i.form = {form:String} AND i.scale = {scale:String} AND i.staff_group = ''
    AND i.round IN (SELECT round FROM newest) AND i.state != 'not_fielded'
ORDER BY n.path, i.cohorts_retired DESC
LIMIT 1 BY node
