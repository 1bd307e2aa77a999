"""Claim files: data, and one sentence when they are broken."""

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
