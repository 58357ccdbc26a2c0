"""Coming back to the page: after a reload, a restart, while a round runs, and beside an older session."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from visitors import again, painted, session_of, tile

from engines.api import Brief
from studio import server
from studio.bench.visit import free_port

pytestmark = [pytest.mark.browser, pytest.mark.models]


def test_a_reload_brings_everything_back(visit):
    page = visit()
    page.keyboard.press("3")
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    page.get_by_role("slider", name="Keep colours").fill("0.66")
    page.locator(".shelf").get_by_role("button", name="weave", exact=True).click()
    address = page.url
    page.reload()
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    expect(page.get_by_role("slider", name="Keep colours")).to_have_value("0.66")
    expect(page.get_by_role("button", name="Take weave out of the mix")).to_be_visible()
    assert page.url == address
    page.goto(address.partition("?")[0])
    expect(tile(page, 3)).to_have_class(re.compile("is-picked"))
    assert page.url == address


def test_a_restart_of_the_server_brings_everything_back(visit, tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setenv("STUDIO_HOME", str(tmp_path / "restarted"))
    with server.opened("127.0.0.1", port) as first:
        page = visit(address=first.address)
        page.keyboard.press("2")
        expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
        address = page.url
        page.goto("about:blank")
    with server.opened("127.0.0.1", port):
        page.goto(address)
        expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
        expect(page.locator(".past")).to_have_count(1)
        again(page, 2)


def test_a_round_that_still_runs_is_found_again_and_one_that_failed_says_why(visit, running):
    page = visit()
    painted(page, 1)  # a stream that a reload cuts short is an error on Gradio's console
    page.wait_for_timeout(500)
    session = session_of(page, running)
    slow = Brief(mode="style", engine="fake", styles={"ember": 1.0}, size=64, options={"pause": 6.0})
    session.propose(slow)
    page.reload()
    expect(page.locator(".duet-round h2")).to_have_text("Round 2")
    expect(page.locator(".progress .message")).to_have_text("Painting")
    expect(page.locator(".tile.made")).to_have_count(1)
    expect(page.locator(".tile.coming")).to_have_count(3)
    status = page.locator(".progress [role=status]")
    expect(status).to_contain_text(" of 4")
    expect(status.locator(".elapsed")).to_have_count(0)
    tile(page, 4).focus()
    for key in ("c", "ArrowRight"):  # there is nothing to compare yet
        page.keyboard.press(key)
    expect(page.locator(".duet-light .veil")).to_have_count(0)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".problem")).to_contain_text("Stopped")
    assert session.state().rounds[1].status == "cancelled"
    broken = Brief(mode="style", engine="fake", styles={"ember": 1.0}, size=64, options={"fail_at": 2})
    list(session.propose(broken))
    page.wait_for_timeout(
        1000
    )  # a stream that a reload cuts short is an error on Gradio's console: let that of the stopped round end
    page.reload()
    expect(page.locator(".problem")).to_contain_text("told to fail at variant 2. Set fail_at to -1.")
    expect(page.locator(".tile.made")).to_have_count(2)


def test_a_new_session_begins_beside_the_old_one_and_in_place_of_none(visit):
    page = visit()
    page.keyboard.press("2")
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
    old = page.url
    page.get_by_role("link", name="New").click()
    expect(page.locator(".is-picked")).to_have_count(0)
    expect(page.locator(".tile.made")).to_have_count(4)
    assert page.url != old
    page.goto(old.partition("?")[0] + "?sid=" + "0" * 32)
    expect(page.locator(".notice")).to_contain_text("There is no session")
    assert "0" * 32 not in page.url
    page.goto(old)
    expect(tile(page, 2)).to_have_class(re.compile("is-picked"))
