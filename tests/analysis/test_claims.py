"""Claim files: data, and one sentence when they are broken."""

import msgspec
import pytest

from callanalysis.claims import ClaimError, default_folder, load_claim, load_claims
from callanalysis.judge import check_rules

CONTRACT = [
    "telegram-voice-collapsed",
    "whatsapp-voice-broken-sound",
    "video-also-affected",
    "only-calls-affected",
    "domestic-service-unaffected",
    "only-one-country",
    "restriction-is-partial",
    "calls-restored",
]


def test_claim_ids_are_the_contract():
    """The eight claims of the contract are there, in order, with valid rules and parameters."""
    claims = load_claims(default_folder())
    check_rules(claims)
    assert [claim.id for claim in claims] == CONTRACT


def _changed(tmp_path, old, new):
    text = (default_folder() / "calls-restored.toml").read_text()
    assert old in text
    path = tmp_path / "calls-restored.toml"
    path.write_text(text.replace(old, new))
    return path


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('country = "RU"', "", r"calls-restored\.toml is no claim: Object missing required field `country`"),
        (
            "late_days = 5",
            "late_days = 5\nlater = 1",
            r"\[parameters\] of rule restored: .*unknown field `later`",
        ),
        ("late_days = 5", 'late_days = "5"', r"key late_days: Expected `int`, got `str`"),
        ('rule = "restored"', 'rule = "gone"', r"key rule: 'gone' is not one of affected_too"),
        ("date = 2025-08-11", 'date = "soon"', r"is no claim: key date: Expected `date`"),
        ("Europe/Moscow", "Europe/Nowhere", r"key timezone: 'Europe/Nowhere' is no IANA time zone"),
        ('id = "calls-restored"', 'id = "other"', r"key id: 'other' must equal the file's name"),
        ("order = 8", "order = ", r"is no TOML"),
    ],
)
def test_broken_claim_is_one_sentence(tmp_path, old, new, sentence):
    """File, key and reason are named."""
    path = _changed(tmp_path, old, new)
    with pytest.raises(ClaimError, match=sentence) as caught:
        check_rules([load_claim(path)])
    assert "\n" not in str(caught.value)


def test_folder_without_claims_is_one_sentence(tmp_path):
    """An empty folder is named."""
    with pytest.raises(ClaimError, match="holds no claim"):
        load_claims(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('country = "RU"', 'country = "ZZZZ"', r"is no claim: key country: .*\[A-Z\]\{2\}"),
        ('country = "RU"', 'country = "RU"\nwindow_days = -3', r"key window_days: Expected `int` >= 1"),
        ('country = "RU"', 'country = "RU"\nwindow_days = 99999', r"key window_days: Expected `int` <= 366"),
        ("date = 2025-08-11", "date = 9999-12-31", r"key date: 9999-12-31 is not within 2000-01-01 and"),
        ("Europe/Moscow", "Europe", r"key timezone: 'Europe' is no IANA time zone"),
        ("order = 8", f"order = {'9' * 5000}", r"is no TOML: Exceeds the limit"),
        ("[parameters]", "[minimum]\nnetwork_share = nan\n[parameters]", r"key minimum\.network_share"),
        ("[parameters]", "[minimum]\nvolunteers = -1\n[parameters]", r"key minimum\.volunteers"),
        ("late_days = 5", "late_days = 0", r"\[parameters\] of rule restored: key late_days: .*>= 1"),
        ("margin = 0.05", "margin = nan", r"rule restored: key margin"),
        ("margin = 0.05", "margin = inf", r"rule restored: key margin"),
        ("fall_max = -0.10", "fall_max = 0.10", r"fall_max lies above fall_refuted"),
        ("fall_max = -0.10", "usable_max = 0.5", r"rule restored: .*unknown field `usable_max`"),
    ],
)
def test_claim_with_an_absurd_value_is_one_sentence(tmp_path, old, new, sentence):
    """Every figure has a range, and what is no number lies in none."""
    path = _changed(tmp_path, old, new)
    with pytest.raises(ClaimError, match=sentence) as caught:
        check_rules([load_claim(path)])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("rule", "parameters", "sentence"),
    [
        ("level_and_fall", {"flows": []}, r"key flows: Expected `array` of length >= 1"),
        ("level_and_fall", {"usable_max": float("nan")}, r"key usable_max"),
        ("level_and_fall", {"usable_max": 0.8}, r"usable_max lies above usable_refuted"),
        ("level_and_fall", {"date_tolerance_days": 9999}, r"key date_tolerance_days: Expected `int` <= 28"),
        ("level_and_fall", {"date_tolerance_days": -1}, r"key date_tolerance_days: Expected `int` >= 0"),
        ("level_and_fall", {"onset_width_max_days": 0}, r"key onset_width_max_days"),
        ("broken_when_connected", {"damage_min": float("inf")}, r"key damage_min"),
        ("affected_too", {"beside": []}, r"key beside: Expected `array` of length >= 1"),
        ("nothing_else", {"others": []}, r"key others: Expected `array` of length >= 1"),
        ("nothing_else", {"others": [{"medium": "voice"}], "each_margin": 0.0}, r"key each_margin"),
        ("unaffected", {"margin": -0.05}, r"key margin"),
        ("only_here", {"countries_min": 0}, r"key countries_min"),
        ("partial", {"left_min": 1.5}, r"key left_min"),
        ("partial", {"uniform_p_max": float("nan")}, r"key uniform_p_max"),
        ("restored", {"late_days": "five"}, r"key late_days"),
    ],
)
def test_each_rule_has_ranges_of_its_own(rule, parameters, sentence):
    """What a rule cannot compute with is refused before anything is computed."""
    whole = {"flows": [{"service": "telegram", "medium": "voice"}]} | parameters
    claim = msgspec.structs.replace(load_claims(default_folder())[0], rule=rule, parameters=whole)
    with pytest.raises(ClaimError, match=rf"\[parameters\] of rule {rule}: .*{sentence}"):
        check_rules([claim])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a = " + "[" * 5000 + "]" * 5000, "is nested too deep"),
        ("#" * ((1 << 20) + 1), "is too large"),
        ("id" + ".a" * 5000 + " = 1", "is no claim"),
        ("parameters" + ".a" * 5000 + " = 1", "is no claim|is nested too deep"),
    ],
)
def test_hostile_file_is_one_sentence(tmp_path, text, sentence):
    """Depth and size have an end."""
    path = tmp_path / "hostile.toml"
    path.write_text(text)
    with pytest.raises(ClaimError, match=sentence) as caught:
        load_claim(path)
    assert "\n" not in str(caught.value)
