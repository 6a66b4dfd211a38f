-- The reference tables; `migrate` fills them from the project's reference files, and again when those have changed.

CREATE TABLE IF NOT EXISTS ent.services
(
    service String,
    famille String,
    domaine String,
    label_fr String,
    dnma_column String,
    legacy_name_2012 String,
    legacy_id_2012 String,
    code_seen_in_real_software String
)
ENGINE = MergeTree
ORDER BY service;

CREATE TABLE IF NOT EXISTS ent.profils
(
    profil_code String,
    dnma_opendata_suffix String,
    legacy_id_profil_2012 String,
    label_fr String,
    entcore_profile String,
    ldap_objectclass String
)
ENGINE = MergeTree
ORDER BY profil_code;

CREATE TABLE IF NOT EXISTS ent.territories
(
    departement_code String,
    departement_name String,
    academie_code String,
    academie_name String,
    region_academique String,
    region_code String,
    region_name String,
    zone String,
    uai_prefix String,
    region_academique_code String
)
ENGINE = MergeTree
ORDER BY departement_code;

CREATE TABLE IF NOT EXISTS ent.calendar
(
    day Date,
    -- school zone A, B or C of metropolitan France
    zone String,
    -- 1 Monday … 7 Sunday
    weekday UInt8,
    kind Enum8('ecole' = 1, 'mercredi' = 2, 'samedi' = 3, 'dimanche' = 4, 'vacances' = 5, 'ferie' = 6),
    -- name of the holidays or of the public holiday, or ''
    holiday String,
    is_school_day UInt8,
    -- 1 on the first school day of the school year
    rentree UInt8
)
ENGINE = MergeTree
ORDER BY (day, zone);

CREATE OR REPLACE VIEW bi.services
SQL SECURITY DEFINER AS
SELECT service, famille, domaine, label_fr, dnma_column, legacy_name_2012, legacy_id_2012, code_seen_in_real_software
FROM ent.services;

CREATE OR REPLACE VIEW bi.territories
SQL SECURITY DEFINER AS
SELECT
    departement_code, departement_name, academie_code, academie_name, region_academique, region_code, region_name,
    zone, uai_prefix, region_academique_code
FROM ent.territories;

CREATE OR REPLACE VIEW bi.calendar
SQL SECURITY DEFINER AS
SELECT day, zone, weekday, kind, holiday, is_school_day, rentree
FROM ent.calendar;
