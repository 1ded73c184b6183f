-- What was done about a place or one above it, and stands: of each the row with the highest version, if that is not taken
-- back. Oldest first.
SELECT node, path, on, kind, label, rebase
FROM
(
    SELECT *
    FROM interventions FINAL
    WHERE facility = {facility:String}
    ORDER BY version DESC, row_hash
    LIMIT 1 BY node, on, kind, label
)
WHERE NOT taken_back AND has({path:Array(String)}, node)
ORDER BY on, node, kind, label
