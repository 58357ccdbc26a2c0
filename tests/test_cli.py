"""The command line as a person and a script meet it: exit status, one line on stderr, JSON on stdout, nothing half written."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from engines import fake
from engines.api import Brief, Result
from studio import config, headless
from studio.events import Judgement
from studio.pictures import read_meta
from studio.session import Studio

BRIEF = {"engine": "fake", "styles": {"ember": 0.7, "tide": 0.3}, "size": 64, "seed": 5, "content": "photo.png"}
ROLES = ["yours", "best", "twist", "surprise"]


def nested(levels: int) -> dict:
    data: dict = {}
    for _ in range(levels):
        data = {"then": data}
    return data


@pytest.fixture(autouse=True)
def engine():
    fake.use()


def png(colour=(10, 200, 90), size=(40, 30)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with a photograph, as an artist would have it; briefs go in beside it."""
    place = tmp_path / "work"
    place.mkdir()
    (place / "photo.png").write_bytes(png())
    (tmp_path / "outside.png").write_bytes(png())
    (place / "link.png").symlink_to(tmp_path / "outside.png")
    (place / "notes.txt").write_text("not a picture")
    (place / "empty.png").write_bytes(b"")
    (place / "dot.png").write_bytes(png(size=(1, 1)))
    (place / "long.png").write_bytes(png(size=(3000, 20)))
    (place / "drawing.svg").write_text("<svg xmlns='x'/>")
    return place


def brief_file(folder: Path, **changes) -> Path:
    file = folder / "brief.json"
    file.write_text(json.dumps(BRIEF | changes))
    return file


def one_line(text: str) -> bool:
    return len(text.strip().splitlines()) == 1 and "Traceback" not in text


# ── Asking wrongly ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "arguments",
    [
        ["rond"],
        ["round"],
        ["round", "brief.json"],
        ["--prot", "7"],
        ["serve", "--port", "many"],
        ["serve", "--port", "0"],
        ["serve", "--lang", "fr"],
        ["models"],
        ["models", "pull"],
        ["models", "pull", "--all", "style-codes"],
        ["models", "pull", "no-such-model"],
        ["bench"],
        ["replay", "nowhere.zip"],
        ["forget", "nobody"],
        ["export", "nobody", "--out", "x.zip"],
    ],
    ids=" ".join,
)
def test_a_wrong_command_is_one_line_and_status_2(studio_command, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    status, out, err = studio_command(*arguments)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert not list(tmp_path.glob("*.zip"))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"colour": 1}, "colour"),
        ({"options": {"sparkle": 1}}, "sparkle"),
        ({"options": {"strength": 7}}, "options.strength"),
        ({"options": {"strength": float("nan")}}, "options.strength"),
        ({"styles": {"ember": float("nan")}}, "styles.ember"),
        ({"styles": {"ember": -1}}, "styles.ember"),
        ({"styles": {"ember": 0, "tide": 0}}, "ember"),
        ({"styles": {"embr": 1}}, "embr"),
        ({"styles": ["ember"]}, "styles"),
        ({"engine": "fak"}, "fak"),
        ({"size": 0}, "size"),
        ({"variants": 9}, "variants"),
        ({"locks": ["nothing"]}, "nothing"),
        ({"mode": "song"}, "song"),
        ({"content": "missing.png"}, "missing.png"),
        ({"content": "../outside.png"}, "../outside.png"),
        ({"content": "link.png"}, "link.png"),
        ({"content": "."}, "content"),
        ({"content": 3}, "content"),
        ({"content": "a\0b"}, "content"),
        ({"content": "notes.txt"}, "notes.txt"),
        ({"content": "empty.png"}, "empty.png"),
        ({"content": "dot.png"}, "dot.png"),
        ({"content": "long.png"}, "3000"),
        ({"content": "drawing.svg"}, "drawing.svg"),
        ({"content": "sha256:" + "0" * 64}, "000000"),
        ({"styles": {"../outside.png": 1}}, "../outside.png"),
        ({"styles": {"photo.png": 1, "./photo.png": 1}}, "photo.png"),
        ({"masks": {"style:ember": "nowhere.png"}}, "masks.style:ember"),
        ({"masks": {"edit": "photo.png"}}, "edit"),
        ({"then": {"content": "photo.png"}}, "then"),
        ({"then": 5}, "brief"),
        (nested(9), "8 levels of 'then'"),
        (nested(300), "8 levels of 'then'"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_a_wrong_brief_writes_nothing_and_says_what_is_wrong(studio_command, folder, changes, named):
    before = sorted(folder.rglob("*"))
    status, out, err = studio_command("round", brief_file(folder, **changes), "--out", folder / "out")
    assert (status, out) == (2, "")
    assert one_line(err)
    assert named in err
    assert sorted(folder.rglob("*")) == sorted({*before, folder / "brief.json"})
    assert not (config.home() / "blobs").exists()


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '"brief"', "\xff", "[" * 100000])
def test_a_file_that_is_no_brief(studio_command, folder, text):
    (folder / "brief.json").write_bytes(text.encode("latin-1"))
    status, _, err = studio_command("round", folder / "brief.json", "--out", folder / "out")
    assert status == 2
    assert one_line(err)


