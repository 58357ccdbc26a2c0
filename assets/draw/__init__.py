"""The scripts that draw Duet's own pictures: styles, contents and sketches.

`python -m assets.draw` redraws everything, `python -m assets.draw still-life blue-tiles` only what is named.
Everything is made from a seed. Painted pictures need numpy, scipy and Pillow; the path-traced ones also need Mitsuba
(`uv sync --group draw`).
"""
