"""A ranking as one page, like a growth report's."""

from __future__ import annotations

from datetime import datetime

from pipeline import french
from pipeline.reports import ranking as table
from pipeline.reports.growth_page import environment
from pipeline.reports.ranking import Ranking


def as_page(ranking: Ranking, now: datetime) -> str:
    """The whole HTML document."""
    most = max(place.visits for place in ranking.places) or 1
    rows = [
        {
            "rank": place.rank,
            "site": place.site,
            "visits": french.number(place.visits),
            "width": round(100 * place.visits / most, 2),
            "ours": place.is_ours,
            "against": table.against_text(place),
        }
        for place in ranking.places
    ]
    return (
        environment()
        .get_template("ranking.html.j2")
        .render(
            title=table.title(ranking),
            rank=ranking.ours.rank,
            count=len(ranking.places),
            visits=french.number(ranking.ours.visits),
            sentence=table.sentence(ranking),
            rows=rows,
            notes=table.notes(ranking),
            source=table.source(now),
        )
    )
