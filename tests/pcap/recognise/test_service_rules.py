"""The table of rules of the service guess."""

import re
from collections import Counter

from callprobe.pcap.recognise.service import MIN_SCORE, TITLES, Hit, scores
from callprobe.pcap.recognise.service_rules import CALL_SIGNS, GENERIC, NO_CALLS, RULES


def test_ids_are_given_once() -> None:
    """Whoever cites a rule means one."""
    ids = Counter(item.id for item in (*RULES, *CALL_SIGNS))

    assert [name for name, count in ids.items() if count > 1] == []


def test_weights_are_no_certainties() -> None:
    """No single mark proves a service, and each says something."""
    assert [rule.id for rule in RULES if not 0 < rule.weight < 1] == []


def test_every_service_has_a_title_and_a_mark_of_content() -> None:
    """Names, ports and addresses alone could name nobody."""
    services = {rule.service for rule in RULES}

    assert services == TITLES.keys()
    assert services == {rule.service for rule in RULES if not rule.weak}
    assert GENERIC | NO_CALLS.keys() < services


def test_names_ports_and_addresses_of_one_service_stay_below_the_bar() -> None:
    """Even all of them together would not reach the score of a candidate."""
    weak = scores(Hit(rule, 1) for rule in RULES if rule.weak)

    assert {service: score for service, score in weak.items() if score >= MIN_SCORE} == {}


def test_sentences_end_and_say_how_often() -> None:
    """Each is one plain sentence with one figure."""
    for rule in RULES:
        assert len(re.findall(r"\{(?:times|n)\}", rule.says)) == 1, rule.id
        assert rule.says.format(times="twice", n=2).endswith("."), rule.id
    for sign in CALL_SIGNS:
        assert sign.says.format(n=1, s="").endswith("."), sign.id
