"""The README is tested like code: its commands run, its engine works, its tree is the tree on disk."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from engines import registry, store
from studio import config
from studio.cli import run

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.M | re.S)


def commands() -> list[list[str]]:
    """The words of every `studio` command that the README shows, after `studio` itself."""
    lines = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    inline = re.findall(r"`(studio [^`]+)`", TEXT.replace("\n", " "))
    words = [shlex.split(line) for line in (*lines, *inline)]
    return [each[each.index("studio") + 1 :] for each in words if "studio" in each[:3]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the README's brief and the photo that it names."""
    shutil.copy(config.assets() / "contents" / "street.jpg", tmp_path / "photo.jpg")
    (brief,) = (block for block in blocks("json") if '"mode"' in block)
    (tmp_path / "brief.json").write_text(brief)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_and_option_exists(words, capsys):
    names = words[: 2 if words[:1] in (["models"], ["bench"], ["train"]) else 1]
    names = names if names and not names[0].startswith("-") else ["serve"]
    assert run([*names, "--help"]) == 0
    shown = capsys.readouterr().out
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"{option}\b", shown), f"{' '.join(words)}: {option} is not an option of {' '.join(names)}"


@pytest.mark.models
def test_a_round_from_the_readme(folder, capsys):
    store.ensure(["style-bank-26"])
    for words in commands():
        if words[:1] == ["round"] and words[1] == "brief.json" and "--out" in words:
            assert run(words) == 0, capsys.readouterr().err
            assert len(list((folder / words[-1]).glob("*.png"))) == 4
            return
    pytest.fail("the README shows no round")


def test_the_engine_of_the_readme_works(folder):
    (source,) = (block for block in blocks("python") if "screen-print" in block)
    assert len(source.splitlines()) < 80
    (folder / "screen_print.py").write_text(source)
    brief = re.search(r"The brief for it: `(.*?)`", TEXT)
    assert brief
    (folder / "brief.json").write_text(brief[1])
    command = [sys.executable, "screen_print.py", "round", "brief.json", "--out", "prints", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=None, cwd=folder)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["engine"]["name"] == "screen-print"
    assert [variant["role"] for variant in report["variants"]] == ["yours", "best", "twist", "surprise"]
    assert len({variant["sha256"] for variant in report["variants"]}) == 4


def test_every_engine_and_option_is_listed():
    for info in registry.infos().values():
        if info.name in ("fake", "fake-text", "screen-print"):
            continue
        (line,) = (line for line in TEXT.splitlines() if line.startswith(f"| `{info.name}` |"))
        assert all(f"`{name}`" in line for name in info.options.__dataclass_fields__)


def test_the_tree_is_the_tree_on_disk():
    (tree,) = blocks("text")
    listed: dict[str, set[str]] = {}
    folder = ""
    for line in tree.splitlines():
        names = re.match(r"( *)(\S.*?)(?:   +.*)?$", line)
        if not names:
            continue
        if not names[1]:
            folder = names[2] if names[2].endswith("/") else ""
            listed.setdefault(folder, set())
        else:
            listed[folder] |= set(names[2].split())
    for folder in ("engines/", "studio/", "assets/"):
        here = {
            place.name + ("/" if place.is_dir() else "")
            for place in (ROOT / folder).iterdir()
            if place.name not in ("__pycache__", "__init__.py")
        }
        assert listed[folder] == here, folder


def test_ci_runs_the_command_of_the_readme():
    assert any("uv run pytest" in block for block in blocks("console"))
    assert "uv run pytest" in (ROOT / ".ci" / "run").read_text()


def test_the_readme_is_whole():
    for link in re.findall(r"\]\((?!http|#)([^)]+)\)", TEXT):
        assert (ROOT / link).is_file(), link
    assert not re.search(r"^(TREE|BENCH)$", TEXT, re.M)
