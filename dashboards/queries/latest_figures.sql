-- Every place of today's organisations at the last round that fielded the form there: figures of its window, or why
-- there are none. A place on which the form was never fielded is shown at the last round of the form that knew it.
-- Parents come before children. Of versions of a figure the one without most retired cohorts holds.
--
-- Today's organisation of a facility is that of its newest sealed round, of any form: what is no longer in it has ended
-- and is not shown; what is still in it is shown under its newest name and where it now belongs, even if its figures
-- are older. Newest is the round that began last: an organisation record acts on rounds opened after it, so a long
-- round that ends late may still carry an old one.
WITH
    newest_rounds AS
    (
        SELECT facility, round
        FROM rounds
        -- the writer fills one table after the other
        WHERE (facility, round) IN (SELECT facility, round FROM nodes)
        ORDER BY first_answer_date DESC, last_answer_date DESC, round DESC
        LIMIT 1 BY facility
    ),
    places AS
    (
        SELECT facility, node, path, name, kind
        FROM nodes
        WHERE (facility, round) IN (SELECT facility, round FROM newest_rounds)
        LIMIT 1 BY facility, node
    )
SELECT
    i.facility AS facility,
    i.node AS node,
    p.name AS name,
    p.kind AS kind,
    length(p.path) AS depth,
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
INNER JOIN places AS p ON p.facility = i.facility AND p.node = i.node
INNER JOIN rounds AS r FINAL ON r.facility = i.facility AND r.round = i.round AND r.form = i.form
WHERE i.form = {form:String} AND i.scale = {scale:String}
ORDER BY p.path, i.state != 'not_fielded' DESC, r.last_answer_date DESC, i.round DESC,
    i.cohorts_retired DESC
LIMIT 1 BY i.facility, i.node
