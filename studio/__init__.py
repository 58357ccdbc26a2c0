"""The people's side: sessions, judgements, steering, the desk and the page."""
