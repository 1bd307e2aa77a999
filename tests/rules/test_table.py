"""The rules as data: complete, distinct, readable."""

from callresults.rules.pair import CONDITIONS
from callresults.rules.table import PAIR_RULES


def test_every_rule_names_a_condition_and_every_condition_is_used_once():
    assert sorted(rule.condition for rule in PAIR_RULES) == sorted(CONDITIONS)


def test_ids_are_distinct_and_versioned():
    ids = [rule.id for rule in PAIR_RULES]
    assert len(set(ids)) == len(ids)
    assert all(rule_id.startswith("pair-") and rule_id[-1].isdigit() for rule_id in ids)


def test_the_last_rule_always_holds_and_claims_nothing():
    assert (PAIR_RULES[-1].condition, PAIR_RULES[-1].verdict) == ("otherwise", "insufficient")


def test_every_rule_says_a_sentence_and_what_it_rests_on():
    assert all(rule.sentence.endswith(".") and rule.evidence for rule in PAIR_RULES)


def test_insufficient_always_has_a_reason():
    assert all(rule.reasons for rule in PAIR_RULES if rule.verdict == "insufficient")
