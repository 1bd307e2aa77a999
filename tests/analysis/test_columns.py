"""What the analysis reads of the published rows."""

from callanalysis.columns import COLUMNS, DTYPES, OPTIONAL, REQUIRED
from callresults.store.columns import Row


def test_every_column_read_is_a_column_of_the_published_row():
    """The analysis reads nothing that the collector does not write."""
    assert set(COLUMNS) <= set(Row.__struct_fields__)


def test_every_column_is_needed_or_describes_and_has_a_dtype():
    """Needed and describing columns are apart and make up the whole."""
    assert (set(COLUMNS), set()) == (OPTIONAL | REQUIRED, OPTIONAL & REQUIRED)
    assert set(COLUMNS.values()) <= set(DTYPES)
