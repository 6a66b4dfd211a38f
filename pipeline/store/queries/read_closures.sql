SELECT
    closure_id, academie, plateforme, exploitant, famille, profil, starts_at, ends_at, why, added_by, added_at,
    removed_by, removed_at
FROM bi.closures
ORDER BY starts_at DESC, closure_id;
