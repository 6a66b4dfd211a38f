-- Run by the admin before each `migrate`; every statement can be run again.

-- The views of `bi` run with the rights of this user (users.d/instant-t.xml): it may read `ent`, and nobody can log in
-- as it.
CREATE USER IF NOT EXISTS bi_views NOT IDENTIFIED HOST NONE;

GRANT SELECT ON ent.* TO bi_views;

-- For people: CREATE USER ada IDENTIFIED BY '…' DEFAULT ROLE bi SETTINGS PROFILE 'bi';
-- The user `dashboards` of users.d has the same rights.
CREATE ROLE IF NOT EXISTS bi SETTINGS PROFILE 'bi';

GRANT SELECT ON bi.* TO bi;
