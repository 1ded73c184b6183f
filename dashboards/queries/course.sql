-- The rounds of one place in which a form was fielded, oldest first: what each published by itself, and what the control
-- chart said at its close. Of versions of a figure the one without most retired cohorts holds. The two calendars are two
-- courses.
SELECT
    i.round AS round,
    i.path AS path,
    i.calendar AS calendar,
    r.first_answer_date AS first,
    r.last_answer_date AS last,
    i.state AS state,
    i.round_responses AS responses,
    i.round_mean AS mean,
    i.round_at_risk_low AS at_risk_low,
    i.round_at_risk_high AS at_risk_high,
    i.mean AS window_mean,
    i.at_risk_share_low AS share_low,
    i.at_risk_share_high AS share_high,
    i.smoothed AS smoothed,
    i.centre AS centre,
    i.limit_low AS limit_low,
    i.limit_high AS limit_high,
    i.limit_points AS limit_points,
    i.signal AS signal,
    i.signal_rules AS signal_rules
FROM indicators AS i FINAL
INNER JOIN rounds AS r FINAL ON r.facility = i.facility AND r.round = i.round AND r.form = i.form
WHERE i.facility = {facility:String} AND i.node = {node:String} AND i.staff_group = {staff_group:String}
    AND i.form = {form:String} AND i.scale = {scale:String} AND i.state != 'not_fielded'
ORDER BY i.calendar DESC, r.last_answer_date, r.first_answer_date, i.round, i.cohorts_retired DESC
LIMIT 1 BY calendar, round
