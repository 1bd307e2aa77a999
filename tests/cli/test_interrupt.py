"""SIGTERM ends a command as Ctrl-C does, as long as it runs."""

import signal

import pytest

from callprobe.cli.interrupt import ends_as_by_ctrl_c


def test_sigterm_is_a_keyboard_interrupt_inside_the_block_only() -> None:
    """Afterwards the signal means what it meant before."""
    before = signal.getsignal(signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt), ends_as_by_ctrl_c():
        signal.raise_signal(signal.SIGTERM)

    assert signal.getsignal(signal.SIGTERM) is before
