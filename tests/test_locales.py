"""Two string tables with the same keys, and nothing that a person may see without a translation."""

from __future__ import annotations

import ast
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines import registry, store
from engines.api import Brief, UserError
from studio import config, locales
from studio.events import Words
from studio.steering import reasons

ROOT = Path(__file__).parents[1]
NOT_OURS = {"RuntimeError", "ValueError", "KeyError", "TypeError", "OSError", "NotImplementedError", "SystemExit"}


SHIPPED = ("style-bank", "style-codes", "gatys", "translator")  # other tests add engines of their own


def read(language):
    return json.loads((config.assets() / "locales" / f"{language}.json").read_text(encoding="utf-8"))


def strings(node) -> Iterator[str]:
    """Constants that an argument may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from strings(node.body)
        yield from strings(node.orelse)


def templates() -> Iterator[tuple[str, str]]:
    """Every sentence for people in the code, and where it is: errors with their remedies, reasons, progress, helps."""
    for file in sorted(place for package in ("engines", "studio") for place in (ROOT / package).rglob("*.py")):
        if file.is_relative_to(ROOT / "studio" / "bench"):
            continue  # for the terminal alone
        tree = ast.parse(file.read_text(encoding="utf-8"))
        named = {
            node.targets[0].id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func).rpartition(".")[2]
            arguments = []
            if (
                (name.endswith("Error") or name in {"refusal", "Finding"})
                and name not in NOT_OURS
                and not ast.unparse(node.func).startswith("gr.")
            ):
                arguments = node.args[:2]
            elif name == "Progress":
                arguments = node.args[1:2]
            elif name == "Remark":
                arguments = node.args[:1]
            arguments = [named.get(each.id, each) if isinstance(each, ast.Name) else each for each in arguments]
            arguments += [
                word.value
                for word in node.keywords
                if (name == "Words" and word.arg == "template")
                or (name in {"option", "EngineInfo"} and word.arg in {"help", "summary"})
            ]
            for found in (each for argument in arguments for each in strings(argument)):
                yield found, f"{file.relative_to(ROOT)}:{node.lineno}"
    for role in reasons.OPENINGS:
        yield reasons.OPENINGS[role], "reasons.OPENINGS"
        yield reasons.FIRST[role], "reasons.FIRST"
    yield store.PREPARING, "store.PREPARING"
    yield locales.BUG, "locales.BUG"
    for info in registry.infos().values():
        for model in info.models:
            yield store.entry(model).title, "models.toml"


def words_of_ours() -> Iterator[tuple[str, str, str]]:
    """Every word that the code puts into an error as its `kind`, or as all that is `allowed`: the key, the word, where it is."""
    for file in sorted(place for package in ("engines", "studio") for place in (ROOT / package).rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        named: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                named.setdefault(node.targets[0].id, []).append(node.value)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (ast.unparse(node.func).endswith(("Error", "refusal"))):
                for word in (each for each in node.keywords if each.arg in locales.WORDS):
                    value = word.value
                    for each in named.get(value.id, []) if isinstance(value, ast.Name) else [value]:
                        for found in strings(each.values[-1] if isinstance(each, ast.BoolOp) else each):
                            yield str(word.arg), found, f"{file.relative_to(ROOT)}:{node.lineno}"


def fields(template):
    return sorted(name for _, name, _, _ in string.Formatter().parse(template) if name)


def test_both_tables_have_the_same_keys():
    english, chinese = read("en"), read("zh")
    assert english.keys() == chinese.keys()
    for section in english:
        assert english[section].keys() == chinese[section].keys(), section


def test_translations_use_the_same_values():
    english, chinese = read("en"), read("zh")
    for section in english:
        for key, text in english[section].items():
            assert set(fields(chinese[section][key])) <= set(fields(text)), key
            if section != "page":
                assert fields(chinese[section][key]) == fields(text), key


def test_every_sentence_of_the_code_is_translated():
    known = read("zh")["sentences"]
    missing = {f"{where}: {template}" for template, where in templates() if template and template not in known}
    assert not missing


def test_every_word_of_ours_in_an_error_is_translated():
    chinese, found = read("zh"), list(words_of_ours())
    assert not [each for each in found if each[1] not in chinese[each[0]]]
    for key in locales.WORDS:
        assert set(chinese[key]) == {word for name, word, _ in found if name == key}
        assert not [word for word, said in chinese[key].items() if said.isascii()]


@pytest.mark.parametrize(
    "data",
    [
        {"prompt": 5},
        {"variants": 2.5},
        {"steering": 3},
        {"locks": [1]},
        {"masks": []},
        {"content": "x"},
        {"prompt": "x" * 2_000_001},
        {"prompt": "\ud800"},
    ],
)
def test_errors_of_a_brief_are_in_one_language(data):
    with pytest.raises(UserError) as error:
        Brief.from_dict(data)
    told = locales.table("zh").error(error.value)
    assert not re.search(r"[A-Za-z]+ [A-Za-z]+", told), told  # names to type may be there, sentences may not
    assert locales.table("en").error(error.value) == str(error.value)


def test_names_to_type_stay_as_they_are():
    error = UserError("{key} is {value!r}.", "Choose one of: {allowed}.", key="mode", value="x", allowed="style, text")
    assert "style, text" in locales.table("zh").error(error)


def test_a_long_value_is_shortened_in_every_language():
    for value in ("x" * 10**6, ["x"] * 10**6, "\ud800"):
        for language in locales.LANGUAGES:
            said = locales.table(language).error(UserError("The brief is {value!r}.", value=value))
            assert len(said.encode()) < 1000
        assert len(str(Words(template="{value}", values={"value": value})).encode()) < 1000


def test_what_somebody_added_is_called_by_its_own_name():
    for language in locales.LANGUAGES:
        text = locales.table(language)
        assert text.called("shelf", "screen-print") == "Screen print"
        assert text.called("example", "my-dog") == "My dog"
        assert text.style("riso-blue") == "riso blue"
        assert text.called("shelf", "style-bank") == text("shelf_style-bank")


def test_no_sentence_is_translated_that_nobody_says():
    said = {template for template, _ in templates()}
    assert not sorted(set(read("zh")["sentences"]) - said)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_style_and_option_has_a_name(language):
    words = read(language)
    for info in (each for each in registry.infos().values() if each.name in SHIPPED):
        assert not [name for name in info.styles if name not in words["styles"]]
        assert f"shelf_{info.name}" in words["page"]
        for name in info.options.__dataclass_fields__:
            assert name in words["knobs"]
            assert info.options.__dataclass_fields__[name].metadata["help"] in words["sentences"]
    for name in (place.stem for place in (config.assets() / "contents").glob("*.jpg")):
        assert f"example_{name}" in words["page"]


def test_style_names_are_all_different():
    for language in ("en", "zh"):
        names = list(read(language)["styles"].values())
        assert len(set(names)) == len(names)


def test_chinese_texts_are_chinese():
    untranslated = [
        key
        for key, text in read("zh")["page"].items()
        if text.isascii() and any(map(str.isalpha, text.format_map(Blank())))
    ]
    assert not untranslated


class Blank(dict):
    def __missing__(self, key):
        return ""


def test_an_error_is_told_in_chinese_with_its_values():
    error = UserError("{name} is empty.", "Choose another file. Your brief is unchanged.", name="photo.png")
    assert locales.table("zh").error(error) == "photo.png 是空的。请另选一个文件。你的设定没有变。"
    assert locales.table("en").error(error) == str(error)


def test_an_unknown_template_falls_back_to_english():
    assert locales.table("zh").error(UserError("Nobody translated {this}.", this="one")) == "Nobody translated one."


def test_a_message_and_its_remedy_in_one_template_are_both_translated():
    words = Words(template="{name} is empty. Choose another file. Your brief is unchanged.", values={"name": "a.png"})
    assert locales.table("zh").say(words) == "a.png 是空的。请另选一个文件。你的设定没有变。"


def test_knobs_in_sentences_have_the_names_of_the_page():
    words = Words(
        template="More {more}, less {less}.",
        values={"more": ["style:starry-oil", "strength"], "less": ["style:sha256:ab"]},
    )
    assert (
        locales.table("en", {"sha256:ab": "grandmother"}).say(words)
        == "More starry oil and strength, less grandmother."
    )
    assert locales.table("zh").say(words) == "多一点星空油画和浓度，少一点自选图片。"


def test_braces_in_values_are_left_alone():
    error = UserError("{name} is empty.", name="{value!r}{0}.png")
    assert locales.table("zh").error(error) == "{value!r}{0}.png 是空的。"


@pytest.mark.parametrize("text", ["cannot parse {'a': 1}", "{0}", "a { b", "{a.b}"])
def test_braces_that_are_no_template_are_shown_as_they_are(text):
    for language in ("en", "zh"):
        assert locales.table(language).error(UserError(text, a="x")) == text
        assert locales.table(language).say(Words(template=text, values={"a": "x"})) == text
    assert str(Words(template=text, values={"a": "x"})) == text


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("de-DE,en;q=0.5,zh;q=0.7", "zh"),
        ("en-GB", "en"),
        ("fr", None),
        ("", None),
        (None, None),
        ("zh;q=x,en", "en"),
    ],
)
def test_the_browsers_first_language_that_we_have(header, language):
    assert locales.preferred(header) == language


@pytest.mark.parametrize("language", locales.LANGUAGES)
def test_what_takes_long_is_told_in_minutes(language):
    text = locales.table(language)
    assert text.left(0.2) == text.left(1)  # never none at all
    assert "90" in text.left(90)
    assert "2" in text.left(91)
    assert "91" not in text.left(91)
    assert "5" in text.left(312)
    assert "312" not in text.left(312)
