"""`python -m studio`, and `python studio/__main__.py` as a Space starts it."""

import sys
from pathlib import Path

if not __package__:  # run as a file: the project's folder, not this one, is where imports begin
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

if __name__ == "__main__":
    from studio.cli import main

    main()
