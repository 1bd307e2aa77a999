"""The command line: ``callanalysis claims DATA``."""

import sys
from pathlib import Path
from typing import Any

import click
import msgspec

from callanalysis.claims import ClaimError, default_folder, load_claims
from callanalysis.judge import ClaimVerdict, Judged, check_rules, judge_all
from callanalysis.load import DataError, Dataset, load

EMULATED_LINE = "Emulated data: this shows whether the method recovers the planted truth, nothing else."


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; wrong usage is one sentence, without click's lines of usage."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            error.ctx = None
            raise


@click.group(cls=_Group)
def main() -> None:
    """Judge public claims about calls from the published data set."""


def _line(verdict: ClaimVerdict) -> str:
    estimate = "" if verdict.estimate is None else f"{100 * verdict.estimate:+.0f} pp"
    interval = verdict.interval
    span = "" if interval is None else f" [{100 * interval[0]:+.0f}, {100 * interval[1]:+.0f}]"
    reasons = ", ".join(verdict.reasons)
    numbers = f"{verdict.n_networks:>4} {verdict.n_volunteers:>5} {verdict.n_calls:>6}"
    onset = verdict.onset_date or "-"
    return (
        f"{verdict.claim_id:<28} {verdict.verdict:<13} {estimate + span:<20} {onset:<11} {numbers}  "
        f"{verdict.scope:<13} {reasons}"
    ).rstrip()


def table(judged: Judged, data: Dataset) -> str:
    """Return the verdicts as text for people."""
    head = (
        f"{'claim':<28} {'verdict':<13} {'estimate':<20} {'onset':<11} {'nets':>4} {'vols':>5} {'calls':>6}  "
        f"{'scope':<13} reasons"
    )
    history = f", history {data.history}" if data.history else ""
    rests = f"Rests on: {data.basis}{history}; data {judged.data_hash[:16]}, seed {judged.seed}."
    lines = [head, *(_line(verdict) for verdict in judged.claims), "", rests]
    return "\n".join([*lines, EMULATED_LINE] if data.basis == "emulated" else lines)


def _encode(judged: Judged) -> bytes:
    return msgspec.json.format(msgspec.json.encode(judged), indent=2) + b"\n"


def _write(out: Path, page: str, verdicts: bytes) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.html").write_text(page, encoding="utf-8")
        (out / "verdicts.json").write_bytes(verdicts)
    except OSError as error:
        raise DataError(
            f"{out} cannot be written ({error.strerror}): give another folder with --out."
        ) from None


def _run(data_folder: Path, claims_folder: Path, out: Path | None, seed: int) -> tuple[Dataset, Judged]:
    claims = load_claims(claims_folder)
    check_rules(claims)
    data = load(data_folder)
    judged = judge_all(data, claims, seed)
    if out is not None:
        from callanalysis.report import render

        _write(out, render(data, judged, claims), _encode(judged))
    return data, judged


@main.command()
@click.argument("data", type=click.Path(path_type=Path))
@click.option("--claims", "claims_folder", type=click.Path(path_type=Path), help="Folder of claim files.")
@click.option("--out", type=click.Path(path_type=Path), help="Write report.html and verdicts.json there.")
@click.option("--seed", type=click.IntRange(min=0), default=20250811, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout, nothing else.")
def claims(data: Path, claims_folder: Path | None, out: Path | None, seed: int, *, as_json: bool) -> None:
    """Judge the claims on the published folder DATA.

    Exit code 0: done; 1: done, but files were set aside; 2: wrong input.
    """
    try:
        dataset, judged = _run(data, claims_folder or default_folder(), out, seed)
    except (DataError, ClaimError) as error:
        click.echo(f"callanalysis: {error}", err=True)
        sys.exit(2)
    if as_json:
        click.echo(_encode(judged), nl=False)
    else:
        click.echo(table(judged, dataset))
        if out is not None:
            click.echo(f"Report: {out / 'report.html'}")
    for finding in dataset.quality:
        click.echo(f"quality: {finding.text}", err=True)
    sys.exit(int(any(finding.effect == "file-set-aside" for finding in dataset.quality)))
