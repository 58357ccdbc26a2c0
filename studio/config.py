"""Where things live. Paths come from these functions, so that tests and Spaces can move them."""

from __future__ import annotations

import os
from pathlib import Path

from engines.store import home

__all__ = ["assets", "db_url", "home"]


def assets() -> Path:
    """The pictures and string tables that come with the studio."""
    packed = Path(__file__).parent / "assets"  # in a wheel; in a checkout they stand beside the packages
    beside = Path(__file__).parent.parent / "assets"
    return Path(os.environ.get("STUDIO_ASSETS") or (packed if packed.is_dir() else beside))


def db_url(base: Path | None = None) -> str:
    """SQLAlchemy's address of the log: a SQLite file in the studio's home."""
    return f"sqlite:///{(base or home()) / 'studio.db'}"
