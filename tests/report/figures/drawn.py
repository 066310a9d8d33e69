"""What is drawn in a figure, read back."""

from __future__ import annotations

import matplotlib as mpl
from matplotlib.figure import Figure

from lumirage_bids.report.figures.style import journal_style

LONG = {"identity": 0.0, "a_method_with_a_name_as_long_as_names_of_methods_get": 0.2, "syn": 0.1}


def words(figure: Figure) -> str:
    """All texts, laid out; nothing lies beyond the figure's sides."""
    with journal_style():
        figure.canvas.draw()
    boxes = [axes.get_tightbbox() for axes in figure.axes if axes.axison]
    boxes += [part.get_window_extent() for part in (*figure.legends, *figure.texts, *figure.artists)]
    assert min(box.x0 for box in boxes) >= -1
    assert max(box.x1 for box in boxes) <= figure.bbox.x1 + 1
    texts = [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_visible()]
    return "|".join(" ".join(text.split()) for text in texts)


def texts(figure: Figure) -> list[str]:
    with journal_style():
        figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(mpl.text.Text) if text.get_text()]


def cells(figure: Figure) -> list[tuple[float, ...]]:
    """Colours of the cells of a matrix of effects."""
    return [patch.get_facecolor() for patch in figure.axes[0].patches]
