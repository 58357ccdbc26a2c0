"""The three lists of pins are in step, and what is particular to a machine is not in git."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from engines import store

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def listed(name: str) -> list[str]:
    return [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]


def direct() -> dict[str, Requirement]:
    return {each.name: each for each in map(Requirement, PROJECT["project"]["dependencies"])}


def test_pip_and_uv_are_held_to_the_same_pins():
    assert listed("constraints.txt") == PROJECT["tool"]["uv"]["constraint-dependencies"]


def test_every_pin_is_exact_and_within_what_is_asked_for():
    asked = direct() | {each.name: each for each in map(Requirement, PROJECT["dependency-groups"]["dev"])}
    pinned = set()
    for line in listed("constraints.txt"):
        pin = Requirement(line)
        (specifier,) = pin.specifier
        assert specifier.operator == "==", line
        if pin.name in asked:
            assert asked[pin.name].specifier.contains(specifier.version), line
            pinned.add(pin.name)
    assert pinned == set(asked)


def test_direct_dependencies_have_floors_only():
    for name, requirement in direct().items():
        operators = {specifier.operator for specifier in requirement.specifier}
        assert ">=" in operators, name
        assert operators <= {">=", "<"}, name
    assert direct()["torch"].specifier.contains("2.8.0")


def test_a_space_gets_the_direct_dependencies_and_a_torch_that_it_takes():
    space = {each.name: each for each in map(Requirement, listed("requirements.txt"))}
    assert list(space) == list(direct())
    assert space["torch"].specifier.contains("2.11.0")
    assert not space["torch"].specifier.contains("2.12.0")
    pins = [Requirement(line) for line in listed("constraints.txt")]
    for name, requirement in space.items():
        if name not in ("torch", "pydantic"):
            versions = [pin.specifier for pin in pins if pin.name == name and on_python(pin, "3.12.9")]
            assert [requirement.specifier] == versions, name


def on_python(pin: Requirement, version: str) -> bool:
    environment = {"python_full_version": version, "sys_platform": "linux", "platform_machine": "x86_64"}
    return pin.marker is None or pin.marker.evaluate(environment)


@pytest.mark.parametrize("python", ["3.11.9", "3.12.9", "3.13.9"])
def test_every_python_finds_one_version_of_everything(python):
    names = [Requirement(line).name for line in listed("constraints.txt") if on_python(Requirement(line), python)]
    assert len(names) == len(set(names))
    assert Version(python) in SpecifierSet(PROJECT["project"]["requires-python"])


def test_the_lock_of_uv_stays_out_of_git():
    assert "uv.lock" in (ROOT / ".gitignore").read_text().splitlines()
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    tracked = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    assert "uv.lock" not in tracked


def test_no_list_names_the_registry_of_whoever_wrote_it():
    for name in ("pyproject.toml", "constraints.txt", "requirements.txt"):
        text = (ROOT / name).read_text()
        assert not re.search(r"https?://|--index|--extra-index|--find-links", text), name


def test_every_model_is_credited():
    """Whoever passes Duet on passes their credit on too."""
    notice = " ".join((ROOT / "NOTICE").read_text(encoding="utf-8").split())
    for entry in store.entries().values():
        assert entry.title in notice, entry.name
        assert entry.credit in notice, entry.name
        for licence in entry.license.replace(")", "").replace("(", "").split(", "):
            assert licence.split()[0] in notice, entry.name
        if entry.wheel:
            assert entry.wheel["package"] in notice, entry.name
