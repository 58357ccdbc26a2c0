"""What the page shows, as plain values: a session's view and an engine's events in, JSON for the panels out. Pure functions."""

from .brief import brief, control, form
from .easel import easel
from .frame import Scene, header, notice
from .notebook import notebook, room, spans, turns, who
from .plane import names, plane
from .recall import history, learned
from .round import Waiting, advanced, round_panel

__all__ = [
    "Scene",
    "Waiting",
    "advanced",
    "brief",
    "control",
    "easel",
    "form",
    "header",
    "history",
    "learned",
    "names",
    "notebook",
    "notice",
    "plane",
    "room",
    "round_panel",
    "spans",
    "turns",
    "who",
]
