"""The table of what was measured on screen."""

from __future__ import annotations

import statistics

from .screen_case import Drawing, Found, Row, ScreenCase, shown

HEADING = """\
On screen: a JupyterLab with a live kernel in headless Chromium, drawn in software, reduced motion on. A time ends at
the second animation frame after the drawing, when the first has been laid out and painted. Medians (range)."""
WIDTH = 66


def print_screen(case: ScreenCase, found: Found) -> None:
    """One block of the table."""
    load = " to ".join(f"{average:.1f}" for average in found.load)
    print(f"\n{case.title} [{case.name}], load average {load}")
    for row in found.rows:
        print(f"  {row.what:<{WIDTH}}{spread(row):<36}{beside(row)}".rstrip())
    print_drawings(found.drawings)
    failed = [f"FAILED: {found.failed}"] if found.failed else []
    for line in (*found.left_out, *failed, *found.notes):
        print(f"  {line}")
    for limit in found.limits:
        print(f"  {'holds ' if limit['holds'] else 'MISSES'} {limit['text']}")


def spread(row: Row) -> str:
    """Median, and range where there is one; rows have at least one value."""
    low, high = min(row.values), max(row.values)
    middle = shown(statistics.median(row.values), row.unit)
    return (
        middle
        if low == high
        else f"{middle:>11} ({shown(low, row.unit)[: -len(row.unit) - 1]}-{shown(high, row.unit)})"
    )


def beside(row: Row) -> str:
    """What it was measured against, and the ratio of the medians' rounds."""
    if not row.against:
        return ""
    ratio = statistics.median(a / b for a, b in zip(row.values, row.against, strict=True))
    return f"{ratio:6.2f} x {row.named} ({shown(statistics.median(row.against), row.unit)})"


def print_drawings(drawings: list[Drawing]) -> None:
    """A table of who drew what, by length; times over those of ours at the same length."""
    if not drawings:
        return
    print(f"  {'tokens':>6}  {'':<38}{'size':>9}{'Python':>10}{'painted':>10}{'elements':>10}   of ours: size, painted")
    for drawing in drawings:
        ours = next(other for other in drawings if other.tokens == drawing.tokens)
        cells = f"{shown(drawing.size_mb, 'MB'):>9}{shown(statistics.median(drawing.python_s), 's'):>10}"
        if drawing.drawn_s:
            painted = statistics.median(drawing.drawn_s)
            cells += f"{shown(painted, 's'):>10}{drawing.nodes or 0:>10,}"
        else:
            cells += f"  {drawing.not_drawn}"
        if drawing is not ours:
            cells += f"   {drawing.size_mb / ours.size_mb:,.1f} x"
        if drawing is not ours and drawing.drawn_s and ours.drawn_s:
            cells += f", {painted / statistics.median(ours.drawn_s):,.1f} x"
        print(f"  {drawing.tokens:>6}  {drawing.who:<38}{cells}")
