"""What attackers, broken producers and odd alphabets put into a field, a number, or the bytes between them."""

from __future__ import annotations

from tests.core.traffic import NOW_MS

ESCAPES = (
    "\x1b[2J\x1b[H", "\x1b]0;owned\x07", "\x1b]8;;http://evil.example\x1b\\", "\x9b2J", "\r\nHTTP/1.1 200 OK\r\n\r\n",
    "a\nERROR all is lost", "\u2028line", "\u2029", "\u202eevil\u202c", "\u2066\u2069", "\u200b", "\ufeff", "\x7f",
    "\x00", "\x08\x08\x08", "\u0085", "\ue000", "\U0010ffff", "\ufffe",
)  # fmt: skip
"""Terminal control, log forging, text that runs the other way."""

SQL = (
    "'; DROP TABLE ent.cells; --", "' OR 1=1 --", "\\'; SELECT 1; --", "{at:DateTime}", "$$", "`ent`.`cells`",
    "%s %(x)s", "') UNION ALL SELECT * FROM system.users --", "FORMAT TSV\n1\t2", "\\N", "NULL", "/*", "--",
    "INTO OUTFILE '/tmp/x'",
)  # fmt: skip
HTML = (
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "</textarea><svg/onload=alert(1)>", "&lt;b&gt;",
    "'\"`=", "javascript:alert(1)", "{{7*7}}", "${7*7}", "{% raw %}", "<!--", "]]>", "</style>",
    "\" autofocus onfocus=x y=\"",
)  # fmt: skip
ALPHABETS = (
    "é" * 64, "é" * 65, "x" * 64, "x" * 65, "p" * 256, "p" * 257, "é" * 256, "𝒳" * 16, "𝒳" * 64, "e\u0301" * 32, "ΑΒΓ",
    "Пример", "日本語", "עברית", "العربية", "ﬀ", "ſ", "İ", "ı", "ß", "１", "٣", "", " ", "\u00a0", "\t", "NOTES",
    " notes ", "13", "ELEVE", "1",
)  # fmt: skip
TEXTS = ESCAPES + SQL + HTML + ALPHABETS

TIMES = (
    "0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59", "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2038-01-19T03:14:08Z",
    "2106-02-07T06:28:15Z", "2106-02-07T06:28:16Z", "2026-02-29T06:30:00Z", "2024-02-29T06:30:00Z",
    "1900-02-29T00:00:00Z", "2026-09-31T06:30:00Z", "2026-13-01T00:00:00Z", "2026-00-10T00:00:00Z",
    "2026-09-01T24:00:00Z", "2026-09-01T06:60:00Z", "2026-09-01T06:30:60Z", "2026-12-31T23:59:60Z",
    "2026-09-01T06:30:00", "2026-09-01 06:30:00Z", "2026-09-01T06:30Z", "20260901T063000Z", "2026-W36-2T06:30:00Z",
    "2026-244T06:30:00Z", "2026-09-01T06:30:00.Z", "2026-09-01T06:30:00,5Z", "2026-09-01T06:30:00+24:00",
    "2026-09-01T06:30:00+02:60", "2026-09-01T06:30:00+0200", "2026-09-01T06:30:00-00:00", "2026-09-01T06:30:00+14:00",
    "2026-09-01T08:30:00+02:00", "2026-09-01t06:30:00z", "2026-09-01T06:30:00.999999999Z",
    "2026-09-01T06:30:00." + "9" * 40 + "Z", "2026-09-01T06:30:00.123456+02:00", "２０26-09-01T06:30:00Z",
    "+2026-09-01T06:30:00Z", "-2026-09-01T06:30:00Z", "12026-09-01T06:30:00Z", " 2026-09-01T06:30:00Z",
    "2026-09-01T06:30:00Z ", "2026-09-01T06:30:00ZZ", "2026-09-01T06:30:00−02:00", "1788244200000", "now", "now()",
)  # fmt: skip

