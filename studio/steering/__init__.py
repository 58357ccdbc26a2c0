"""Steering: what the artist's judgements say, what follows from it, and what to try next."""

from .evidence import Evidence, evidence
from .learned import learned
from .propose import propose

__all__ = ["Evidence", "evidence", "learned", "propose"]
