"""The wall over HTTP: what it answers, refuses and hides; no browser is needed."""

from __future__ import annotations

import base64
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlsplit

import pytest

from tests.acceptance.stack import Stack
from tests.wall.traffic import HOSTILE, Crowd
from tests.wall.walls import get, running_wall, wall_environment

FAMILLES = (
    "Vie scolaire", "Communication", "Cahier de textes", "Travail collaboratif", "Visio", "Stockage", "Parcours",
    "Ressources", "Organisation", "Accueil", "Non classé",
)  # fmt: skip


def test_the_first_paint_names_familles_and_academies_as_text(wall: str) -> None:
    page = get(f"{wall}/").body
    text = re.sub(r"<(script|style)\b.*?</\1>|<[^>]+>", " ", page, flags=re.DOTALL)
    assert [name for name in FAMILLES if name not in text] == []
    assert [name for name in ("Lyon", "Paris", "Mayotte", "La Réunion") if name not in text] == []


def test_the_page_brings_nothing_from_elsewhere_and_no_script_of_its_own(wall: str) -> None:
    answer = get(f"{wall}/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    linked = re.findall(r"""(?:src|href|action)\s*=\s*["']?([^"'\s>]+)""", answer.body)
    assert linked
    assert [link for link in linked if urlsplit(link).netloc] == []
    assert re.findall(r"<script(?![^>]*\bsrc=)", answer.body) == []
    bare = re.sub(r'"[^"]*"', '""', answer.body)  # a hostile name may stand, escaped, in a value
    assert re.findall(r"<[a-z][^>]*\son\w+\s*=", bare) == []
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"


def test_names_from_events_stay_text(wall: str) -> None:
    for address in ("/", f"/?plateforme={quote(HOSTILE)}", f"/?exploitant={quote('<b>exploitant</b>')}"):
        page = get(wall + address).body
        assert "<img src=x" not in page
        assert "<b>exploitant" not in page
        assert "&lt;img src=x onerror=alert(1)&gt;" in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("t=abc", "t=abc n&#39;est pas un instant"),
        ("academie=Atlantide", "« Atlantide » n&#39;est pas une valeur connue"),
        ("famille=%3Cscript%3Ealert(1)%3C/script%3E", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("fenetre=7", "1, 5, 15 ou 60 minutes"),
        ("plateforme=%00", "n&#39;est pas un nom de plateforme"),
        ("t=%FF", "n&#39;est pas un instant"),
        ("comparer=2099-01-01", "un jour passé"),
    ],
)
def test_a_wrong_parameter_is_one_french_sentence(wall: str, query: str, words: str) -> None:
    answer = get(f"{wall}/?{query}")
    assert answer.status == 400
    assert words in answer.body
    assert "<script>alert" not in answer.body
    assert "Traceback" not in answer.body
    assert "content-security-policy" in answer.headers


def test_a_past_instant_shows_what_was_counted_then(wall: str, crowd: Crowd) -> None:
    t = f"{datetime.fromtimestamp(crowd.began - 900, UTC):%Y-%m-%dT%H:%M:%SZ}"

    def figures(address: str) -> dict[str, str]:
        deadline = time.monotonic() + 60
        while True:
            found = dict(re.findall(r'data-chiffre="(\w+)">([^<]*)<', get(wall + address).body))
            if found["pages"] != "–":
                return {name: found[name] for name in ("pages", "visites", "visiteurs")}
            assert time.monotonic() < deadline
            time.sleep(0.5)

    # 108 pages a minute in the country, 12 in Lyon; each a visit of its own
    assert figures(f"/?t={t}&fenetre=5") == dict.fromkeys(("pages", "visites", "visiteurs"), "540")
    assert figures(f"/?t={t}&fenetre=5&academie=Lyon") == dict.fromkeys(("pages", "visites", "visiteurs"), "60")


def test_an_instant_older_than_the_minutes_kept_is_shown_by_the_hour(wall: str, stack: Stack) -> None:
    hour = (datetime.now(UTC) - timedelta(days=40)).replace(minute=0, second=0, microsecond=0)
    rows = [("total", hour, "", 7200, 900, 800), ("academie", hour, "Lyon", 3600, 400, 300)]
    with closing(stack.store("admin")) as admin:
        admin.execute("INSERT INTO ent.counts_hour (kind, start, key, hits, visits, visitors) VALUES", rows)
    page = get(f"{wall}/?t={hour + timedelta(minutes=20):%Y-%m-%dT%H:%M:%SZ}").body
    assert "chiffres à l&#39;heure" in page
    assert 'data-chiffre="pages">7\u202f200<' in page
    assert 'data-chiffre="debit">2,0<' in page


def test_a_past_instant_knows_nothing_of_what_came_after_it(wall: str, crowd: Crowd) -> None:
    before = datetime.fromtimestamp(time.time() - 3 * 3600, UTC)
    page = get(f"{wall}/?t={before:%Y-%m-%dT%H:%M:%SZ}&fenetre=5").body
    assert 'data-etat="silence"' not in page
    assert "Aucune donnée n" in page


def test_an_unknown_address_is_not_found_in_french(wall: str) -> None:
    answer = get(f"{wall}/nulle-part")
    assert answer.status == 404
    assert "rien à cette adresse" in answer.body


def test_files_outside_the_static_folder_are_not_served(wall: str) -> None:
    for path in ("/static/../server.py", "/static/%2e%2e/server.py", "/static/"):
        assert get(wall + path).status in (403, 404)


# -- the stream


@contextmanager
def stream(url: str, **headers: str) -> Iterator[http.client.HTTPResponse]:
    """An open event stream."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=15)
    try:
        connection.request("GET", f"{parts.path}?{parts.query}", headers=headers)
        yield connection.getresponse()
    finally:
        connection.close()


def next_parts(answer: http.client.HTTPResponse) -> dict[str, str]:
    """The parts of the page that the next event with any brings."""
    while True:
        line = answer.readline()
        assert line, "the stream ended"
        if line.startswith(b"data:") and (parts := json.loads(line[5:])["parts"]):
            found: dict[str, str] = parts
            return found


def test_the_stream_says_the_same_as_the_page(wall: str) -> None:
    with stream(f"{wall}/flux?academie=Lyon") as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert "Lyon" in next_parts(answer)["titre"]


def test_the_stream_is_packed_for_who_can_unpack_it(wall: str) -> None:
    with stream(f"{wall}/flux", **{"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        unpacked, plain = zlib.decompressobj(wbits=31), b""
        while b"\n" not in plain:  # as a browser does: what has come, not a full buffer
            plain += unpacked.decompress(answer.read1(4096))
        assert plain.strip()


def test_a_stream_of_nothing_is_refused_like_its_page(wall: str) -> None:
    with stream(f"{wall}/flux?t=abc") as answer:
        assert answer.status == 400


def test_two_hundred_pages_ask_clickhouse_no_more_than_one(wall: str) -> None:
    def queries(seconds: float) -> int:
        before: int = json.loads(get(f"{wall}/sante").body)["queries"]
        time.sleep(seconds)
        after: int = json.loads(get(f"{wall}/sante").body)["queries"]
        return after - before

    with stream(f"{wall}/flux"):
        alone = queries(3)
    parts = urlsplit(wall)
    viewers = []
    try:
        for _ in range(200):
            viewer = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
            viewer.sendall(b"GET /flux HTTP/1.1\r\nHost: wall\r\n\r\n")
            viewers.append(viewer)
        time.sleep(1)
        assert json.loads(get(f"{wall}/sante").body)["viewers"] >= 200
        crowded = queries(3)
        for viewer in viewers:  # and everybody is served
            assert viewer.recv(65536).startswith(b"HTTP/1.1 200")
    finally:
        for viewer in viewers:
            viewer.close()
    assert 0 < crowded <= 2 * alone


def test_a_viewer_who_reads_nothing_holds_nobody_up(wall: str) -> None:
    parts = urlsplit(wall)
    with socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10) as sleeper:
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        sleeper.sendall(b"GET /flux HTTP/1.1\r\nHost: wall\r\n\r\n")
        with stream(f"{wall}/flux") as answer:
            assert next_parts(answer)
            assert next_parts(answer)


# -- who may look


def test_with_a_password_nothing_is_shown_without_it(stack: Stack, crowd: Crowd) -> None:
    def basic(password: str) -> str:
        return "Basic " + base64.b64encode(f"mur:{password}".encode()).decode()

    with running_wall(stack, INSTANT_T_WALL_PASSWORD="été d'essai") as url:
        for path in ("/", "/flux", "/static/"):
            refused = get(url + path)
            assert refused.status == 401
            assert refused.headers["www-authenticate"].startswith("Basic ")
            assert "Lyon" not in refused.body
        assert get(f"{url}/", Authorization=basic("faux")).status == 401
        assert get(f"{url}/", Authorization="Basic ???").status == 401
        assert get(f"{url}/", Authorization=basic("été d'essai")).status == 200


def test_the_wall_ends_soon_also_while_clickhouse_hangs(stack: Stack, crowd: Crowd) -> None:
    with running_wall(stack) as url:
        stack.gateway.process.send_signal(signal.SIGSTOP)
        try:
            get(f"{url}/?academie=Lyon&fenetre=60")
            began = time.monotonic()
        finally:
            # `running_wall` ends it here, and asserts that its status is 0
            threading.Timer(12, stack.gateway.process.send_signal, [signal.SIGCONT]).start()
    assert time.monotonic() - began < 12
    stack.gateway.process.send_signal(signal.SIGCONT)


def test_a_port_in_use_is_one_sentence(stack: Stack, wall: str) -> None:
    port = urlsplit(wall).port or 0
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "wall"],
        env=wall_environment(stack, port),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert str(port) in done.stderr
    assert "INSTANT_T_DASHBOARD_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_pages_asked_at_once_are_all_answered(wall: str) -> None:
    answers: list[int] = []

    def ask(path: str) -> None:
        answers.append(get(wall + path).status)

    paths = ["/", "/?academie=Lyon", "/?famille=visio&fenetre=15", "/?profil=PARENT", "/?plateforme=NEO&fenetre=1"]
    threads = [threading.Thread(target=ask, args=(path,)) for path in paths * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 20
