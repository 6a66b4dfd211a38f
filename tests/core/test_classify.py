"""From words to codes: UAIs and their territories, services, profils."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.classify import (
    DEPARTEMENTS,
    NO_TERRITORY,
    PROFILS,
    SERVICES,
    UNKNOWN,
    ProfilCodes,
    ServiceCodes,
    territory_of,
    uai_columns,
    uai_texts,
    why_bad_uai,
)
from tests.core import oracle, traffic


def departement(uai: str) -> str | None:
    """The département of a UAI, None when it is none."""
    territories, numbers = uai_columns([uai])
    code = int(territories[0])
    assert code == territory_of(uai)
    assert code == NO_TERRITORY or uai_texts(numbers).tobytes().decode() == uai.upper()
    return None if code == NO_TERRITORY else DEPARTEMENTS[code]


def service(text: str) -> tuple[str, bool]:
    """The service of a text and whether it was recognised; the same when it is remembered."""
    codes = ServiceCodes()
    code = codes[text]
    assert codes[text] == code
    return SERVICES[code % UNKNOWN], code < UNKNOWN


def profil(text: str) -> tuple[str, bool]:
    """The profil of a text and whether it was recognised; the same when it is remembered."""
    codes = ProfilCodes()
    code = codes[text]
    assert codes[text] == code
    return PROFILS[code % UNKNOWN], code < UNKNOWN


@pytest.mark.parametrize(
    ("uai", "expected"),
    [
        ("0010001W", "01"),
        ("0590123N", "59"),
        ("0750001U", "75"),
        ("0750001u", "75"),
        ("6200001G", "2A"),
        ("7200001N", "2B"),
        ("7200001n", "2B"),
        ("9710001Z", "971"),
        ("9720001U", "972"),
        ("9730001N", "973"),
        ("9740001H", "974"),
        ("9760001X", "976"),
        ("9750001C", "975"),
        ("9830002K", "983"),
        ("9830507J", "983"),
        ("9840001D", "984"),
        ("9870026P", "987"),
    ],
)
def test_a_uai_says_its_departement_by_its_prefix(uai: str, expected: str) -> None:
    assert departement(uai) == expected


@pytest.mark.parametrize("uai", ["0200001T", "0960001E", "0000001B", "9770001S", "9780001L", "9860001T"])
def test_a_right_check_letter_under_the_prefix_of_no_territory_is_no_uai(uai: str) -> None:
    assert departement(uai) is None
    assert why_bad_uai(uai) == f"{uai[:3]} is the prefix of no département or collectivité"


@pytest.mark.parametrize("letter", "ABCDEFGHIJKLMNOPQRSTVWXYZabcdefghijklmnopqrstvwxyz")
def test_only_one_letter_checks(letter: str) -> None:
    assert departement("0750001" + letter) is None
    assert why_bad_uai("0750001" + letter) == "the check letter of 0750001 is U"


@pytest.mark.parametrize(
    "uai",
    [
        "",
        "0750001",
        "750001U",
        "00750001U",
        "0750001UU",
        "0750001U ",
        " 0750001U",
        "0750001U\n",
        "075 001U",
        "+750001U",
        "0_50001U",
        "07500015",
        "2A00001G",
        "０７５０００１U",
        "0750001Ｕ",
        "٠٧٥٠٠٠١U",
        "0750001ü",
        "0750001ſ",
        "075000²U",
        "U0750001",
        "0750001\0",
    ],
)
def test_what_is_not_seven_digits_and_a_letter_is_no_uai(uai: str) -> None:
    assert departement(uai) is None
    assert why_bad_uai(uai) == "a UAI is seven digits and a check letter"


@given(st.sampled_from(sorted(oracle.DEPARTEMENT_OF_PREFIX)), st.integers(0, 9999), st.booleans())
def test_every_prefix_of_the_reference_files_with_its_check_letter_is_a_uai(
    prefix: str, number: int, lower: bool
) -> None:
    digits = f"{prefix}{number:04}"
    letters = [letter.lower() if lower else letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    found = [letter for letter in letters if departement(digits + letter)]
    assert len(found) == 1
    assert departement(digits + found[0]) == oracle.DEPARTEMENT_OF_PREFIX[prefix]


def test_the_territories_are_the_departements_and_the_overseas_collectivites() -> None:
    assert len(DEPARTEMENTS) == len(set(DEPARTEMENTS)) == 105
    assert {"01", "2A", "2B", "75", "95", "971", "976", "975", "987"} < set(DEPARTEMENTS)
    assert "20" not in DEPARTEMENTS


@pytest.mark.parametrize("code", [row["service"] for row in oracle.SERVICE_ROWS])
def test_a_code_of_the_taxonomy_is_its_service_in_any_case(code: str) -> None:
    spellings = (code, code.lower(), code.capitalize(), code.swapcase(), f"  {code}\t\n")
    assert {service(text) for text in spellings} == {(code, True)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Page_ENT", "PAGE_ENT"),
        ("Actualites", "ACTUALITES"),
        ("Cahier_Textes", "CAHIER_TEXTES"),
        ("Courrier_Electronique", "COURRIER_ELECTRONIQUE"),
        ("Travail_Collaboratif", "PRODUCTION_COLLABORATIVE"),
        ("travail_collaboratif", "PRODUCTION_COLLABORATIVE"),
        ("Parcours_Pedagogiques", "PARCOURS_PEDAGOGIQUE"),
        ("Reservation_Ressources", "RESERVATION_SALLES_MATERIELS"),
        ("Services_Collectivites", "SERVICE_COLLECTIVITE"),
        ("Ressources_En_Ligne", "RESSOURCE_DOCUMENTAIRE"),
        ("ressources_en_ligne", "RESSOURCE_DOCUMENTAIRE"),
        ("Orientation", "RESSOURCE_ORIENTATION"),
        ("ORIENTATION", "RESSOURCE_ORIENTATION"),
        ("1", "STOCKAGE_PARTAGE"),
        ("2", "PRODUCTION_COLLABORATIVE"),
        ("3", "NOTES"),
        ("4", "ABSENCES"),
        ("5", "SERVICES_VIE_SCOLAIRE"),
        ("6", "GESTION_COMPETENCES"),
        ("7", "GESTION_TEMPS"),
        ("9", "CAHIER_TEXTES"),
        ("10", "COURRIER_ELECTRONIQUE"),
        ("11", "ACTUALITES"),
        ("12", "RESERVATION_SALLES_MATERIELS"),
        ("13", "RESSOURCE_DOCUMENTAIRE"),
        ("15", "DOCUMENTATION_CDI"),
        ("16", "RESSOURCE_ORIENTATION"),
        ("17", "PARCOURS_PEDAGOGIQUE"),
        ("18", "SERVICE_COLLECTIVITE"),
        ("19", "VISIOCONFERENCE"),
        (" 19 ", "VISIOCONFERENCE"),
        ("", "PAGE_ENT"),
        (" \t\n", "PAGE_ENT"),
        ("MANUEL_NUMERIQUE", "MANUEL_NUMERIQUE"),
        ("NON_CLASSE", "NON_CLASSE"),
    ],
)
def test_names_and_numbers_of_2012_are_the_services_of_today(text: str, expected: str) -> None:
    assert service(text) == (expected, True)


@pytest.mark.parametrize(
    "text",
    [
        *("8", "14", "0", "20", "03", "3.0", "+3", "NOTE", "NOTES ABSENCES", "NO TES", "cahier textes", "?", "\0"),
        *("NOTES\0", "notıces", "vısıoconference", "PARCOURS_PÉDAGOGIQUE", "ＮＯＴＥＳ", "３", "³", "abſences"),
    ],
)
def test_any_other_text_is_non_classe_and_measured(text: str) -> None:
    assert service(text) == ("NON_CLASSE", False)


@pytest.mark.parametrize("code", [row["profil_code"] for row in oracle.PROFIL_ROWS])
def test_a_profil_is_known_in_any_case(code: str) -> None:
    assert {profil(text) for text in (code, code.lower(), code.title())} == {(code, True)}


def test_profils_have_numbers_of_2012() -> None:
    assert [profil(text)[0] for text in "123476"] == [
        "ELEVE",
        "ENSEIGNANT",
        "PARENT",
        "ADMIN_VIE_SCOL_TECH",
        "PERSONNEL_COLLECTIVITE",
        "AUTRE",
    ]
    assert profil("6") == ("AUTRE", True)


@pytest.mark.parametrize("text", ["", "5", "8", "01", " ELEVE", "ELEVE ", "Élève", "Student", "１", "ENſEIGNANT", "\0"])
def test_any_other_profil_is_autre_and_measured(text: str) -> None:
    assert profil(text) == ("AUTRE", False)


@given(traffic.services, traffic.profils, traffic.uais)
def test_words_are_read_as_the_oracle_reads_them(service_text: str, profil_text: str, uai: str) -> None:
    assert service(service_text) == oracle.service_of(service_text)
    assert profil(profil_text) == oracle.profil_of(profil_text)
    assert departement(uai) == oracle._departement(uai)


def test_codes_fit_the_bits_of_a_cell_key() -> None:
    assert len(SERVICES) == len(set(SERVICES)) == 26
    assert PROFILS == ("ELEVE", "ENSEIGNANT", "PARENT", "ADMIN_VIE_SCOL_TECH", "PERSONNEL_COLLECTIVITE", "AUTRE")


def test_hostile_words_do_not_fill_the_memory() -> None:
    codes = ServiceCodes()
    for number in range(100_005):
        codes[f"hostile {number}"]
    assert len(codes) <= 100_000
    assert SERVICES[codes["NOTES"]] == "NOTES"


LIKE_A_UAI = st.from_regex(r"\A(0[0-9]{2}|620|720|97[0-9]|98[0-9])[0-9]{4}[A-Za-z]\Z")


@given(st.lists(st.one_of(LIKE_A_UAI, st.text(max_size=10), st.text("0123456789\né", max_size=8)), min_size=1))
def test_a_column_of_uais_is_read_as_one_at_a_time(uais: list[str]) -> None:
    lettered = [uai[:7] + "ABCDEFGHJKLMNPRSTUVWXYZ"[int(uai[:7]) % 23] if uai[:7].isdecimal() else uai for uai in uais]
    assert uai_columns(lettered)[0].tolist() == [territory_of(uai) for uai in lettered]
    assert uai_columns(uais)[0].tolist() == [territory_of(uai) for uai in uais]


def test_a_column_of_uais_comes_back_from_its_numbers() -> None:
    territories, numbers = uai_columns(["0010001W", "0590123n", "nonsense", "9870026P"])
    assert territories[2] == NO_TERRITORY
    assert uai_texts(numbers[territories != NO_TERRITORY]).tobytes() == b"0010001W0590123N9870026P"
