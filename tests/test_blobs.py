"""Blobs appear whole or not at all, an altered one cannot go unseen, and nothing is stored under a name of somebody's choosing."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from studio import blobs as module
from studio.blobs import Blobs
from studio.events import StudioError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def blobs(tmp_path) -> Blobs:
    return Blobs(tmp_path / "blobs")


def files(blobs: Blobs) -> list[Path]:
    return [place for place in blobs.root.rglob("*") if place.is_file()]


def test_what_goes_in_comes_out_under_its_digest(blobs):
    for data in (b"", b"one", bytes(10**6)):
        sha = blobs.put(data)
        assert sha == hashlib.sha256(data).hexdigest()
        assert blobs.read(sha) == blobs.path(sha).read_bytes() == data
        assert sha in blobs
    assert len(files(blobs)) == 3


def test_the_same_content_is_kept_once(blobs):
    sha = blobs.put(b"twice")
    before = blobs.path(sha).stat().st_mtime_ns
    assert blobs.put(b"twice") == sha
    assert blobs.path(sha).stat().st_mtime_ns == before
    assert len(files(blobs)) == 1


@pytest.mark.parametrize("harm", [b"", b"onc", b"onE", b"once more"])
def test_an_altered_blob_is_seen_and_mended_by_storing_it_again(blobs, harm):
    sha = blobs.put(b"one")
    blobs.path(sha).write_bytes(harm)
    with pytest.raises(StudioError, match="altered"):
        blobs.read(sha)
    blobs.put(b"one")
    assert blobs.read(sha) == b"one"


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "a" * 63, "a" * 64 + "\n", "sha256:" + "a" * 64])
def test_names_that_are_no_digest(blobs, name):
    assert name not in blobs
    with pytest.raises(StudioError, match="64 hex digits"):
        blobs.path(name)


def test_a_missing_blob_is_one_line_and_removing_it_is_nothing(blobs):
    assert "a" * 64 not in blobs
    with pytest.raises(StudioError, match="missing"):
        blobs.read("a" * 64)
    blobs.remove("a" * 64)
    sha = blobs.put(b"gone")
    blobs.remove(sha)
    assert sha not in blobs
    assert files(blobs) == []


def test_a_full_disk_leaves_what_was_there_and_nothing_half_written(blobs):
    """A limit on the size of files stands for the full disk. It holds for the whole process, so for a moment only."""
    sha = blobs.put(b"small")
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, old[1]))
    try:
        with pytest.raises(StudioError, match="could not be kept"):
            blobs.put(bytes(5000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert files(blobs) == [blobs.path(sha)]
    assert blobs.put(bytes(5000)) in blobs


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StudioError, match="could not be kept"):
        Blobs(tmp_path / "file" / "blobs").put(b"one")


def test_a_write_that_is_interrupted_leaves_no_part(blobs, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    sha = blobs.put(b"one")
    monkeypatch.setattr(module.os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        blobs.put(b"two")
    assert files(blobs) == [blobs.path(sha)]


def test_parts_of_killed_writers_are_swept_once_they_are_old(blobs):
    blobs._parts.mkdir(parents=True)
    old, young = blobs._parts / "old", blobs._parts / "young"
    for part in (old, young):
        part.write_bytes(b"half")
    os.utime(old, (time.time() - module.STALE - 60,) * 2)
    blobs.put(b"one")
    assert [part.name for part in blobs._parts.iterdir()] == ["young"]


def test_many_writers_of_the_same_and_of_others(blobs):
    told: list[str] = []

    def write(at: int) -> None:
        told.extend(blobs.put(f"{number % 7}".encode() * 5000) for number in range(at, at + 15))

    threads = [threading.Thread(target=write, args=(at,)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 90
    assert len(set(told)) == len(files(blobs)) == 7
    assert all(blobs.read(sha) for sha in set(told))


def test_the_lock_holds_between_threads_and_processes(blobs):
    code = "import sys; from pathlib import Path; from studio.blobs import Blobs\nwith Blobs(Path(sys.argv[1])).lock(): print('in')"
    with blobs.lock():
        other = subprocess.Popen([sys.executable, "-c", code, str(blobs.root)], cwd=ROOT, stdout=subprocess.PIPE)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1.5)
        entered = threading.Event()

        def enter() -> None:
            with blobs.lock():
                entered.set()

        waiting = threading.Thread(target=enter)
        waiting.start()
        assert not entered.wait(0.2)
    assert other.communicate(timeout=20)[0].strip() == b"in"
    waiting.join(20)
    assert entered.is_set()