def test_an_absolute_path_is_refused_even_inside_the_folder(studio_command, folder):
    file = brief_file(folder, content=str(folder / "photo.png"))
    status, _, err = studio_command("round", file, "--out", folder / "out")
    assert status == 2
    assert "outside" in err


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no file without an end here")
def test_a_brief_without_end_is_read_only_so_far(studio_command, folder):
    status, out, err = studio_command("round", "/dev/zero", "--out", folder / "out")
    assert (status, out) == (2, "")
    assert "too large for a brief" in err


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_picture_that_is_a_pipe_is_refused_and_not_waited_for(folder):
    os.mkfifo(folder / "pipe.png")
    command = [sys.executable, "-m", "studio", "round", brief_file(folder, engine="style-bank", content="pipe.png")]
    done = subprocess.run([*command, "--out", folder / "out"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    assert one_line(done.stderr)
    assert "pipe.png" in done.stderr


def test_a_picture_that_is_too_large_is_refused_and_not_read(studio_command, folder, monkeypatch):
    with (folder / "huge.png").open("wb") as file:
        file.truncate(10 * 2**30)  # a hole: it takes no room on the disk
    monkeypatch.setattr(Path, "read_bytes", lambda place: pytest.fail(f"{place} was read"))
    status, out, err = studio_command("round", brief_file(folder, content="huge.png"), "--out", folder / "out")
    assert (status, out) == (2, "")
    assert one_line(err)
    assert "huge.png has 10240 MB; 40 MB is the most" in err


# ── One round ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_round_writes_the_variants_and_round_json(studio_command, folder):
    out = folder / "a" / "b"
    status, said, err = studio_command("round", brief_file(folder), "--out", out)
    assert (status, err) == (0, "")
    assert "yours.png" in said
    report = json.loads((out / "round.json").read_text())
    assert set(report) == {"brief", "engine", "variants", "seconds", "peak_memory_mb"}
    assert set(report["engine"]) == {"name", "version", "models", "device", "dtype"}
    assert [variant["role"] for variant in report["variants"]] == ROLES
    for variant in report["variants"]:
        assert set(variant) == {"file", "sha256", "role", "seed", "knobs", "seconds", "reason"}
        data = (out / variant["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == variant["sha256"]
        meta = read_meta(data)
        assert Brief.from_dict(meta["brief"]) == Brief.from_dict(report["brief"])
        assert (meta["knobs"], meta["seed"]) == (variant["knobs"], variant["seed"])
    assert report["brief"]["content"] == "sha256:" + hashlib.sha256(png()).hexdigest()


def test_round_json_option_prints_the_document_and_nothing_else(studio_command, folder):
    status, said, _ = studio_command("round", brief_file(folder), "--out", folder / "out", "--json")
    assert status == 0
    assert json.loads(said) == json.loads((folder / "out" / "round.json").read_text())


def test_the_same_brief_gives_the_same_bytes(studio_command, folder):
    file = brief_file(folder)
    for name in ("one", "two"):
        assert studio_command("round", file, "--out", folder / name)[0] == 0
    for role in ROLES:
        assert (folder / "one" / f"{role}.png").read_bytes() == (folder / "two" / f"{role}.png").read_bytes()


def test_own_styles_masks_and_locks_are_named_by_file(studio_command, folder):
    (folder / "mine").mkdir()
    (folder / "mine" / "cloth.png").write_bytes(png((200, 40, 40)))
    file = brief_file(
        folder,
        styles={"mine/cloth.png": 0.5, "tide": 0.5},
        masks={"style:mine/cloth.png": "photo.png"},
        locks=["style:mine/cloth.png"],
    )
    status, said, err = studio_command("round", file, "--out", folder / "out", "--json")
    assert (status, err) == (0, "")
    brief, own = json.loads(said)["brief"], "sha256:" + hashlib.sha256(png((200, 40, 40))).hexdigest()
    assert set(brief["styles"]) == {own, "tide"}
    assert set(brief["masks"]) == {f"style:{own}"}
    assert brief["locks"] == [f"style:{own}"]


def test_what_is_there_is_never_overwritten(studio_command, folder):
    out = folder / "out"
    out.mkdir()
    (out / "best.png").write_bytes(b"somebody's")
    status, _, err = studio_command("round", brief_file(folder), "--out", out)
    assert status == 2
    assert "best.png" in err
    assert [file.name for file in out.iterdir()] == ["best.png"]
    assert studio_command("round", brief_file(folder), "--out", folder / "photo.png")[0] == 2


def test_a_round_that_fails_is_status_1_and_leaves_nothing(studio_command, folder):
    file = brief_file(folder, options={"fail_at": 2})
    status, out, err = studio_command("round", file, "--out", folder / "out")
    assert (status, out) == (1, "")
    assert one_line(err)
    assert "fail_at" in err
    assert not (folder / "out").exists()


def test_a_bug_is_one_line_and_its_traceback_is_in_the_log_file(studio_command, folder, monkeypatch):
    monkeypatch.setattr(fake.Fake, "_paint", lambda *_: 1 / 0)
    status, _, err = studio_command("round", brief_file(folder), "--out", folder / "out")
    assert status == 1
    assert one_line(err)
    assert "ZeroDivisionError" in (config.home() / "studio.log").read_text()


@pytest.mark.skipif(os.name == "nt", reason="needs limits that a process sets itself")
def test_a_full_disk_is_one_line_and_leaves_no_half_round(folder):
    """A limit on the size of written files stands for the full disk: writes stop in the middle, as there."""
    code = (
        "import resource, sys; from engines import fake; fake.use(); from studio.cli import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000)); main(sys.argv[1:])"
    )
    arguments = ["round", str(brief_file(folder)), "--out", str(folder / "out")]
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)
    assert done.returncode == 1
    assert one_line(done.stderr)
    assert not (folder / "out" / "round.json").exists()


# ── Sessions ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def session():
    """A session with two rounds and a judgement; its id."""
    studio = Studio()
    made = studio.new_session()
    reference = made.upload(png(), "photo.png")
    brief = Brief(engine="fake", styles={"ember": 0.7, "tide": 0.3}, size=64, content=reference)
    list(made.propose(brief))
    made.judge(0, Judgement(like=[1], pick=2))
    list(made.propose(brief))
    studio.close()
    return made.id


def test_an_export_replays_bit_for_bit(studio_command, session, tmp_path):
    file = tmp_path / "session.zip"
    assert studio_command("export", session, "--out", file)[0] == 0
    with zipfile.ZipFile(file) as archive:
        names = archive.namelist()
        everything = b"".join(archive.read(name) for name in names)
    assert {"events.jsonl", "versions.json"} < set(names)
    assert session.encode() not in everything
    status, out, _ = studio_command("replay", file, "--json")
    report = json.loads(out)
    assert status == 0
    assert report["same"] is True
    assert report["notes"] == []
    assert [(row["round"], row["variant"]) for row in report["variants"]] == [(r, v) for r in (0, 1) for v in range(4)]
    assert "8 of 8" in studio_command("replay", file)[1]


def test_exports_of_the_same_session_are_the_same_file_and_never_overwrite(studio_command, session, tmp_path):
    one, two = tmp_path / "one.zip", tmp_path / "two.zip"
    for file in (one, two):
        assert studio_command("export", session, "--out", file)[0] == 0
    assert one.read_bytes() == two.read_bytes()
    status, _, err = studio_command("export", session, "--out", one)
    assert status == 2
    assert one_line(err)
    assert one.read_bytes() == two.read_bytes()


def rewritten(file: Path, change) -> Path:
    """A copy of the archive with `change(name, data)` for every member; None leaves it out."""
    copy = file.with_name("changed.zip")
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(copy, "w") as target:
        for name in source.namelist():
            data = change(name, source.read(name))
            if data is not None:
                target.writestr(name, data)
    return copy


def test_replay_sees_a_difference_and_says_where_it_may_come_from(studio_command, session, tmp_path):
    file = tmp_path / "session.zip"
    studio_command("export", session, "--out", file)

    def change(name, data):
        if name == "events.jsonl":
            lines = [json.loads(line) for line in data.decode().splitlines()]
            first = next(line["event"] for line in lines if line["event"]["kind"] == "proposed")
            first["proposals"][1]["seed"] += 1
            return "\n".join(map(json.dumps, lines)).encode()
        return data.replace(b'"torch": "', b'"torch": "0.') if name == "versions.json" else data

    status, out, err = studio_command("replay", rewritten(file, change), "--json")
    report = json.loads(out)
    assert status == 1
    assert one_line(err)
    assert [row["variant"] for row in report["variants"] if not row["same"]] == [1]
    assert any("torch" in note for note in report["notes"])


@pytest.mark.parametrize(("left", "same"), [(0, 0), (2, 4)])
def test_replay_counts_what_is_not_made_again_as_different(studio_command, session, tmp_path, monkeypatch, left, same):
    file = tmp_path / "session.zip"
    studio_command("export", session, "--out", file)
    chain = headless.run_chain

    def short(*given):
        yield from (event for event in chain(*given) if not isinstance(event, Result) or event.index < left)

    monkeypatch.setattr(headless, "run_chain", short)
    status, out, err = studio_command("replay", file, "--json")
    report = json.loads(out)
    assert status == 1
    assert one_line(err)
    assert report["same"] is False
    assert [row["same"] for row in report["variants"]].count(True) == same
    assert [row["variant"] for row in report["variants"] if row["again"] is None] == [*range(left, 4)] * 2
    assert "not made again" in studio_command("replay", file)[1]


def test_replay_of_variants_without_their_round_is_not_same(studio_command, session, tmp_path):
    file = tmp_path / "session.zip"
    studio_command("export", session, "--out", file)

    def change(name, data):
        lines = data.splitlines() if name == "events.jsonl" else []
        return b"\n".join(line for line in lines if b'"proposed"' not in line) if lines else data

    status, out, err = studio_command("replay", rewritten(file, change), "--json")
    report = json.loads(out)
    assert (status, report["same"]) == (1, False)
    assert [row["again"] for row in report["variants"]] == [None] * 8
    assert one_line(err)
    assert "8 of 8 variants" in err


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_replay_of_a_session_without_variants_is_not_same(studio_command, tmp_path, option):
    studio = Studio()
    empty = studio.new_session().id
    studio.close()
    studio_command("export", empty, "--out", tmp_path / "empty.zip")
    status, out, err = studio_command("replay", tmp_path / "empty.zip", *option)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert "empty.zip" in err


@pytest.mark.parametrize(
    "change",
    [
        lambda name, data: None if name == "events.jsonl" else data,
        lambda name, data: None if name.startswith("blobs/") else data,
        lambda name, data: data + b"x" if name.startswith("blobs/") else data,
        lambda name, data: data[:-9] if name == "events.jsonl" else data,
        lambda name, data: b'{"number": 0, "event": {"kind": "dance"}}' if name == "events.jsonl" else data,
        lambda name, data: b"[]" if name == "versions.json" else data,
        lambda name, data: b'{"format": 99}' if name == "versions.json" else data,
    ],
    ids=["no events", "no blobs", "altered blobs", "torn events", "unknown event", "odd versions", "newer format"],
)
def test_a_damaged_archive_is_one_line(studio_command, session, tmp_path, change):
    file = tmp_path / "session.zip"
    studio_command("export", session, "--out", file)
    status, out, err = studio_command("replay", rewritten(file, change))
    assert (status, out) == (2, "")
    assert one_line(err)


def test_no_archive_at_all(studio_command, folder):
    assert studio_command("replay", folder / "photo.png")[0] == 2
    torn = folder / "torn.zip"
    torn.write_bytes(b"PK\x03\x04" + bytes(40))
    assert studio_command("replay", torn)[0] == 2


def test_forget_leaves_nothing_of_a_session(studio_command, session):
    assert any((config.home() / "blobs").rglob("*"))
    assert studio_command("forget", session)[0] == 0
    assert not [file for file in (config.home() / "blobs").rglob("*") if file.is_file()]
    status, _, err = studio_command("forget", session)
    assert status == 2
    assert one_line(err)


@pytest.mark.parametrize("database", ["", "sqlite:///{home}/other.db"])
@pytest.mark.parametrize("command", [("export", "nobody", "--out", "x.zip"), ("forget", "nobody")])
def test_asking_a_fresh_home_for_a_session_writes_nothing(studio_command, tmp_path, monkeypatch, command, database):
    monkeypatch.chdir(tmp_path)
    option = ["--db", database.format(home=config.home())] if database else []
    status, out, err = studio_command(*command, *option)
    assert (status, out) == (2, "")
    assert one_line(err)
    assert "none yet" in err
    assert list(tmp_path.rglob("*")) == []


def test_an_unknown_session_lists_the_known(studio_command, session):
    status, _, err = studio_command("export", "nobody", "--out", "x.zip")
    assert status == 2
    assert session in err


def without_privileges() -> list[str]:
    """What to put before a command so that permissions hold for it, which they do not for root."""
    if os.name == "nt" or os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and setpriv is not here to hold it back")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]


@pytest.mark.skipif(os.name == "nt", reason="permissions are another matter there")
@pytest.mark.parametrize("command", ["round", "forget", "pull", "verify", "list"])
def test_a_read_only_home_is_one_line_and_unharmed(folder, session, monkeypatch, command):
    """What needs no writing works all the same."""
    monkeypatch.delenv("STUDIO_MODELS")
    brief = brief_file(folder)
    arguments = {
        "round": ["round", str(brief), "--out", str(folder / "out")],
        "forget": ["forget", session],
        "pull": ["models", "pull", "style-codes"],
        "verify": ["models", "verify"],
        "list": ["models", "list"],
    }[command]
    places = [folder, config.home(), *folder.rglob("*"), *config.home().rglob("*")]
    places = [place for place in places if not place.is_symlink()]
    before = {place: place.read_bytes() for place in places if place.is_file()}
    for place in places:
        place.chmod(0o555 if place.is_dir() else 0o444)
    code = "import sys; from engines import fake; fake.use(); from studio.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [*without_privileges(), sys.executable, "-c", code, *arguments], capture_output=True, text=True
    )
    for place in places:
        place.chmod(0o755 if place.is_dir() else 0o644)
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if command in ("verify", "list") else 1), done.stderr
    if done.returncode:
        line = done.stderr.strip().splitlines()[-1]
        assert "denied" in line or "readonly" in line, line
    assert {place: place.read_bytes() for place in before} == before
    assert not (folder / "out").exists()


def test_a_home_that_cannot_be_used_is_one_line(studio_command, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path / "file" / "home"))
    status, _, err = studio_command("forget", "anybody")
    assert status == 1
    assert one_line(err)


