-- Planned closures in force that cover an instant, or ended under 70 minutes before it.
--   t: epoch seconds
SELECT academie, plateforme, exploitant, famille, profil, why, closure_id
FROM ent.closures FINAL
WHERE removed_at IS NULL
  AND starts_at <= toDateTime(%(t)s, 'UTC') AND ends_at > toDateTime(%(t)s - 4200, 'UTC')
ORDER BY closure_id;
