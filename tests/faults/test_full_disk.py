"""A disk that fills up at any moment: one line, no torn file, and with room again the job goes on."""

import os

import pytest

from tests.faults.conftest import KINDS
from tests.faults.processes import kill_when_saved


def fill(folder, left):
    """Fill a file system up to so many bytes."""
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    (folder / "filler").write_bytes(b"x" * max(0, free - left))


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_on_a_full_disk_says_so_and_goes_on_with_room(kind, job, undisturbed, small_disk, chance):
    whole, _ = undisturbed(kind, job)
    work = job(kind, folder=small_disk)
    before = set(small_disk.rglob("*"))
    # Killed, so that there is something to go on from; then there is room for nothing, or for some of the files.
    kill_when_saved(work, chance)
    saved = {path: path.read_bytes() for path in work.states.rglob("*.safetensors")}
    # The kill may hit a job while it writes; what it leaves is removed by the next that writes the same file.
    killed = set(small_disk.rglob(".*.part"))
    left = chance.choice([0, 4096, 40960, 400960])
    fill(small_disk, left)
    code = work.run()
    # A file takes a page at least, and a job writes several.
    assert code == 2 or left > 4096, work.said()
    if code:
        assert code == 2, work.said()
        said = [line for line in work.said().splitlines() if line.startswith("drl: ")]
        assert len(said) == 1, work.said()
        remedies = (
            "cannot be written, the disk is full; make room and run the same command again",
            "No space left on device; fix that and run again",
        )
        assert said[0].endswith(remedies), said[0]
        assert "Traceback" not in work.said()
        assert set(small_disk.rglob(".*.part")) <= killed, "temporary files are left"
        assert not (work.folder / f"{work.files[0]}.json").exists()
    (small_disk / "filler").unlink()
    assert work.run() == 0, work.said()
    assert (work.made(), work.rest()) == (whole, [])
    assert before < set(small_disk.rglob("*"))
    print(f"{kind}: {left} bytes left, exit code {code}, {len(saved)} states before")
