"""What the page shows, as plain values: a session's view and an engine's events in, JSON for the panels out. Pure functions."""

from .brief import brief
from .frame import Scene, header, notice
from .plane import names, plane
from .recall import history, learned
from .round import Waiting, round_panel

__all__ = ["Scene", "Waiting", "brief", "header", "history", "learned", "names", "notice", "plane", "round_panel"]
