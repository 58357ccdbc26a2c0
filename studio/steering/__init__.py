"""Steering: what the artist's judgements say, what follows from it, and what to try next."""

from .evidence import Evidence, carried, evidence
from .learned import learned
from .plane import Plane, levels
from .propose import propose

__all__ = ["Evidence", "Plane", "carried", "evidence", "learned", "levels", "propose"]