# ── Models and the rest ──────────────────────────────────────────────────────────────────────────────────────────────


def test_models_list_names_sizes_and_credits(studio_command):
    status, out, _ = studio_command("models", "list", "--json")
    assert status == 0
    listed = {model["name"]: model for model in json.loads(out)["models"]}
    assert {"style-bank-26", "style-codes"} < set(listed)
    assert all(model["license"] and model["credit"] and model["use"] for model in listed.values())
    assert studio_command("models", "list")[0] == 0


def test_verify_names_the_damaged_and_the_remedy(studio_command, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    assert "models pull" in studio_command("models", "verify")[1]
    folder = tmp_path / "style-codes"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"files": {"model.safetensors": {"sha256": "0" * 64, "size": 9}}}))
    (folder / "model.safetensors").write_bytes(b"too short")
    status, out, err = studio_command("models", "verify", "--json")
    assert status == 1
    assert json.loads(out)["models"][0]["problems"]
    assert "studio models pull style-codes" in err
    (folder / "manifest.json").write_text("torn")
    assert studio_command("models", "verify")[0] == 1


def test_help_and_version(studio_command):
    status, out, _ = studio_command("--help")
    assert status == 0
    for command in ("serve", "round", "replay", "export", "forget", "models", "bench"):
        assert command in out
    assert studio_command("--version")[1].startswith("duet ")


def test_a_taken_port_is_one_line(studio_command):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        status, _, err = studio_command("serve", "--port", taken.getsockname()[1])
    assert status == 1
    assert one_line(err)
    assert "--port" in err
