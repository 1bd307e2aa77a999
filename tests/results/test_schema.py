"""The committed schema and explanation are those of the types."""

from pathlib import Path

from callresults import schema

RESULTS = Path(__file__).parents[2] / "results"


def test_the_committed_schema_is_current():
    """Else: ``python -m callresults.schema > results/measurement.schema.json``."""
    assert (RESULTS / "measurement.schema.json").read_text() == schema.schema_text()


def test_the_committed_explanation_is_current():
    """Else: ``python -m callresults.schema --text > results/spec/measurement.md``."""
    assert (RESULTS / "spec" / "measurement.md").read_text() == schema.explanation()


def test_every_record_of_the_schema_is_explained():
    defined = {name for name, part in schema.measurement_schema()["$defs"].items() if "properties" in part}
    assert defined <= {record.__name__ for record in schema.RECORDS}


def test_the_string_below_a_field_explains_it():
    texts = schema.field_texts(schema.CallKeys)
    assert texts["pair_id"] == "Joins the arms that ran beside each other."
    assert texts["metrics_up"].startswith("Probe to responder")


def test_every_metric_is_explained():
    assert schema.field_texts(schema.DirectionMetrics).keys() == set(
        schema.DirectionMetrics.__struct_fields__
    )
