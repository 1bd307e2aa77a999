"""Progress nobody listens to."""

from callprobe.run.events import Phase, Silent


def test_silence_takes_everything_and_says_nothing(capsys) -> None:
    Silent().phase(Phase("calls/test", "media", 0.5))
    Silent().notice("something")
    assert capsys.readouterr() == ("", "")
