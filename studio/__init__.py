"""The people's side: sessions, judgements, steering, the desk and the page."""

import os
import platform

if platform.machine() in ("x86_64", "AMD64"):  # elsewhere torch shares this library, and needs its threads
    # NumPy's matrices here have a few hundred rows: its threads would only wait for each other, ten times as long on busy cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
