"""One look for all figures: journal width, colours that a colour-blind reader and a grey print tell apart."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import cycle
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib import style as mpl_style
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import XAxis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Annotation
from matplotlib.ticker import FixedLocator, LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from lumirage_bids.stats.classes import FLOOR, Arm
from lumirage_bids.stats.groups import FEWEST_SUBJECTS

if TYPE_CHECKING:
    from matplotlib.layout_engine import LayoutEngine
    from matplotlib.lines import Line2D

#: Width of a figure over two columns of a journal, inches (180 mm).
WIDTH = 180 / 25.4
#: Width of a figure in a column of a page, inches: that of a phone's screen.
COLUMN = 3.3
#: Room that a panel takes, inches.
PANEL = 2.4
INK = "#1a1a1a"
FAINT = "#8a8a8a"
RULE = "#c8c8c8"
GRID = "#dddddd"
#: Grounds of what is of no consequence, or cannot be otherwise.
BAND = "#e6e6e6"
#: Of a difference: the first-named arm is higher, the second-named one is.
ABOVE, BELOW = "#1f6fa8", "#cf8500"
#: Text on a coloured ground, which no page's theme changes.
ON_DARK, ON_LIGHT = "#fefefe", "#222222"
# Width of an average character of titles and of what stands below them, inches.
_BOLD_CHARACTER, _CHARACTER = 0.084, 0.056
_LEGEND_ROW = 0.17  # inches
_HEADLINE_ROW = 8.5 * 1.25 / 72  # inches

# Okabe & Ito 2008, https://jfly.uni-koeln.de/color/, ordered so that neighbours differ in lightness too; an indigo in
# place of their yellow, which is not seen on white.
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#332288")
# One more than colours, so that arms whose colour recurs have another marker.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
# The floor is grey in every variant.
_FLOOR_COLOURS = ("#9a9a9a",)
_FLOOR_MARKERS = ("|", "x", "+", "1")
#: Colours that a page has its own of, by day and by night → their names in its style sheet.
THEME: Mapping[str, str] = MappingProxyType(
    {
        **{INK: "--ink", FAINT: "--soft", RULE: "--rule", GRID: "--grid", BAND: "--band", "#ffffff": "--paper"},
        **{ABOVE: "--above", BELOW: "--below", _FLOOR_COLOURS[0]: "--floor"},
        **{colour.lower(): f"--series-{number}" for number, colour in enumerate(_COLOURS, start=1)},
    }
)

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
    "grid.color": GRID,
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


class Point(NamedTuple):
    """A mark that stands for a pair: its scans, and the value that it is drawn at, in words."""

    moving: str
    fixed: str
    told: str


class Sheet(Figure):
    """A figure that lays itself out, can do without its headline, and knows which pairs its marks are.

    Attributes
    ----------
    title, definition : str
        What `headline` says above it.
    above : list of Artist
        The headline, while it is there.
    points : dict of str to list of Point
        Id of a group of marks → its pairs, as they are drawn.
    """

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(self)
        self.title = self.definition = ""
        self.points: dict[str, list[Point]] = {}
        self.above: list[Artist] = []
        self._engine: LayoutEngine | None = self.get_layout_engine()

    def name_points(self, line: Line2D, points: Iterable[Point]) -> None:
        """Say which pairs the marks of a line are, in their order."""
        name = f"points-{len(self.points) + 1}"
        line.set_gid(name)
        self.points[name] = list(points)

    def lay_out(self) -> FigureCanvasAgg:
        """Lay it out for good: `savefig` would do so again for each file."""
        if self._engine is not None and self.get_layout_engine() is self._engine:
            with journal_style():
                self._engine.execute(self)
            self.set_layout_engine("none")
        return FigureCanvasAgg(self)

    def drop_headline(self) -> None:
        """Take the headline off, and the room that it took."""
        for artist in self.above:
            artist.set_visible(False)
            artist.set_in_layout(False)
        if self.above:
            lines = len(_wrap(self, self.title, _BOLD_CHARACTER)) + len(_wrap(self, self.definition, _CHARACTER))
            self.set_figheight(self.get_figheight() - _HEADLINE_ROW * lines)
            self.set_layout_engine(self._engine)
        self.above = []


def two_panels(width: float) -> tuple[Sheet, tuple[Axes, Axes]]:
    """Make a figure of two panels: side by side where there is room, else one on top of the other."""
    beside = width >= 2 * PANEL
    figure = Sheet(width, 3.3 if beside else 5.0)
    left, right = figure.subplots(*((1, 2) if beside else (2, 1)))
    return figure, (left, right)


def new_figure(width: float, height: float) -> Sheet:
    """Make an empty figure (inches) that lays itself out and can be drawn without a display."""
    return Sheet(width, height)


def headline(figure: Sheet, title: str, definition: str) -> None:
    """Say above a figure what it shows (bold), and below that over what and how it is defined."""
    bold, plain = _wrap(figure, title, _BOLD_CHARACTER), _wrap(figure, definition, _CHARACTER)
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
    figure.title, figure.definition, figure.above = title, definition, [shown, note]


def _wrap(figure: Figure, text: str, character: float) -> list[str]:
    return textwrap.wrap(text, int(figure.get_figwidth() / character))


def fill(text: str, room: float) -> str:
    """Break a text into lines of at most so many inches."""
    return textwrap.fill(text, int(room / _CHARACTER))


def legend_below(figure: Figure, handles: Sequence[Artist], labels: Sequence[str]) -> None:
    """Put a legend under all panels, in as many columns as fit; the figure grows by its further rows."""
    widest = max((len(label) for label in labels), default=1) * _CHARACTER + 0.5
    columns = max(1, min(len(labels), int(figure.get_figwidth() / widest)))
    figure.set_figheight(figure.get_figheight() + _LEGEND_ROW * (-(-len(labels) // columns) - 1))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def log_axis(axis: XAxis) -> None:
    """Make an axis logarithmic, over a factor of three at least: plain numbers, three at least, and ticks between."""
    axis.axes.set_xscale("log")
    low, high = axis.get_view_interval()
    reach = max(1.0, np.sqrt(_LEAST_FACTOR / (high / low)))
    axis.axes.set_xlim(low / reach, high * reach)
    axis.set_major_locator(FixedLocator(_log_ticks(low / reach, high * reach)))
    axis.set_minor_locator(LogLocator(subs="all", numticks=100))
    axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(StrMethodFormatter("{x:g}"))


_LEAST_FACTOR = 3.0


def _log_ticks(low: float, high: float) -> list[float]:
    """Round numbers between two ends: the fewest steps of a decade that make three at least, and else even ones.

    Examples
    --------
    >>> _log_ticks(1, 1000), _log_ticks(15, 60), _log_ticks(2.1, 2.9)
    ([1.0, 10.0, 100.0, 1000.0], [20.0, 30.0, 50.0], [2.2, 2.4, 2.6, 2.8])
    """
    decades = 10.0 ** np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    for steps in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7)):
        ticks = np.sort(np.outer(decades, steps).ravel())
        inside = ticks[(ticks >= low) & (ticks <= high)]
        if len(inside) >= 3:
            return [float(f"{tick:g}") for tick in inside]
    even = MaxNLocator(4).tick_values(low, high)
    return [float(f"{tick:g}") for tick in even if low <= tick <= high]


def wrap_name(name: str, most: int = 16) -> str:
    r"""Break the name of an arm, or of a difference, into lines where it is long.

    Examples
    --------
    >>> wrap_name("syn (1mm)"), wrap_name("a_long_method (of a variant)"), wrap_name("dipy_syn − ants_syn_quick")
    ('syn (1mm)', 'a_long_method\n(of a variant)', 'dipy_syn −\nants_syn_quick')
    >>> wrap_name("syn − greedy (0.6mm)")
    'syn − greedy\n(0.6mm)'
    """
    lines: list[str] = []
    for part in re.split(r"(?<= −) | (?=\()", name):
        if lines and len(lines[-1]) + 1 + len(part) <= most:
            lines[-1] += f" {part}"
            continue
        lines.append("")
        for piece in re.findall(r"[^_\- ]+[_\- ]?|[_\- ]", part):
            if lines[-1] and len(lines[-1] + piece) > most:
                lines.append("")
            lines[-1] += piece
    return "\n".join(line[i : i + 2 * most] for line in lines for i in range(0, len(line), 2 * most))


def longest_line(labels: Iterable[str]) -> float:
    """Room that labels take, inches: the longest of their lines."""
    return max((len(line) for label in labels for line in label.split("\n")), default=0) * _CHARACTER


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


def competing(arms: Sequence[Arm]) -> list[Arm]:
    """Arms that a figure is about: all but the floor, unless there is nothing else."""
    return [arm for arm in arms if arm.method != FLOOR] or list(arms)


def arm_colours(arms: Sequence[Arm]) -> dict[Arm, str]:
    """Colour of each arm: grey for the floor, one of its own for each other arm.

    Examples
    --------
    >>> arm_colours([Arm("default", "identity"), Arm("default", "syn")])[Arm("default", "identity")]
    '#9a9a9a'
    """
    return _by_method(arms, _COLOURS, _FLOOR_COLOURS)


def series_colours(n: int) -> list[str]:
    """Colours for things that are no arms."""
    return [_COLOURS[i % len(_COLOURS)] for i in range(n)]


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
