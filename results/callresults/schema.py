"""The JSON Schema of a measurement and its explanation field by field, both made from the types.

``python -m callresults.schema`` prints the schema (``results/measurement.schema.json``), with ``--text`` the
explanation (``results/spec/measurement.md``).
"""

import ast
import inspect
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, get_type_hints

import msgspec

from callresults.measurement import Annotations, Measurement
from callresults.metrics.direction import DirectionMetrics
from callresults.nettests.browser import (
    BrowserCall,
    BrowserPair,
    BrowserSample,
    BrowserTrack,
    BrowserTransport,
    ConnectionChange,
    IceChange,
    RemoteInbound,
)
from callresults.nettests.call import CallKeys, ResponderView, Second
from callresults.nettests.capture import CaptureCall
from callresults.nettests.common import CommonKeys, LocalConditions
from callresults.nettests.service import ServiceKeys
from callresults.observation import Stage
from callresults.verdict import Verdict

SCHEMA_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
RECORDS: Final[tuple[type[msgspec.Struct], ...]] = (
    Measurement,
    Annotations,
    CommonKeys,
    CallKeys,
    ServiceKeys,
    Stage,
    DirectionMetrics,
    Second,
    ResponderView,
    LocalConditions,
    Verdict,
    CaptureCall,
    BrowserCall,
    IceChange,
    ConnectionChange,
    BrowserPair,
    BrowserTransport,
    BrowserTrack,
    RemoteInbound,
    BrowserSample,
)
"""Every record of a measurement, the outer ones first."""
_PREAMBLE: Final = """\
# The measurement, field by field

Made from the types by `python -m callresults.schema --text`; do not edit. The same as JSON Schema:
`results/measurement.schema.json`; examples: `results/samples/`.

One measurement is one JSON object: RFC 8785 canonical bytes, whose SHA-256 is the `measurement_id`. Names
are OONI's (df-000) where OONI has them. Units stand in the names (`_ms`, `_s`, `_us`, `_ratio` = 0..1), `_up`
is probe to responder, null means *not known* or *not computable*. The per-packet record has its own page:
[packet-record.md](packet-record.md).
"""


def measurement_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a measurement, every field with its explanation."""
    schema = msgspec.json.schema(Measurement)
    for record in RECORDS:
        properties = schema["$defs"].get(record.__name__, {}).get("properties", {})
        written = dict(zip(record.__struct_fields__, record.__struct_encode_fields__, strict=True))
        for field, text in field_texts(record).items():
            if written.get(field) in properties:
                properties[written[field]]["description"] = text
    return {"$schema": SCHEMA_DIALECT, "title": "Measurement", **schema}


def schema_text() -> str:
    """Return the schema as it stands in ``results/measurement.schema.json``."""
    return json.dumps(measurement_schema(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def explanation() -> str:
    """Return the explanation as it stands in ``results/spec/measurement.md``."""
    return "\n".join([_PREAMBLE, *(line for record in RECORDS for line in _section(record))])


def field_texts(record: type[msgspec.Struct]) -> dict[str, str]:
    """Return the string that stands below each field in the source of a record and its bases."""
    texts: dict[str, str] = {}
    for base in reversed(record.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            texts |= dict(_own_texts(base))
    return texts


def _own_texts(record: type[msgspec.Struct]) -> Iterator[tuple[str, str]]:
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(record))).body
    body = definition.body if isinstance(definition, ast.ClassDef) else []
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                yield name, " ".join(words.split())
            case _:
                continue


def _section(record: type[msgspec.Struct]) -> Iterator[str]:
    inherited = set(CommonKeys.__struct_fields__) if record in {CallKeys, ServiceKeys} else set()
    texts = field_texts(record)
    hints = get_type_hints(record)
    yield f"## {record.__name__}\n"
    yield f"{inspect.getdoc(record)}\n"
    if inherited:
        tag = record.__struct_config__.tag
        yield f"As `CommonKeys`, with `nettest` = `{tag}`, and:\n"
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    for field, written in zip(record.__struct_fields__, record.__struct_encode_fields__, strict=True):
        if field not in inherited:
            yield f"| `{written}` | {_type_name(hints[field])} | {_cell(texts.get(field, ''))} |"
    yield ""


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def _type_name(hint: Any) -> str:
    name = hint.__name__ if isinstance(hint, type) and not hasattr(hint, "__args__") else str(hint)
    name = re.sub(r"(?:\w+\.)+(?=\w)", "", name)
    name = re.sub(r"^Optional\[(.*)\]$", r"\1 | None", name)
    return name.replace("|", "\\|").replace("None", "null").replace("UnsetType", "absent")


if __name__ == "__main__":
    sys.stdout.write(explanation() if "--text" in sys.argv[1:] else schema_text())
