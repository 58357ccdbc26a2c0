"""The people's side: sessions, judgements, steering, the desk and the page."""

import os
import platform

if platform.machine() in ("x86_64", "AMD64"):  # elsewhere torch shares this library, and needs its threads
    # NumPy's matrices here have a few hundred rows: its threads would only wait for each other, ten times as long on busy cores.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# Threads that wait for each other spin so often, then sleep. By default they spin fifteen times as long, and where something else (the
# browser) has one of two cores, every layer of a network waits that long: a painting took 250 to 760 ms, and takes 95 with this. On a quiet
# machine it costs nothing that could be measured.
os.environ.setdefault("GOMP_SPINCOUNT", "20000")

__version__ = "0.1.0"
