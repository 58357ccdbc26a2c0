"""The people's side: sessions, judgements, steering, the desk and the page."""

__version__ = "0.1.0"
