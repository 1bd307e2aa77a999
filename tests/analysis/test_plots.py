"""The figures."""

import re

import pytest

from callanalysis import plots
from callanalysis.load import load
from callanalysis.onset import Onset
from callanalysis.votes import Flow, attempts
from helpers import published
from helpers.published import World, day

FIGURES = (plots.success, plots.distributions, plots.networks, plots.services)


def _scene(folder, *, emulated=True):
    world = World(onset=day(11), home_volunteers=24, abroad_volunteers=9)
    table = attempts(load(published.write(published.rows(2, world), folder)).rows, "Europe/Moscow")
    start = day(11).toordinal()
    onset = Onset(start, start, start + 1, 0)
    onsets = {
        Flow(service="telegram", medium="voice"): onset,
        Flow(service="telegram", medium="video"): None,
        Flow(service="whatsapp", medium="voice"): None,
    }
    return plots.Scene(table, "RU", onsets, emulated)


@pytest.mark.parametrize("draw", FIGURES)
def test_figure_is_the_same_twice_marked_and_in_the_pages_colour(tmp_path, draw):
    """Same bytes for the same data; text takes the page's colour; emulation is written across."""
    scene = _scene(tmp_path)
    svg = draw(scene)
    assert svg == draw(scene)
    assert svg.startswith("<svg")
    assert "currentColor" in svg
    assert "EMULATED" in svg
    assert not re.search(r"<script|<image|href=\"http", svg)


def test_real_data_carries_no_mark(tmp_path):
    """Only what is emulated says so."""
    assert "EMULATED" not in plots.success(_scene(tmp_path, emulated=False))
