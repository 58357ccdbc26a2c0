"""The page: puts the panels in their places and ties what they tell to what happens. Only composition."""

from __future__ import annotations

from typing import Any

import gradio as gr

from . import theme
from .panels import endpoints, parts
from .panels.acts import Acts
from .panels.page import PANELS

MEMORY: Any = {
    "storage_key": "duet",
    "secret": "duet-keeps-only-a-name",
}  # fixed, so that it outlives the server; no secret
WAITING = 512  # events that may wait in Gradio's queue, which nothing here should ever fill


def build(acts: Acts, api: endpoints.Api, address: parts.Address) -> gr.Blocks:
    """The page of one studio. `address` tells where its scripts are served."""
    head = parts.head(address)
    with gr.Blocks(title="Duet", fill_width=True, analytics_enabled=False, delete_cache=(3600, 3600)) as page:
        panels: dict[str, Any] = {"memory": gr.BrowserState({}, **MEMORY)}
        panels["header"] = parts.header(head)
        with gr.Row(elem_id="duet-stage", equal_height=False):
            panels["brief"] = parts.brief(head)
            with gr.Column(elem_id="duet-middle"):
                panels["notice"] = parts.notice(head)
                panels["notebook"] = parts.notebook(head)
                panels["round"] = parts.round_(head)
            panels["learned"] = parts.learned(head)
        panels["history"] = parts.history(head)
        common: dict[str, Any] = {
            "inputs": [panels["memory"]],
            "outputs": [panels[name] for name in PANELS],
            "show_progress": "hidden",
            "api_visibility": "private",
            "trigger_mode": "multiple",
            "concurrency_limit": None,
        }
        whole = common | {"outputs": [panels["memory"], *common["outputs"]]}  # for those who may change the memory
        page.load(acts.load, api_name="page_load", **whole)
        panels["header"].speak(acts.speak, queue=False, api_name="page_speak", **whole)
        panels["header"].turn(acts.turn, api_name="page_turn", **whole)
        panels["brief"].again(acts.again, api_name="page_again", **common)
        for panel, names in {
            "round": ("judge", "star", "branch", "halt", "explore"),
            "learned": parts.LESSONS,
            "notebook": ("use", "mend", "send"),
            "history": ("look", "undo", "redo"),
        }.items():
            for name in names:
                getattr(panels[panel], name)(getattr(acts, name), queue=False, api_name=f"page_{name}", **common)
        endpoints.declare(api)
    page._queue.max_size = WAITING  # `page.queue(…)` would build the whole server once more, a fifth of a second
    return page  # type: ignore[no-any-return]


def launch(page: gr.Blocks, host: str, port: int, routes: list[Any]) -> str:
    """Opens the page beside `routes` and returns its address, without waiting."""
    _, address, _ = page.launch(
        server_name=host,
        server_port=port,
        prevent_thread_lock=True,
        quiet=True,
        show_error=False,
        share=False,
        inbrowser=False,
        theme=theme.theme(),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        strict_cors=True,
        ssr_mode=False,
        pwa=False,
        mcp_server=False,
        max_file_size="40mb",
        app_kwargs={"routes": routes, "docs_url": None, "redoc_url": None},
    )
    return address
