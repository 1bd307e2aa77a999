"""Reports add up."""

from callprobe.submit.report import MOST_PROBLEMS, Problem, UploadReport


def test_counts_are_summed() -> None:
    total = UploadReport(delivered=1, refused=2).plus(UploadReport(delivered=3, already_there=4, left=5))

    assert UploadReport(delivered=4, already_there=4, refused=2, left=5) == total


def test_problems_are_bounded() -> None:
    one = UploadReport(refused=1, problems=(Problem(what="x", error="No."),))
    total = UploadReport()
    for _ in range(2 * MOST_PROBLEMS):
        total = total.plus(one)

    assert (total.refused, len(total.problems)) == (2 * MOST_PROBLEMS, MOST_PROBLEMS)


def test_only_what_has_a_receipt_is_complete() -> None:
    assert UploadReport(delivered=1, already_there=1).complete
    assert not UploadReport(refused=1).complete
    assert not UploadReport(left=1).complete
