"""The panels of the page. Each is drawn by a script of the same name in `studio/static`, from one JSON value.

Gradio fills `${}` and `{{}}` of a template by running it, so a picture's name in there could run too. Our templates are
therefore constant, and the scripts put every text in place as text.
"""

from __future__ import annotations

from collections.abc import Callable

import gradio as gr

SCRIPTS = (
    "duet.js",
    "modal.js",
    "header.js",
    "controls.js",
    "templates.js",
    "own.js",
    "voice.js",
    "learn.js",
    "charts.js",
    "film.js",
    "basket.js",
    "trainer.js",
    "gan.js",
    "hands.js",
    "pairs.js",
    "text.js",
    "surface.js",
    "canvas.js",
    "ways.js",
    "breed.js",
    "easel.js",
    "brief.js",
    "notebook.js",
    "prose.js",
    "tokens.js",
    "large.js",
    "round.js",
    "reading.js",
    "who.js",
    "light.js",
    "why.js",
    "family.js",
    "plane.js",
    "brush.js",
    "learned.js",
    "history.js",
    "attention-draw.js",
    "attention.js",
    "toy-draw.js",
    "toy.js",
    "keys.js",
)
STYLES = (
    "duet.css",
    "panels.css",
    "narrow.css",
    "plane.css",
    "text.css",
    "own.css",
    "learn.css",
    "trainer.css",
    "easel.css",
    "breed.css",
    "family.css",
    "attention.css",
    "toy.css",
    "brush.css",
    "aside.css",
)

LESSONS = (
    "retract",
    "unlearn",
    "believe",
    "withdraw",
    "recheck",
    "carry",
    "lend",
    "pool",
)  # what the learned panel tells

Address = Callable[[str], str]  # name of a file in studio/static -> its address


def head(address: Address) -> str:
    """What every panel needs in the page's head before it starts."""
    styles = [f'<link rel="stylesheet" href="{address(name)}">' for name in STYLES]
    scripts = [f'<script src="{address(name)}"></script>' for name in SCRIPTS]
    return "\n".join([*styles, *scripts])


def panel(name: str, head: str, *events: str) -> gr.HTML:
    """An empty box that `Duet.<name>` draws into. `events` are what it can tell the server."""
    quoted = ", ".join(f"'{event}'" for event in events)
    return gr.HTML(
        value=None,
        html_template=f'<section class="duet-{name}"></section>',
        js_on_load=f"Duet.mount('{name}', {{element, trigger, props, watch, events: [{quoted}]}});",
        apply_default_css=False,
        elem_id=f"duet-{name}",
        head=head,
    )


def header(head: str) -> gr.HTML:
    """Wordmark, modes, language, light and dark, help."""
    return panel("header", head, "speak", "turn", "restart")


def notice(head: str) -> gr.HTML:
    """The quiet line that says what went wrong and what to do."""
    return panel("notice", head)


def brief(head: str) -> gr.HTML:
    """Picture, shelves and mix, sliders, Again."""
    return panel("brief", head, "again")


def notebook(head: str) -> gr.HTML:
    """The artist's text, with what was taken over from the machine's."""
    return panel("notebook", head, "use", "mend", "send")


def round_(head: str) -> gr.HTML:
    """Progress and Stop, the tiles and their judgement, the ranking, and the sheet."""
    return panel("round", head, "judge", "star", "branch", "halt", "explore")


def learned(head: str) -> gr.HTML:
    """What the judgements taught, and the judgements themselves, to take back."""
    return panel("learned", head, *LESSONS)


def history(head: str) -> gr.HTML:
    """All rounds, the way back, undo and export."""
    return panel("history", head, "look", "undo", "redo")
