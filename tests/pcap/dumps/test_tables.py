"""The tables by which rtcstats-js shortens names."""

from callprobe.pcap.dumps.figures import WANTED
from callprobe.pcap.dumps.tables import FIGURES, METHODS, TYPES
from helpers.browser_dumps import TABLES


def test_numbers_are_those_that_the_test_data_were_written_with() -> None:
    """They were copied from the source twice; a slip of one side shows."""
    figures = {name: number for number, name in FIGURES.items()}
    types = {name: number for number, name in TYPES.items()}

    assert {name: number for name, number in TABLES["figures"].items() if name in figures} == {
        name: number for name, number in figures.items() if name in TABLES["figures"]
    }
    assert all(types[name] == number for name, number in TABLES["types"].items() if name in types)
    assert all(METHODS.get(number, name) == name for name, number in TABLES["methods"].items())


def test_every_figure_of_the_table_is_one_that_is_read() -> None:
    assert set(FIGURES.values()) <= {name for names in WANTED.values() for name in names}
    assert set(TYPES.values()) == WANTED.keys()
