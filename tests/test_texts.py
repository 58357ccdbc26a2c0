"""What the page and programs fetch in text mode, over HTTP: writing, tokens, room, who wrote what."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import gradio_client
import pytest

from engines import fake, fake_text
from engines.text.axes import define_axis
from studio import server, texts, writing
from studio.bench.visit import free_port

BRIEF = {"mode": "text", "engine": "fake-text", "prompt": "Once upon a time", "options": {"length": 6}, "seed": 5}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    fake.use()
    fake_text.use()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_HOME", str(tmp_path_factory.mktemp("home")))
        with server.opened("127.0.0.1", free_port()) as found:
            yield found


@pytest.fixture
def session(running):
    found = running.studio.new_session()
    writing.write(found, "Once upon a time")
    list(found.propose(fake_text.Brief.from_dict(BRIEF)))
    return found


@pytest.fixture
def client(running):
    return gradio_client.Client(running.address, verbose=False)


def post(running, session, path, said):
    data = said if isinstance(said, bytes) else json.dumps(said).encode()
    request = urllib.request.Request(f"{running.address}/duet/{session}/{path}", data=data, method="POST")
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def get(running, session, path):
    try:
        with urllib.request.urlopen(f"{running.address}/duet/{session}/{path}") as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def test_a_program_brings_an_axis_along(client, tmp_path):
    session = client.predict(api_name="/new_session")
    file = tmp_path / "weather.json"
    file.write_bytes(define_axis(["Sun.", "A dry day."], ["Rain.", "A wet day."], "weather"))
    ref = client.predict(session, gradio_client.handle_file(str(file)), api_name="/keep")
    brief = BRIEF | {"weights": {f"axis:{ref}": 0.5}}
    assert len(client.predict(session, brief, api_name="/propose")["variants"]) == 4
    file.write_bytes(b"\x80\x04pickle")
    with pytest.raises(gradio_client.exceptions.AppError, match="damaged"):
        client.predict(session, gradio_client.handle_file(str(file)), api_name="/keep")


# ── Writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_written_is_answered_with_its_authors_and_the_way_back(running, session):
    writing.accept(session, 0, 1)
    text = session.document().text
    status, found = post(
        running, session.id, "write", {"text": f"Well. {text}", "base": writing.newest(session.state())}
    )
    assert status == 200
    assert "".join(span["text"] for span in found["spans"]) == f"Well. {text}" == session.document().text
    assert [span["by"] for span in found["spans"]] == [None, {"round": 0, "variant": 1}]
    assert found["at"] == writing.newest(session.state())
    assert found["undo"]
    assert not found["redo"]


def test_two_pages_that_write_at_once_lose_nothing(running, session):
    base = writing.newest(session.state())
    post(running, session.id, "write", {"text": "Once upon a time, here", "base": base, "page": "a"})
    post(running, session.id, "write", {"text": "There, once upon a time", "base": base, "page": "b"})
    assert session.document().text == "There, once upon a time, here"


def test_a_page_that_never_heard_an_answer_writes_nothing_twice(running, session):
    base = writing.newest(session.state())
    post(running, session.id, "write", {"text": "Once upon a time and", "base": base, "page": "a"})
    post(running, session.id, "write", {"text": "Once upon a time and again", "base": base, "page": "a"})
    post(running, session.id, "write", {"text": "Once upon a time and again", "base": base, "page": "a"})
    assert session.document().text == "Once upon a time and again"


def test_a_page_that_goes_away_writes_nothing_twice_however_quickly_it_repeats_itself(running, session):
    for step in range(6):
        base, text = writing.newest(session.state()), f"{session.document().text} {step}"
        said = {"text": text, "base": base, "page": "a"}
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _, said=said: post(running, session.id, "write", said), range(4)))
        assert [status for status, _ in answers] == [200] * 4
        assert session.document().text == text


def test_what_was_overtaken_on_its_way_takes_nothing_back(running, session):
    said = {"base": writing.newest(session.state()), "page": "a"}
    post(running, session.id, "write", said | {"text": "Once upon a time and then", "turn": 2})
    status, found = post(running, session.id, "write", said | {"text": "Once upon a time and", "turn": 1})
    assert status == 200
    assert session.document().text == "".join(span["text"] for span in found["spans"]) == "Once upon a time and then"


def test_a_novel_and_any_character_go_over_the_line(running, session):
    novel = "word 😀 你好 \u0000\u202e\n" * 100_000
    assert post(running, session.id, "write", {"text": novel})[0] == 200
    assert session.document().text == novel


@pytest.mark.parametrize(
    "said",
    [b"", b"[]", b"{", {}, {"text": 5}, {"text": "\ud800"}, {"text": "x", "base": "y"}, {"text": "x", "base": 1.5}],
)
def test_what_is_no_writing_is_refused_in_words(running, session, said):
    before = session.events()
    status, found = post(running, session.id, "write", said)
    assert status == 400
    assert found["error"]
    assert session.events() == before


def test_nobody_writes_in_a_session_that_is_not_theirs(running):
    for path in ("write", "tokens", "room"):
        assert post(running, "0" * 32, path, {"text": "x", "round": 0, "variant": 0})[0] == 400
    assert get(running, "0" * 32, "who")[0] == 404


# ── Tokens and room ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_tokens_add_up_to_the_text_and_are_asked_of_the_engine_once(running, session, monkeypatch):
    asked = []
    read = fake_text.FakeText.tokens
    monkeypatch.setattr(fake_text.FakeText, "tokens", lambda *what: asked.append(what) or read(*what))
    for _ in range(2):
        status, found = post(running, session.id, "tokens", {"round": 0, "variant": 2})
        assert status == 200
        assert "".join(token["text"] for token in found) == session.state().rounds[0].variants[2].text
        assert all(len(token["others"]) == 10 and 0 <= token["p"] <= 1 for token in found)
    assert len(asked) == 1


@pytest.mark.parametrize("said", [{"round": 7, "variant": 0}, {"round": 0, "variant": 9}, {"round": None}, {}])
def test_tokens_of_what_is_not_there_are_refused(running, session, said):
    status, found = post(running, session.id, "tokens", said)
    assert status == 400
    assert found["error"]


def test_an_engine_that_does_not_tell_says_so(running, session, monkeypatch):
    monkeypatch.delattr(fake_text.FakeText, "tokens")
    status, found = post(running, session.id, "tokens", {"round": 0, "variant": 3})
    assert status == 400
    assert "does not tell" in found["error"]


def test_room_is_what_the_prompt_leaves_up_to_a_place(running, session):
    brief = {key: value for key, value in BRIEF.items() if key != "prompt"}
    whole = post(running, session.id, "room", {"brief": brief})[1]
    part = post(running, session.id, "room", {"brief": brief, "at": 4})[1]
    assert whole["parts"]["prompt"] == 4
    assert part["left"] == whole["left"] + 3
    assert not whole["over"]
    writing.write(session, "word " * 600)
    over = post(running, session.id, "room", {"brief": brief})[1]
    assert over["over"]
    assert "left out" in over["told"]
    writing.write(session, "")
    assert post(running, session.id, "room", {"brief": brief})[1]["told"] == ""


# ── Who wrote what ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "media"), [("json", "application/json"), ("md", "text/markdown"), ("html", "text/html")]
)
def test_the_text_with_its_authors_is_a_file(running, session, kind, media):
    writing.accept(session, 0, 1)
    status, headers, body = get(running, session.id, f"who?as={kind}")
    assert status == 200
    assert headers["Content-Type"].startswith(media)
    assert "attachment" in headers["Content-Disposition"]
    assert headers["Cache-Control"] == "no-store"
    assert "Once upon a time" in body.decode()


def test_an_unknown_file_and_an_empty_notebook_are_refused(running, session):
    assert get(running, session.id, "who?as=exe")[0] == 404
    assert get(running, running.studio.new_session().id, "who?as=md")[0] == 404
    assert json.loads(get(running, running.studio.new_session().id, "who?lang=zh")[2])["empty"]


def test_what_is_remembered_is_bounded(running, session, monkeypatch):
    monkeypatch.setattr(texts, "WRITERS", 3)
    for page in range(8):
        document = session.document().text
        said = {"text": f"{document} {page}", "base": writing.newest(session.state()), "page": str(page)}
        assert post(running, session.id, "write", said)[0] == 200
    assert session.document().text == "Once upon a time 0 1 2 3 4 5 6 7"


# ── Programs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_program_writes_in_turns(running, client):
    session = client.predict(api_name="/new_session")
    assert client.predict(session, "Once upon a time", api_name="/write")["text"] == "Once upon a time"
    made = client.predict(session, BRIEF, api_name="/propose")
    words = made["variants"][2]["text"]
    view = client.predict(session, made["round"], 2, api_name="/accept")
    assert view["text"] == view["next"]["prompt"] == f"Once upon a time{words}"
    assert view["next"]["seed"] == made["variants"][2]["seed"]
    assert client.predict(session, api_name="/undo")["text"] == "Once upon a time"
    view = client.predict(session, made["round"], 1, 5, api_name="/accept")
    assert view["text"].endswith(made["variants"][1]["text"][:5])


def test_a_program_sees_texts_as_they_grow(running, client):
    session = client.predict(api_name="/new_session")
    brief = BRIEF | {"options": {"length": 10, "pause": 1.5}}
    seen = [each for each in client.submit(session, brief, api_name="/propose") if each.get("drafts")]
    lengths = [len(each["drafts"]["0"]) for each in seen]
    assert len(lengths) > 2
    assert lengths == sorted(lengths)
