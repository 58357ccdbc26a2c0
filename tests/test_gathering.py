"""Pictures out of folders and zips: what is read, what is skipped and why, and what is refused."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from studio import gathering, pictures
from studio.events import StudioError
from studio.gathering import gather


def png(size=(40, 30), colour="red", mode="RGB") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).convert(mode).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "pictures"
    (place / "below").mkdir(parents=True)
    (place / "a.png").write_bytes(png())
    (place / "below" / "b.png").write_bytes(png((30, 90), "green", "L"))
    (place / "c.png").write_bytes(png(mode="RGBA"))
    (place / ".hidden.png").write_bytes(png())
    return place


def zipped(place: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return place


def test_mixed_sizes_and_modes_become_squares_of_one_size(folder):
    found = gather(folder, 16)
    assert found.pictures.shape == (3, 16, 16, 3)
    assert found.names == ["a.png", "c.png", "below/b.png"]
    assert (found.skipped, found.left_out) == ({}, 0)
    assert (found.pictures[0] == (255, 0, 0)).all()


def test_a_square_is_the_middle_of_a_picture():
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = 255
    assert (gathering.square(pixels, 20) == 255).all()


def test_what_cannot_be_read_is_skipped_and_said(folder, tmp_path):
    (folder / "torn.png").write_bytes(png()[:40])
    (folder / "notes.txt").write_text("no picture")
    (tmp_path / "secret.png").write_bytes(png())
    os.symlink(tmp_path / "secret.png", folder / "link.png")
    os.symlink(tmp_path, folder / "around")
    found = gather(folder, 16)
    assert len(found.pictures) == 3
    assert sorted(found.skipped) == ["link.png", "notes.txt", "torn.png"]
    assert "link" in str(found.skipped["link.png"])
    assert "not a picture" in str(found.skipped["notes.txt"])


def test_a_zip_is_read_without_unpacking_it(tmp_path):
    place = zipped(
        tmp_path / "p.zip",
        {
            "a.png": png(),
            "in/b.png": png(),
            "../up.png": png(),
            "/root.png": png(),
            "in\\..\\..\\c.png": png(),
            "torn.png": b"x",
            "__MACOSX/a.png": b"x",
        },
    )
    with zipfile.ZipFile(place, "a") as archive:
        link = zipfile.ZipInfo("link.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    before = sorted(tmp_path.rglob("*"))
    found = gather(place, 16)
    assert found.names == ["a.png", "in/b.png"]
    assert {name for name, why in found.skipped.items() if "climbs" in str(why)} == {
        "../up.png",
        "/root.png",
        "in\\..\\..\\c.png",
    }
    assert "link" in str(found.skipped["link.png"])
    assert "torn.png" in found.skipped
    assert sorted(tmp_path.rglob("*")) == before


def test_bombs_are_not_unpacked(tmp_path, monkeypatch):
    zeros = b"\0" * (pictures.MAX_BYTES + 1)
    found = gather(zipped(tmp_path / "one.zip", {"a.png": png(), "big.png": zeros}), 16)
    assert "unpacks to" in str(found.skipped["big.png"])
    monkeypatch.setattr(gathering, "MOST_UNPACKED", 2000)
    with pytest.raises(StudioError, match="would unpack"):
        gather(zipped(tmp_path / "many.zip", {f"{at}.png": b"\0" * 900 for at in range(3)}), 16)


def test_a_bomb_that_lies_about_its_size_is_read_no_further(tmp_path):
    place = zipped(tmp_path / "lie.zip", {"a.png": png(), "big.png": b"\0" * 100_000})
    data = bytearray(place.read_bytes())
    for mark, at in (
        (b"PK\x03\x04", 22),
        (b"PK\x01\x02", 24),
    ):  # the uncompressed size in both headers of the second entry
        place_of = data.rindex(mark)
        data[place_of + at : place_of + at + 4] = (50).to_bytes(4, "little")
    place.write_bytes(bytes(data))
    found = gather(place, 16)
    assert found.names == ["a.png"]
    assert "big.png" in found.skipped


def test_of_too_many_every_second_is_taken(folder, monkeypatch):
    for at in range(5):
        (folder / f"d{at}.png").write_bytes(png())
    monkeypatch.setattr(gathering, "MOST", 4)
    found = gather(folder, 16)
    assert len(found.pictures) == 4
    assert found.left_out == 4
    assert len(set(found.names)) == 4
    monkeypatch.setattr(gathering, "MOST_FILES", 5)
    with pytest.raises(StudioError, match="more than 5 files"):
        gather(folder, 16)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("gone", None, "cannot be read"),
        ("text.zip", b"no zip", "neither a folder nor a zip"),
        ("torn.zip", zipfile.ZipFile, "neither a folder nor a zip"),
        ("empty", {}, "holds no picture"),
    ],
)
def test_what_holds_nothing_is_refused(tmp_path, name, data, said):
    place = tmp_path / name
    if data == {}:
        place.mkdir()
    elif data is zipfile.ZipFile:
        place.write_bytes(zipped(tmp_path / "whole.zip", {"a.png": png()}).read_bytes()[:-30])
    elif data is not None:
        place.write_bytes(data)
    with pytest.raises(StudioError, match=said):
        gather(place, 16)
