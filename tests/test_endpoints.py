"""The endpoints of the design, called by real clients over HTTP, two at once; and the routes that pictures come by."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import tempfile
import threading
import time
import traceback
import urllib.error
import urllib.request
import zipfile

import gradio_client
import httpx
import pytest
from PIL import Image

from engines import fake
from engines.api import Brief
from studio import server
from studio.bench.visit import free_port
from studio.events import Judgement

BRIEF = {"mode": "style", "engine": "fake", "styles": {"ember": 0.7, "tide": 0.3}, "size": 64, "seed": 5}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    fake.use()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_HOME", str(tmp_path_factory.mktemp("home")))
        with server.opened("127.0.0.1", free_port()) as found:
            yield found


@pytest.fixture
def client(running, tmp_path):
    return connect(running, tmp_path)


def connect(running, tmp_path):
    return gradio_client.Client(running.address, verbose=False, download_files=str(tmp_path / "downloads"))


def call(client, name, *arguments):
    return client.predict(*arguments, api_name=name)


def png(path, colour=(10, 200, 90), size=(40, 30)):
    Image.new("RGB", size, colour).save(path)
    return path


def get(running, path):
    with urllib.request.urlopen(f"{running.address}/{path}") as answer:
        return answer.headers, answer.read()


def status(running, path, data=None, headers=None):
    request = urllib.request.Request(f"{running.address}/{path}", data=data, headers=headers or {})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_the_endpoints_of_the_design_and_no_others(client):
    named = set(client.view_api(return_format="dict", print_info=False)["named_endpoints"])
    wanted = "new_session upload blob propose judge cancel history branch undo forget export write accept keep"
    assert named == {f"/{name}" for name in wanted.split()}


def test_the_loop(client, tmp_path):
    session = call(client, "/new_session")
    assert len(session) == 32
    content = call(client, "/upload", session, gradio_client.handle_file(png(tmp_path / "photo.png")))
    assert content.startswith("sha256:")
    done = call(client, "/propose", session, {**BRIEF, "content": content})
    assert done["status"] == "done"
    assert [variant["role"] for variant in done["variants"]] == ["yours", "best", "twist", "surprise"]
    learned = call(client, "/judge", session, 0, {"pick": 2, "like": [2], "dislike": [0]})
    assert learned["judgements"] == 1  # one call is one judgement, however much it says
    following = call(client, "/propose", session, {**BRIEF, "content": content})
    assert following["parent"] == {"round": 0, "variant": 2}
    assert following["variants"][0]["knobs"] == pytest.approx(done["variants"][2]["knobs"])
    file = call(client, "/blob", session, following["variants"][0]["sha256"])
    with Image.open(file) as picture:
        assert picture.size == (64, 48)
    view = call(client, "/branch", session, 0, 1)
    assert view["head"] == {"round": 0, "variant": 1}
    view = call(client, "/undo", session)
    assert view["head"] == {"round": 0, "variant": 2}
    assert call(client, "/history", session) == view
    exported = call(client, "/export", session)
    with zipfile.ZipFile(exported) as archive:
        assert "events.jsonl" in archive.namelist()
    assert call(client, "/forget", session)["session"] == session
    with pytest.raises(gradio_client.exceptions.AppError, match="no session"):
        call(client, "/history", session)


def test_a_brief_may_be_json_text(client):
    session = call(client, "/new_session")
    assert call(client, "/propose", session, json.dumps(BRIEF))["status"] == "done"


def test_propose_streams_each_variant(client):
    session = call(client, "/new_session")
    job = client.submit(session, {**BRIEF, "options": {"pause": 0.2}}, api_name="/propose")
    counts = [len(update["variants"]) for update in job]
    assert counts == sorted(counts)
    assert counts[-1] == 4
    assert len(set(counts)) >= 3


def test_two_clients_at_once_take_turns(running, tmp_path):
    """Neither waits for all of the other's rounds, and each cancels only its own."""
    one, other = connect(running, tmp_path / "1"), connect(running, tmp_path / "2")
    first, second = call(one, "/new_session"), call(other, "/new_session")
    slow = {**BRIEF, "options": {"pause": 0.3}}
    jobs = [one.submit(first, slow, api_name="/propose"), one.submit(first, slow, api_name="/propose")]
    time.sleep(0.2)
    theirs = other.submit(second, {**BRIEF, "variants": 1}, api_name="/propose")
    assert theirs.result(timeout=30)["status"] == "done"
    assert not all(job.done() for job in jobs)
    call(one, "/cancel", first)
    began = time.perf_counter()
    while running.studio.session(first).running():
        time.sleep(0.01)
    assert time.perf_counter() - began <= 1.0  # half a second is promised; the other half is for a busy machine
    assert sorted(job.result(timeout=10)["status"] for job in jobs) == ["cancelled", "done"]
    assert call(other, "/history", second)["rounds"][0]["status"] == "done"


