"""What a run knows before it measures."""

from callprobe import __version__
from callprobe.run.surroundings import Surroundings


def test_unless_told_otherwise_a_run_claims_nothing() -> None:
    surroundings = Surroundings(probe_id_for=lambda network: network, emulated=False)
    assert surroundings.software_version == __version__
    assert (surroundings.access_type, surroundings.history, surroundings.network) == ("other", None, None)
    assert surroundings.keep_packet_records
