"""One look for all figures: journal width, colours that a colour-blind reader and a grey print tell apart."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle
from typing import Any

from matplotlib import style as mpl_style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import XAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from lumirage_bids.stats.classes import FLOOR, Arm
from lumirage_bids.stats.groups import FEWEST_SUBJECTS

#: Width of a figure over two columns of a journal, inches (180 mm).
WIDTH = 180 / 25.4
INK = "#1a1a1a"
FAINT = "#8a8a8a"
#: Of a difference: the first-named arm is higher, the second-named one is.
ABOVE, BELOW = "#1f6fa8", "#cf8500"
# Width of an average character of titles and of what stands below them, inches.
_BOLD_CHARACTER, _CHARACTER = 0.084, 0.056
_LEGEND_ROW = 0.17  # inches

# Okabe & Ito 2008, https://jfly.uni-koeln.de/color/, ordered so that neighbours differ in lightness too; an indigo in
# place of their yellow, which is not seen on white.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#332288")
# One more than colours, so that arms whose colour recurs have another marker.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# The floor is grey in every variant.
_FLOOR_COLOURS = ("#9a9a9a",)
_FLOOR_MARKERS = ("|", "x", "+", "1")

_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    # Text stays text in SVG: searchable, editable. DejaVu Sans is the widest of these, so none overflows.
    "font.sans-serif": ["DejaVu Sans", "Arial", "Helvetica"],
    "svg.fonttype": "none",
    "svg.hashsalt": "lumirage",
    # Names come from users: a dollar sign in one is not mathematics.
    "text.parse_math": False,
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titleweight": "bold",
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "figure.dpi": 100,
}


@contextmanager
def journal_style() -> Iterator[None]:
    """Set what every figure is made, drawn and saved under; the reader's own settings are put back afterwards."""
    # From the defaults, not from the user's matplotlibrc: the same table gives the same picture everywhere.
    with mpl_style.context(_RC, after_reset=True):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure (inches) that lays itself out and can be drawn without a display."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def headline(figure: Figure, title: str, definition: str) -> None:
    """Say above a figure what it shows (bold), and below that over what and how it is defined."""
    bold = textwrap.wrap(title, int(figure.get_figwidth() / _BOLD_CHARACTER))
    plain = textwrap.wrap(definition, int(figure.get_figwidth() / _CHARACTER))
    # Blank lines make the room that the definition is laid over: a text has one weight only.
    shown = figure.suptitle("\n".join([*bold, *" " * len(plain)]), fontsize=8.5, fontweight="bold", linespacing=1.25)
    under: dict[str, Any] = {
        "ha": "center",
        "va": "bottom",
        "fontsize": 7,
        "linespacing": 1.5,
        "annotation_clip": False,
    }
    note = Annotation("\n".join(plain), (0.5, 0), xycoords=shown, **under)
    note.set_in_layout(False)
    figure.add_artist(note)


def legend_below(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """Put a legend under all panels, in as many columns as fit; the figure grows by its further rows."""
    widest = max((len(label) for label in labels), default=1) * _CHARACTER + 0.5
    columns = max(1, min(len(labels), int(figure.get_figwidth() / widest)))
    figure.set_figheight(figure.get_figheight() + _LEGEND_ROW * (-(-len(labels) // columns) - 1))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def log_axis(axis: XAxis) -> None:
    """Make an axis logarithmic, with plain numbers at 1, 2 and 5 (at powers of ten where that is many)."""
    axis.axes.set_xscale("log")
    low, high = axis.get_view_interval()
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 300 else (1,)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


def tell_pairs(n: Iterable[int]) -> str:
    """Say over how many pairs a figure's numbers are.

    Examples
    --------
    >>> tell_pairs([30, 30]), tell_pairs([28, 30])
    ('n = 30 pairs', 'n = 28 to 30 pairs')
    """
    few, many = min(found := list(n)), max(found)
    return f"n = {few} pairs" if few == many else f"n = {few} to {many} pairs"


def interval_words(known: bool) -> str:
    """Say what the bars are, or why there are none."""
    if known:
        return "Bars: 95 % intervals over subjects."
    return f"No intervals: fewer than {FEWEST_SUBJECTS} subjects."


def better_words(higher: bool) -> str:
    """Say on an upright axis which end is the better one.

    Examples
    --------
    >>> better_words(False)
    '← lower is better'
    """
    return "higher is better →" if higher else "← lower is better"


def arm_colours(arms: Sequence[Arm]) -> dict[Arm, str]:
    """Colour of each arm: grey for the floor, one of its own for each other arm.

    Examples
    --------
    >>> arm_colours([Arm("default", "identity"), Arm("default", "syn")])[Arm("default", "identity")]
    '#9a9a9a'
    """
    return _by_method(arms, _COLOURS, _FLOOR_COLOURS)


def arm_markers(arms: Sequence[Arm]) -> dict[Arm, str]:
    """Marker of each arm, so that colour is never the only difference."""
    return _by_method(arms, _MARKERS, _FLOOR_MARKERS)


def _by_method(arms: Sequence[Arm], values: Sequence[str], floor: Sequence[str]) -> dict[Arm, str]:
    chosen, cycles = {}, {False: cycle(values), True: cycle(floor)}
    for arm in arms:
        chosen[arm] = next(cycles[arm.method == FLOOR])
    return chosen


def mark(figure: Figure, text: str) -> None:
    """Put a warning, in red, on a strip of its own along the right edge of a finished figure."""
    strip = 0.16 / figure.get_figwidth()  # inches
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        engine.set(rect=(0, 0, 1 - strip, 1))
    style: dict[str, Any] = {"color": "#b00020", "fontsize": 6, "fontweight": "bold", "rotation": "vertical"}
    with journal_style():
        figure.text(1 - strip / 4, 0.5, text, ha="right", va="center", **style)


def empty_axes(axes: Axes, message: str) -> None:
    """Say in words why there is nothing to draw."""
    axes.set_axis_off()
    text = axes.text(0.5, 0.5, message, ha="center", va="center", transform=axes.transAxes, color=FAINT)
    text.set_in_layout(False)