def test_many_clients_are_not_held_up_by_gradios_queue(running, tmp_path):
    """While one round runs, others ask and are answered."""
    clients = [connect(running, tmp_path / str(at)) for at in range(3)]
    sessions = [call(each, "/new_session") for each in clients]
    job = clients[0].submit(sessions[0], {**BRIEF, "options": {"pause": 1.0}}, api_name="/propose")
    answered: list[float] = []

    def ask(at: int) -> None:
        began = time.perf_counter()
        call(clients[at], "/history", sessions[at])
        answered.append(time.perf_counter() - began)

    threads = [threading.Thread(target=ask, args=(at,)) for at in (1, 2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not job.done()
    assert max(answered) < 2.5
    call(clients[0], "/cancel", sessions[0])


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("/propose", ({"mode": "style", "engine": "fake", "styles": {"nobody": 1}},), "Unknown style"),
        ("/propose", ({"mode": "style", "engine": "fake", "styles": {"ember": -1}},), "weight"),
        ("/propose", ("{not json",), "not valid JSON"),
        ("/judge", (0, {"pick": 0}), "no round"),
        ("/judge", (0, {"unheard": 1}), "unheard"),
        ("/branch", (0, 0), "no round"),
        ("/undo", (), "nothing to undo"),
        ("/blob", ("f" * 64,), "no file"),
    ],
)
def test_errors_reach_the_client_in_words(client, name, arguments, says):
    session = call(client, "/new_session")
    with pytest.raises(gradio_client.exceptions.AppError, match=says):
        call(client, name, session, *arguments)


def test_a_bad_picture_is_refused_and_nothing_is_kept(client, tmp_path):
    session = call(client, "/new_session")
    (tmp_path / "note.png").write_text("not a picture")
    with pytest.raises(gradio_client.exceptions.AppError, match="not a picture"):
        call(client, "/upload", session, gradio_client.handle_file(tmp_path / "note.png"))
    assert call(client, "/history", session)["pictures"] == {}


def test_a_path_of_the_server_is_no_upload(client):
    session = call(client, "/new_session")
    with pytest.raises((gradio_client.exceptions.AppError, ValueError)):
        call(client, "/upload", session, {"path": "/etc/hostname", "meta": {"_type": "gradio.FileData"}})
    assert call(client, "/history", session)["pictures"] == {}


def test_downloads_are_gone_with_their_session_and_with_the_studio(monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)  # or it remembers another
    (tmp_path / "tmp").mkdir()

    def lie_there() -> list[str]:
        return sorted(place.suffix for place in (tmp_path / "tmp").rglob("*") if place.is_file())

    with server.opened("127.0.0.1", free_port()) as running:
        client = connect(running, tmp_path)
        mine, theirs = call(client, "/new_session"), call(client, "/new_session")
        for session in (mine, theirs):
            _, kept = posted(running, session, bytes_of((64, 48)))
            for _ in range(2):
                with open(call(client, "/blob", session, kept["ref"]), "rb") as file:
                    assert file.read() == bytes_of((64, 48))
                assert zipfile.is_zipfile(call(client, "/export", session))
        assert lie_there() == [".png", ".png", ".zip", ".zip"]
        assert not [place for place in (tmp_path / "tmp").rglob("*") if mine in str(place)]
        call(client, "/forget", mine)
        assert lie_there() == [".png", ".zip"]
        left = running.studio.downloads.folder(theirs) / "left.png"
    assert lie_there() == []
    left.parent.mkdir(parents=True)
    left.touch()  # as a studio that was killed leaves it
    with server.opened("127.0.0.1", free_port()):
        assert lie_there() == []


