"""The people's side: sessions, judgements, steering, the desk and the page."""

import os
import platform

if platform.machine() in ("x86_64", "AMD64"):  # elsewhere torch shares this library, and needs its threads
    # NumPy's matrices here have a few hundred rows: its threads would only wait for each other, ten times as long on busy cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Threads that wait for each other spin so often, then sleep. As it is by default they spin for milliseconds, and whatever else runs on a
# small machine (the browser) makes every layer of a network wait that long: measured, seventy times as long for all of it.
os.environ.setdefault("GOMP_SPINCOUNT", "5000")

__version__ = "0.1.0"
