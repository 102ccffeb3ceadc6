import pytest

from drl.jobs.failures import MOST, failed_logs, last_words

RUN = "Command 'set -euo pipefail;  python -m drl prepare > {log} 2>&1' returned non-zero exit status 2.\n"
SUBMITTED = "Error in rule prepare:\n    log: {log} (check log file(s) for error details)\n"


@pytest.fixture
def failed(tmp_path):
    """Write Snakemake's log and the logs of failed jobs with these texts."""

    def write(*texts, form=RUN):
        for number, text in enumerate(texts):
            (tmp_path / f"{number}.log").write_bytes(text)
        found = "".join(form.format(log=tmp_path / f"{number}.log") for number in range(len(texts)))
        (tmp_path / "snakemake.log").write_text(f"Select jobs to execute...\n{found}Exiting\n")
        return tmp_path / "snakemake.log"

    return write


@pytest.mark.parametrize("form", [RUN, SUBMITTED, RUN + SUBMITTED])
def test_the_last_line_of_each_failed_job_is_named_once(form, failed, tmp_path):
    lines = last_words(failed(b"step 1\ndrl: no images: add some\n", b"drl: other\n", form=form))
    assert lines == [
        "2 jobs failed:",
        f"  {tmp_path / '0.log'} ends with",
        "    drl: no images: add some",
        f"  {tmp_path / '1.log'} ends with",
        "    drl: other",
    ]


def test_empty_missing_and_odd_logs_are_not_trouble(failed, tmp_path):
    log = failed(b"", b"\xff\n")
    (tmp_path / "0.log").unlink()
    assert last_words(log)[2] == "    it left no message"
    assert last_words(tmp_path / "none.log") == []


def test_many_failures_are_counted(failed):
    log = failed(*[b"drl: no"] * (MOST + 2))
    assert len(failed_logs(log)) == MOST + 2
    assert last_words(log)[-1] == "  and 2 more"