def test_it_closes_while_a_page_still_listens(tmp_path):
    heard = threading.Event()

    def watch(running, session):
        with httpx.Client(base_url=running.address, timeout=30, trust_env=False) as client:
            client.post(f"/duet/{session}/toy/begin", json={}).raise_for_status()
            with client.stream("POST", f"/duet/{session}/toy/play", json={"speed": 0.1}) as answer:
                for _ in answer.iter_lines():
                    heard.set()

    with server.opened("127.0.0.1", free_port()) as running:
        session = running.studio.new_session().id
        page = threading.Thread(target=watch, args=(running, session), daemon=True)
        page.start()
        assert heard.wait(60)
        began = time.monotonic()
    assert time.monotonic() - began < 3
    page.join(5)
    assert not page.is_alive()


# ── The routes beside Gradio ─────────────────────────────────────────────────────────────────────────────────────────


def posted(running, session, data, name="a.png", **headers):
    code, body = status(running, f"duet/{session}/upload", data, {"X-Name": name, **headers})
    return code, json.loads(body)


def bytes_of(size=(1200, 900), kind="PNG"):
    out = io.BytesIO()
    Image.new("RGB", size, (10, 200, 90)).save(out, kind)
    return out.getvalue()


def test_pictures_are_served_to_their_own_session_only(running, client):
    mine, theirs = call(client, "/new_session"), call(client, "/new_session")
    code, kept = posted(running, mine, bytes_of())
    assert code == 200
    sha = kept["ref"].removeprefix("sha256:")
    headers, data = get(running, f"duet/{mine}/{sha}?side=320")
    assert headers["Content-Type"] == "image/jpeg"
    assert "immutable" in headers["Cache-Control"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert Image.open(io.BytesIO(data)).size == (320, 240)
    headers, data = get(running, f"duet/{mine}/{sha}?download=my%20picture%2F..%2F.png")
    assert "my%20picture-..-.png" in headers["Content-Disposition"]
    assert data == bytes_of()
    assert status(running, f"duet/{theirs}/{sha}")[0] == 404
    assert status(running, f"duet/{'0' * 32}/{sha}")[0] == 404
    assert status(running, f"duet/{mine}/{'0' * 64}")[0] == 404


def test_small_pngs_are_served_as_they_are(running, client):
    session = call(client, "/new_session")
    _, kept = posted(running, session, bytes_of((64, 48)))
    headers, data = get(running, f"duet/{session}/{kept['ref'].removeprefix('sha256:')}?side=768")
    assert headers["Content-Type"] == "image/png"
    assert data == bytes_of((64, 48))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"hello", "not a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (bytes_of()[:200], "not a picture"),
        (bytes_of((1, 1)), "1 x 1"),
        (bytes_of((9000, 8000), "GIF"), "too many pixels"),
    ],
)
def test_bad_uploads_are_refused_in_words(running, client, data, says):
    session = call(client, "/new_session")
    code, answer = posted(running, session, data)
    assert code == 400
    assert says in answer["error"]
    assert running.studio.session(session).state().pictures == {}
    assert "unchanged" in answer["error"]


def test_an_upload_that_says_it_is_too_large_is_not_read(running, client):
    session = call(client, "/new_session")
    with socket.create_connection(("127.0.0.1", int(running.address.rpartition(":")[2])), timeout=10) as line:
        line.sendall(
            f"POST /duet/{session}/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 900000000\r\n\r\n".encode()
        )
        assert b"400" in line.recv(4096)


