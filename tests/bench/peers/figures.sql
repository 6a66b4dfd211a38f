-- hits, visits and visitors as the contestants sum them: distinct ids of each cell, whatever the origin.
SELECT sum(hits), sum(visits), sum(visitors)
FROM
(
    SELECT
        uniqExactArray(hits) AS hits,
        uniqExactArray(visits) AS visits,
        uniqExactArray(visitors) AS visitors
    FROM ent.cells
    GROUP BY bucket, departement, service, profil
)
