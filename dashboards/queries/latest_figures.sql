-- Every place of today's organisations at the last round that fielded the form there: figures of its window, or why
-- there are none. A place on which the form was never fielded is shown at the last round of the form that knew it.
-- Parents come before children, and a staff group (staff_group != '') right below the node it is summed up under. Of
-- versions of a figure the one without most retired cohorts holds.
--
-- Where a season is used a place above the units has a line for each calendar, units asked every round and units asked
-- once a season, as the two are never in one figure. A unit is in one calendar, that of its last round.
--
-- Today's organisation of a facility is that of its newest sealed round, of any form: what is no longer in it has ended
-- and is not shown; what is still in it is shown under its newest name and where it now belongs, even if its figures
-- are older. Newest is the round that began last: an organisation record acts on rounds opened after it, so a long
-- round that ends late may still carry an old one. A round of sensitive forms alone knows no units, so that it tells
-- only where there is no other.
WITH
    newest_rounds AS
    (
        SELECT facility, round
        FROM rounds
        -- the writer fills one table after the other
        WHERE (facility, round) IN (SELECT facility, round FROM nodes)
        ORDER BY sensitive, first_answer_date DESC, last_answer_date DESC, round DESC
        LIMIT 1 BY facility
    ),
    places AS
    (
        SELECT facility, node, path, name, kind
        FROM nodes
        WHERE (facility, round) IN (SELECT facility, round FROM newest_rounds) AND staff_group = ''
        LIMIT 1 BY facility, node
    ),
    lines AS
    (
        SELECT
            i.facility AS facility,
            i.node AS node,
            p.name AS name,
            if(i.staff_group = '', p.kind, 'staff_group') AS kind,
            p.path AS path,
            i.round AS round,
            i.calendar AS calendar,
            r.season AS season,
            i.staff_group AS staff_group,
            i.leaves_published AS leaves_published,
            i.leaves_fielded AS leaves_fielded,
            i.state AS state,
            i.responses AS responses,
            i.rounds_published AS rounds_published,
            i.rounds_fielded AS rounds_fielded,
            i.coverage AS coverage,
            n.headcount_asked / nullIf(n.headcount, 0) AS share_asked,
            i.mean_low AS mean_low,
            i.mean_high AS mean_high,
            i.at_risk_low AS at_risk_low,
            i.at_risk_high AS at_risk_high,
            i.at_risk_share AS share,
            i.at_risk_share_low AS share_low,
            i.at_risk_share_high AS share_high,
            i.change AS change,
            i.change_low AS change_low,
            i.change_high AS change_high,
            r.identity AS identity,
            r.sensitive AS sensitive,
            -- places that nothing lies under; a staff group lies under a node and has units in both calendars
            i.staff_group = '' AND (i.facility, i.node) NOT IN (SELECT facility, arrayJoin(arrayPopBack(path)) FROM places)
                AS is_unit
        FROM indicators AS i FINAL
        INNER JOIN places AS p ON p.facility = i.facility AND p.node = i.node
        INNER JOIN rounds AS r FINAL ON r.facility = i.facility AND r.round = i.round AND r.form = i.form
        LEFT JOIN nodes AS n FINAL ON n.facility = i.facility AND n.round = i.round AND n.form = i.form
            AND n.node = i.node AND n.staff_group = i.staff_group
        WHERE i.form = {form:String} AND i.scale = {scale:String}
        ORDER BY i.state != 'not_fielded' DESC, r.last_answer_date DESC, i.round DESC, i.cohorts_retired DESC
        LIMIT 1 BY facility, node, staff_group, if(is_unit OR state = 'not_fielded', '', calendar)
    ),
    counted AS
    (
        SELECT *, countIf(state != 'not_fielded') OVER (PARTITION BY facility, node, staff_group) AS asked
        FROM lines
    )
SELECT
    facility, node, name, kind, length(path) AS depth, round, calendar, season, staff_group,
    leaves_published, leaves_fielded, state, responses, rounds_published, rounds_fielded, coverage, share_asked,
    mean_low, mean_high, at_risk_low, at_risk_high, share, share_low, share_high, change, change_low, change_high,
    identity, sensitive
FROM counted
-- that one calendar does not ask a place says nothing where the other does
WHERE state != 'not_fielded' OR asked = 0
ORDER BY path, staff_group, calendar DESC
