"""The walls of the house: who may import whom, what may not be there, how long a function may be. Held on the syntax trees."""

from __future__ import annotations

import ast
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(file for package in ("engines", "studio") for file in (ROOT / package).rglob("*.py"))
GRADIO = {"gradio", "gradio_client"}

# Bottom up. A module may import from lower floors, and from its own where that is a package of parts.
FLOORS = [
    {"config", "records"},
    {"events"},
    {"notebook"},
    {"state"},
    {"authorship", "blobs", "downloads", "locales", "log", "pictures", "steering"},
    {"archive", "desk", "gathering", "lab", "rounds", "sheets"},
    {"basket", "family", "pairing", "view"},
    {"session"},
    {"large", "own", "pairbasket", "teaching", "writing"},
    {"trainings"},
    {"frompictures", "voice", "newstyle"},
    {"newgan", "newhands", "newpainter"},
    {"asked", "headless", "render", "theme"},
    {"asides", "bred", "easel", "owned", "panels", "texts", "toy", "watched"},
    {"app", "web"},
    {"bench", "terminal"},
    {"textmodel"},
    {"measuring", "server", "training"},
    {"gans", "painters", "translation"},
    {"cli"},
    {"__main__"},
]
MODELS_ALLOWED = {
    "session",
    "teaching",
    "writing",
    "own",
    "large",
    "asides",
    "bred",
    "easel",
    "toy",
    "trainings",
    "voice",
    "newstyle",
    "frompictures",
    "newgan",
    "newhands",
    "newpainter",
    "rounds",
    "sheets",
    "lab",
    "headless",
    "bench",
    "cli",
    "terminal",
    "server",
    "training",
    "gans",
    "painters",
    "pairbasket",
    "pairing",
    "translation",
    "textmodel",
    "config",
}  # registry and store


def module_of(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(file: Path) -> Iterator[tuple[str, bool]]:
    """Absolute names of what a file imports, and whether it does so as soon as it is imported itself."""
    module, tree = module_of(file), ast.parse(file.read_text())
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or is_type_checking(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in lazy
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield f"{origin}.{alias.name}", id(node) not in lazy


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def floor_of(part: str) -> int:
    return next((number for number, floor in enumerate(FLOORS) if part in floor), -1)


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_imports_go_one_way(file: Path) -> None:
    module = module_of(file)
    package, _, rest = module.partition(".")
    part = rest.partition(".")[0]
    for name, _ in imports(file):
        head, _, tail = name.partition(".")
        if package == "engines":
            assert head not in {"studio", *GRADIO}, f"{module} imports {name}"
            family = tail.partition(".")[0]
            if head == "engines" and part in {"text", "image", "style"}:
                assert family == part or family not in {"text", "image", "style"}, f"{module} imports {name}"
        elif head == "studio" and part and tail.partition(".")[0] not in {"__version__", ""}:
            other = tail.partition(".")[0]
            assert floor_of(part) >= 0, f"studio.{part} has no floor in this test's table"
            allowed = floor_of(other) < floor_of(part) or other == part
            assert allowed, f"{module} imports {name}, which stands above or beside it"
        elif head == "engines" and package == "studio" and tail.partition(".")[0] in {"registry", "store"}:
            assert part in MODELS_ALLOWED, f"{module} imports {name}"
        elif head == "engines" and package == "studio":
            inner = tail.partition(".")[0]
            assert inner == "api" or part in MODELS_ALLOWED, (
                f"{module} imports {name}, and only engines.api is for everybody"
            )


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_gradio_stays_in_the_page(file: Path) -> None:
    page = {"app", "panels", "render", "theme"}
    if module_of(file).split(".")[1:2] not in [[part] for part in page]:
        assert not [name for name, _ in imports(file) if name.partition(".")[0] in GRADIO]


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_functions_and_files_can_be_read(file: Path) -> None:
    lines = file.read_text().splitlines()
    assert len(lines) <= 400, f"{module_of(file)} has {len(lines)} lines"
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= 60, f"{module_of(file)}.{node.name} has {length} lines"


@pytest.mark.parametrize("file", FILES, ids=module_of)
def test_engines_do_not_print_and_paths_are_functions(file: Path) -> None:
    tree = ast.parse(file.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    if module_of(file).startswith("engines"):
        assert not [call.lineno for call in calls if isinstance(call.func, ast.Name) and call.func.id == "print"]
    inside = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(node)
    }
    for call in calls:
        if id(call) not in inside:
            name = ast.unparse(call.func).rpartition(".")[2]
            assert name not in {"home", "assets", "models_folder", "db_url", "user_data_path", "cwd", "getenv"}, (
                f"{module_of(file)}:{call.lineno} fixes a path when it is imported"
            )


@pytest.mark.parametrize(
    "module",
    ["engines.api", "engines.registry", "engines.store", "studio", "studio.events", "studio.session", "studio.cli"],
)
def test_import_is_light(module: str) -> None:
    """Neither torch nor Gradio loads before somebody asks for a picture or a page, and every engine's facts are known without."""
    code = f"import sys, {module}, engines.registry; engines.registry.infos(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "gradio", "transformers"} & set(done.stdout.split())


def test_help_is_light() -> None:
    code = "import sys; from studio.cli import run; run(['--help']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert not {"torch", "gradio", "transformers"} & set(done.stdout.split())


@pytest.mark.parametrize("module", ["engines.style.bank", "studio.session", "test_walls", "conftest"])
def test_our_warnings_are_errors(module: str) -> None:
    with pytest.raises(DeprecationWarning):
        warnings.warn_explicit("old", DeprecationWarning, "some.py", 1, module=module)


def test_warnings_of_others_are_not_errors() -> None:
    with warnings.catch_warnings(record=True):
        warnings.warn_explicit("old", DeprecationWarning, "some.py", 1, module="elsewhere")
