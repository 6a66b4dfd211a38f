-- Who was measured: schools in two periods (first and last days included), as numbers of schools and sums over them,
-- never a school by itself. `kind` as in bi.traffic_day.
--
-- The schools of a région, an académie or a département are those of its UAIs; of a projet, an exploitant or a
-- plateforme those that sent an event of it. Of every other kind they are all schools, under the key ''.
--
-- `hidden` is 1 where one of the three groups is of under five schools, one of which never had five visitors on a day:
-- sums over the others, held against the published total, would show it.
CREATE OR REPLACE VIEW bi.perimeter
SQL SECURITY DEFINER AS
WITH
    (SELECT (groupArray(uai_prefix), groupArray(departement_code), groupArray(academie_name), groupArray(region_name))
     FROM ent.territories) AS territories
SELECT
    key,
    countIf(here AND there) AS schools_both,
    countIf(here AND NOT there) AS schools_entered,
    countIf(there AND NOT here) AS schools_left,
    (schools_both < 5 AND countIf(here AND there AND NOT large) > 0)
        OR (schools_entered < 5 AND countIf(here AND NOT there AND NOT large) > 0)
        OR (schools_left < 5 AND countIf(there AND NOT here AND NOT large) > 0) AS hidden
FROM
(
    SELECT
        multiIf(
            {kind:String} = 'departement',
            transform(substring(toString(uai), 1, 3), territories.1, territories.2, ''),
            {kind:String} = 'academie',
            transform(substring(toString(uai), 1, 3), territories.1, territories.3, ''),
            {kind:String} = 'region',
            transform(substring(toString(uai), 1, 3), territories.1, territories.4, ''),
            {kind:String} IN ('projet', 'exploitant', 'plateforme'), toString(s.key),
            ''
        ) AS key,
        uai,
        max(day BETWEEN {period_first:Date} AND {period_last:Date}) AS here,
        max(day BETWEEN {reference_first:Date} AND {reference_last:Date}) AS there,
        max(visitors) >= 5 AS large
    FROM ent.school_days AS s
    WHERE s.kind = if({kind:String} IN ('projet', 'exploitant', 'plateforme'), {kind:String}, 'total')
        AND (day BETWEEN {period_first:Date} AND {period_last:Date}
            OR day BETWEEN {reference_first:Date} AND {reference_last:Date})
    GROUP BY key, uai
)
GROUP BY key;

-- What the schools measured in both periods counted, by day and key; no rows where that is hidden. A visit is of one
-- school, so visits add up over schools; visitors do not.
CREATE OR REPLACE VIEW bi.perimeter_day
SQL SECURITY DEFINER AS
WITH
    (SELECT (groupArray(uai_prefix), groupArray(departement_code), groupArray(academie_name), groupArray(region_name))
     FROM ent.territories) AS territories
SELECT day, key, sum(hits) AS hits, sum(visits) AS visits
FROM
(
    SELECT
        multiIf(
            {kind:String} = 'departement',
            transform(substring(toString(uai), 1, 3), territories.1, territories.2, ''),
            {kind:String} = 'academie',
            transform(substring(toString(uai), 1, 3), territories.1, territories.3, ''),
            {kind:String} = 'region',
            transform(substring(toString(uai), 1, 3), territories.1, territories.4, ''),
            toString(s.key)
        ) AS key,
        if({kind:String} IN ('departement', 'academie', 'region', 'projet', 'exploitant', 'plateforme'), key, '')
            AS schools_of,
        day, uai, hits, visits
    FROM ent.school_days AS s FINAL
    WHERE s.kind = if({kind:String} IN ('departement', 'academie', 'region'), 'total', {kind:String})
        AND (day BETWEEN {period_first:Date} AND {period_last:Date}
            OR day BETWEEN {reference_first:Date} AND {reference_last:Date})
)
WHERE (schools_of, uai) IN
(
    SELECT same_key, arrayJoin(same)
    FROM
    (
        SELECT
            same_key,
            groupArrayIf(uai, here AND there) AS same,
            countIf(here AND NOT there) AS entered,
            countIf(there AND NOT here) AS left,
            (length(same) < 5 AND countIf(here AND there AND NOT large) > 0)
                OR (entered < 5 AND countIf(here AND NOT there AND NOT large) > 0)
                OR (left < 5 AND countIf(there AND NOT here AND NOT large) > 0) AS hidden
        FROM
        (
            SELECT
                multiIf(
                    {kind:String} = 'departement',
                    transform(substring(toString(uai), 1, 3), territories.1, territories.2, ''),
                    {kind:String} = 'academie',
                    transform(substring(toString(uai), 1, 3), territories.1, territories.3, ''),
                    {kind:String} = 'region',
                    transform(substring(toString(uai), 1, 3), territories.1, territories.4, ''),
                    {kind:String} IN ('projet', 'exploitant', 'plateforme'), toString(s.key),
                    ''
                ) AS same_key,
                uai,
                max(day BETWEEN {period_first:Date} AND {period_last:Date}) AS here,
                max(day BETWEEN {reference_first:Date} AND {reference_last:Date}) AS there,
                max(visitors) >= 5 AS large
            FROM ent.school_days AS s
            WHERE s.kind = if({kind:String} IN ('projet', 'exploitant', 'plateforme'), {kind:String}, 'total')
                AND (day BETWEEN {period_first:Date} AND {period_last:Date}
                    OR day BETWEEN {reference_first:Date} AND {reference_last:Date})
            GROUP BY same_key, uai
        )
        GROUP BY same_key
    )
    WHERE NOT hidden
)
GROUP BY day, key;