HOUR_MS = 3_600_000
EDGES_MS = (
    0, 1, -1, 999, -999, 9_999, 10_000, -10_000, 60_000, -60_000, -60_001, 300_000, 300_001, 299_999, -46 * HOUR_MS,
    -46 * HOUR_MS - 1, -46 * HOUR_MS + 1, 46 * HOUR_MS,
)  # fmt: skip
"""Milliseconds from now at which a rule changes its mind."""

NUMBERS = (
    "0", "-0", "1", "-1", "0.0", "1.5", "1e3", "1E+3", "1e-3", "1e400", "-1e400", "1e99999999", "9007199254740993",
    "2147483648", "4294967296", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "-9223372036854775809", "18446744073709551615", "18446744073709551616", "340282366920938463463374607431768211456",
    "253402300799999", "253402300800000", "-62135596800000", "-62135596800001", "4294967295000", "4294967296000",
    f"{NOW_MS}.0", f"{NOW_MS}.5", f"{NOW_MS}e0", f"{NOW_MS // 1000}e3", f"0{NOW_MS}", f"+{NOW_MS}", f"-{NOW_MS}",
    f"{NOW_MS} ", "9" * 40, "9" * 41, "-" + "9" * 400, "1" + "0" * 4299, "1" + "0" * 4301, "9" * 9000,
    "0." + "1" * 5000, "00", "01", ".5", "5.", "1e", "0x10", "1_000", "NaN", "-NaN", "Infinity", "-Infinity", "nan",
    "inf", "١٢٣",
)  # fmt: skip
"""As they stand in the text; not all of them are JSON."""

VALUES = (
    "null", "true", "false", "True", "None", "undefined", "{}", "[]", "[1]", '{"a":1}', '""', '"x"', "'x'", "{", "[",
    "", *NUMBERS,
)  # fmt: skip

BYTES = (
    b"\x00", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff", b"\x80", b"\xbf", b"\xc3", b"\xc0\x80", b"\xc1\xbf",
    b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xed\xa0\x80", b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb8\x80",
    b"\xf0\x80\x80\x80", b"\xf0\x9f\x98", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80",
    b"\xc3\xa9", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80", b"\x1b[31m", b"\r\n", b"\n", b"\t", b"\x0b", b"\x0c", b"\x1f",
    b"\x7f", b"\xc2\x85", b"\xc2\xa0", b"\\", b'"', b'\\"', b"\\\\", b"\\u0000", b"\\u0041", b"\\ud800", b"\\udc00",
    b"\\ud83d\\ude00", b"\\ude00\\ud83d", b"\\uD83D\\u0041", b"\\u00e9", b"\\x41", b"\\u12", b"\\uzzzz", b"\\n",
    b"\\/", b"\\b", b"\\'", b",", b":", b"{", b"}", b"[", b"]", b",,", b"::", b"{}", b"[]", b"null", b"NaN",
    b"Infinity", b"-", b"0", b"1", b"9", b".", b"e", b"E", b"+", b" ", b"/**/", b"//x\n", b"#", b"\x00\x01\x02",
    b"PK\x03\x04", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18",
)  # fmt: skip
"""Overlong and broken UTF-8, half surrogate pairs (raw and escaped), structure out of place."""

STAMPS = (
    NOW_MS, NOW_MS, NOW_MS, NOW_MS - 1, NOW_MS + 1, NOW_MS - 300_000, NOW_MS + 300_000, NOW_MS - 46 * HOUR_MS,
    NOW_MS + 46 * HOUR_MS, -1, -2, 0, 1, -(2**31), 2**31, 2**53, -(2**53), 2**63 - 1, -(2**63), 9 * 10**15,
    9_223_372_036_854_776, -9_223_372_036_854_776, 4_294_967_295_000, 4_294_967_296_000,
)  # fmt: skip
"""Timestamps of records, epoch milliseconds: a producer may write any 64 bits."""