def test_errors_of_uploads_come_in_the_pages_language(running, client):
    session = call(client, "/new_session")
    code, body = status(running, f"duet/{session}/upload?lang=zh", b"hello", {"X-Name": "a.png"})
    assert code == 400
    assert "不是我们能读的图片" in json.loads(body)["error"]


def test_a_taste_is_saved_and_loaded_beside_gradio(running, client):
    mine, other = (running.studio.session(call(client, "/new_session")) for _ in range(2))
    code, body = status(running, f"duet/{mine.id}/taste?lang=zh")
    assert code == 404
    assert json.loads(body)["error"] == "还没有学到什么。"
    list(mine.propose(Brief(mode="style", engine="fake", styles={"ember": 0.7, "tide": 0.3}, size=32)))
    mine.judge(0, Judgement(pick=2))
    headers, data = get(running, f"duet/{mine.id}/taste")
    assert headers["Content-Disposition"] == 'attachment; filename="duet-taste.json"'
    assert headers["Cache-Control"] == "no-store"
    assert mine.id not in data.decode() + str(headers)
    code, body = status(running, f"duet/{other.id}/taste", data)
    assert (code, json.loads(body)) == (200, {})
    assert [event.kind for event in other.events().values()] == ["carried"]
    code, body = status(running, f"duet/{other.id}/taste", b"hello")
    assert code == 400
    assert "not a taste" in json.loads(body)["error"]
    assert len(other.events()) == 1


def test_a_taste_that_says_it_is_too_large_is_not_read(running, client):
    session = call(client, "/new_session")
    with socket.create_connection(("127.0.0.1", int(running.address.rpartition(":")[2])), timeout=10) as line:
        line.sendall(
            f"POST /duet/{session}/taste HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 9000000\r\n\r\n".encode()
        )
        assert b"400" in line.recv(4096)


@pytest.mark.parametrize(
    "path",
    ["duet/static/../app.py", "duet/static/nothing.js", "duet/asset/contents/../../x.jpg", "duet/asset/draw/x.jpg"],
)
def test_only_files_of_the_page_are_served(running, path):
    assert status(running, path)[0] == 404


def test_scripts_are_served_for_ever_under_the_digest_of_what_is_in_them(running):
    from studio import web

    headers, data = get(running, web.static_url("duet.js"))
    assert "immutable" in headers["Cache-Control"]
    assert data == (web.STATIC / "duet.js").read_bytes()


def test_an_example_becomes_a_picture_of_the_session(running, client):
    session = call(client, "/new_session")
    code, body = status(running, f"duet/{session}/example/still-life", b"")
    assert code == 200
    assert json.loads(body)["name"] == "still-life.jpg"
    assert status(running, f"duet/{session}/example/nothing", b"")[0] == 400


def test_a_taken_port_is_one_clear_line(running):
    port = int(running.address.rpartition(":")[2])
    with pytest.raises(Exception, match="--port"):
        server.check_port("127.0.0.1", port)


def test_a_log_that_is_slow_to_read_holds_up_nobody(running, client, monkeypatch):
    """Opening a session reads its log; that must not happen where all connections are served."""
    loops: list[str] = []
    opened = running.studio.session

    def watched(id):
        try:
            asyncio.get_running_loop()
            loops.append(traceback.format_stack()[-2])
        except RuntimeError:
            pass
        return opened(id)

    monkeypatch.setattr(running.studio, "session", watched)
    session = call(client, "/new_session")
    call(client, "/propose", session, BRIEF)
    _, kept = posted(running, session, bytes_of((64, 48)))
    get(running, f"duet/{session}/{kept['ref'].removeprefix('sha256:')}")
    get(running, f"duet/{session}/export")
    assert status(running, f"duet/{session}/example/still-life", b"")[0] == 200
    assert loops == []


def test_nothing_is_painted_for_a_style_that_is_not_there(running, client, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr("studio.sheets.sheet", lambda engine, content, _: asked.append(content) or {})
    session = call(client, "/new_session")
    _, kept = posted(running, session, bytes_of((64, 48)))
    assert status(running, f"duet/{session}/sheet/{kept['ref'].removeprefix('sha256:')}/nobody")[0] == 404
    assert asked == []
