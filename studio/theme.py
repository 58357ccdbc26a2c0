"""How Gradio itself looks and what the page's head holds. The look of our own panels is in static/duet.css."""

from __future__ import annotations

import gradio as gr

FONTS = ("system-ui", "-apple-system", "Segoe UI", "PingFang SC", "Noto Sans SC", "Noto Sans CJK SC", "Microsoft YaHei")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas")


def theme() -> gr.themes.Base:
    """Neutral greys and the system's fonts; nothing is fetched from anywhere."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.neutral,
        secondary_hue=gr.themes.colors.neutral,
        neutral_hue=gr.themes.colors.neutral,
        font=[*(gr.themes.Font(name) for name in FONTS), gr.themes.Font("sans-serif")],
        font_mono=[*(gr.themes.Font(name) for name in MONO), gr.themes.Font("monospace")],
    )
