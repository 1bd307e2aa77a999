"""How captures differ from dialects."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from callprobe.dialect import registry
from callprobe.pcap.dissect import Findings, dissect
from callprobe.pcap.recognise.distance import Distance, distance_to, nearest, traits_of
from callprobe.pcap.recognise.service import Service
from callprobe.pcap.write import CaptureWriter


@pytest.fixture
def empty(tmp_path: Path) -> Findings:
    """Return what is found in a capture of nothing."""
    CaptureWriter(tmp_path / "empty.pcap").close()
    return dissect(tmp_path / "empty.pcap")


def findings_of(look: str, empty: Findings, service: Service) -> Findings:
    """Return the findings of a capture of a dialect."""
    return replace(empty, **traits_of(look)._asdict(), service=service)


def value(distance: Distance, name: str) -> tuple[str | None, str | None, bool | None]:
    """Return a feature of both, and whether they match."""
    feature = next(feature for feature in distance.features if feature.name == name)
    return feature.dialect_value, feature.capture_value, feature.matches


@pytest.mark.parametrize("look", registry.LOOKS)
def test_a_dialect_is_at_no_distance_from_itself(look: str) -> None:
    """All that it has matches, and it has something of set-up, voice and video."""
    distance = distance_to(traits_of(look), look)
    names = [feature.name for feature in distance.features]

    assert distance.matching_ratio == 1
    assert distance.compared == len(distance.features)
    assert {"voice, payload type", "video, payload type"} < set(names)
    assert not all(name.startswith(("voice", "video")) for name in names)


@pytest.mark.parametrize("look", registry.LOOKS)
def test_each_dialect_is_nearest_to_itself(look: str, empty: Findings) -> None:
    """Also where nothing named the service."""
    distance = nearest(findings_of(look, empty, Service()))

    assert distance is not None
    assert (distance.dialect, distance.matching_ratio) == (look, 1)
    assert distance.version == registry.find(look).version


def test_a_service_is_compared_with_its_own_dialect_however_far(empty: Findings) -> None:
    """An old dialect that nothing matches any more must be noticed, not passed over for another."""
    found = findings_of("webrtc-aiortc", empty, Service(name="whatsapp", is_call=True))
    distance = nearest(found)

    assert distance is not None
    assert distance.dialect == "whatsapp-2023"
    assert distance.matching_ratio < 0.7


def test_what_is_no_call_is_compared_with_nothing(empty: Findings) -> None:
    """Nor is a capture with nothing to compare, nor one of media alone."""
    media = replace(empty, rtp=traits_of("webrtc-aiortc").rtp, service=Service())

    assert nearest(findings_of("telegram-v2", empty, Service(is_call=False))) is None
    assert nearest(replace(empty, service=Service(name="telegram", is_call=True))) is None
    assert nearest(media) is None


def test_a_changed_look_is_told_feature_by_feature(empty: Findings) -> None:
    """Another size of the Allocate is one difference, and what the dialect lacks is none but is shown."""
    found = findings_of("whatsapp-2023", empty, Service(name="whatsapp", is_call=True))
    grown = tuple(
        replace(asked, request_size=236) if asked.kind == "0x0003" else asked for asked in found.transactions
    )
    check = replace(grown[0], kind="0x0001", attributes=("0x0008",), request_size=44)
    distance = nearest(replace(found, transactions=(*grown, check)))

    assert distance is not None
    assert value(distance, "Allocate, bytes") == ("212", "236", False)
    assert value(distance, "check, bytes") == (None, "44", None)
    assert distance.compared - distance.matching == 1


@pytest.mark.peer("shared")
def test_the_capture_that_a_dialect_follows_is_at_no_distance(shared: Path) -> None:
    """WhatsApp of February 2023, the dialect's own source."""
    distance = nearest(dissect(shared / "captures" / "stun_wa_call.pcapng"))

    assert distance is not None
    assert (distance.dialect, distance.capture_date) == ("whatsapp-2023", "2023-02-17")
    assert [feature for feature in distance.features if feature.matches is False] == []
    assert distance.compared >= 25


@pytest.mark.peer("shared")
def test_an_older_call_of_the_service_differs_where_it_should(shared: Path) -> None:
    """WhatsApp of 2015: shorter Allocates, unpadded, no header extension; voice has kept its type."""
    distance = nearest(dissect(shared / "captures" / "whatsapp_login_call.pcap"))

    assert distance is not None
    assert value(distance, "Allocate, bytes") == ("212", "126", False)
    assert value(distance, "STUN padded to four bytes") == ("yes", "no", False)
    assert value(distance, "voice, header extension") == ("0xdebe", "none", False)
    assert value(distance, "voice, payload type") == ("120", "120", True)


@pytest.mark.peer("shared")
@pytest.mark.parametrize(
    ("file", "query_id"),
    [("ndpid_heads_telegram_voice.pcap", "constant"), ("telegram.pcap", "random")],
)
def test_generations_of_telegram_are_told_apart(shared: Path, file: str, query_id: str) -> None:
    """The dialect follows the second; the call of 2020 was libtgvoip's."""
    distance = nearest(dissect(shared / "captures" / file))

    assert distance is not None
    assert distance.dialect == "telegram-v2"
    assert value(distance, "reflector ping, query id") == ("constant", query_id, query_id == "constant")
