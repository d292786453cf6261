"""Small pictures that need no script: SVG whose colours follow the page, light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np
from numpy.typing import NDArray

from ride_duration.pipelines.monitoring.trend import Trend

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP, _RIGHT = 480, 200, 48, 24, 10, 16

Numbers = NDArray[np.float64]


def draw_days(
    title: str,
    days: NDArray[np.datetime64],
    values: Numbers | Trend,
    limits: tuple[float, ...] = (),
    marked: NDArray[np.bool_] | None = None,
) -> str:
    """Draw a value a day as dots, with a line and, of a trend, a band; limits dashed, marked days as rings.

    Args:
        title: What is shown, with its unit.
        days: The days (n,).
        values: Their values (n,); NaN leaves a gap. Of a trend, dots are the days, the line and the band its weeks.
        limits: Values at which a finding begins.
        marked: Days (n,) that stand out, for instance incidents.
    """
    unknown = np.full(len(days), np.nan)
    trend = values if isinstance(values, Trend) else Trend(values, values, unknown, unknown)
    shown = np.concatenate([*trend, limits])
    shown = shown[~np.isnan(shown)]
    if not len(shown):
        return f"<figure><figcaption>{escape(title)}: nothing is known</figcaption></figure>"
    low, high = float(shown.min()), float(shown.max())
    room = max((high - low) * 0.08, 1e-3)
    low, high = low - room, high + room
    x = _LEFT + (np.arange(len(days)) + 0.5) * (_WIDTH - _LEFT - _RIGHT) / len(days)

    def y_of(value: float) -> float:
        return float(_TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM))

    parts = [
        f"<line class=grid x1={_LEFT} x2={_WIDTH - _RIGHT} y1={y_of(tick):.1f} y2={y_of(tick):.1f} />"
        f"<text class=tick x={_LEFT - 6} y={y_of(tick) + 4:.1f} text-anchor=end>{tick:.3g}</text>"
        for tick in _find_ticks(low, high)
    ]
    parts += [
        f"<text class=tick x={x[number]:.1f} y={_HEIGHT - 6} text-anchor=middle>{str(days[number])[5:]}</text>"
        for number in range(0, len(days), max(1, -(-len(days) // 6)))
    ]
    for piece in _split(trend.low):
        edge = [(x[n], y_of(trend.high[n])) for n in piece] + [(x[n], y_of(trend.low[n])) for n in reversed(piece)]
        parts.append(f"<polygon class=band points='{_points(edge)}' />")
    parts += [
        f"<line class=limit x1={_LEFT} x2={_WIDTH - _RIGHT} y1={y_of(limit):.1f} y2={y_of(limit):.1f} />"
        for limit in limits
    ]
    for piece in _split(trend.of_week):
        line = [(x[number], y_of(trend.of_week[number])) for number in piece]
        parts.append(f"<polyline class=line points='{_points(line)}' />")
    for number in np.flatnonzero(~np.isnan(trend.of_day)).tolist():
        ring = " class=incident r=6" if marked is not None and marked[number] else " class=dot r=2.5"
        hint = f"<title>{days[number]}: {trend.of_day[number]:.3f}</title>"
        parts.append(f"<circle{ring} cx={x[number]:.1f} cy={y_of(trend.of_day[number]):.1f}>{hint}</circle>")
    return _frame(title, parts, _WIDTH, _HEIGHT)


def draw_shares(title: str, edges: Sequence[float], reference: Sequence[float], current: Sequence[float]) -> str:
    """Draw how the values of a feature are spread over the bins of the reference, then and now.

    Args:
        title: The feature.
        edges: Inner edges of the bins (n,).
        reference: Share of the rides in each bin (n + 2,); the last bin is of missing values.
        current: The same of the window.
    """
    width, height, bottom = 340, 170, 40
    names = [f"< {edges[0]:.4g}", *(f"{edge:.4g}" for edge in edges), "missing"] if len(edges) else ["all", "missing"]
    start = 30
    step = (width - start - 5) / len(names)
    tallest = max(*reference, *current, 1e-9)
    parts = []
    for number, (name, then, now) in enumerate(zip(names, reference, current, strict=True)):
        left = start + number * step
        for kind, share, shift in (("then", then, 0.1), ("now", now, 0.5)):
            tall = share / tallest * (height - bottom - 6)
            parts.append(
                f"<rect class={kind} x={left + shift * step:.1f} y={height - bottom - tall:.1f} "
                f"width={0.4 * step:.1f} height={tall:.1f}><title>{name}: {share:.1%} {_WHEN[kind]}</title></rect>"
            )
        x, y = left + step / 2, height - bottom + 10
        parts.append(
            f"<text class=tick x={x:.1f} y={y} text-anchor=end transform='rotate(-40 {x:.1f} {y})'>"
            f"{escape(name)}</text>"
        )
    return _frame(title, parts, width, height)


def draw_hours(title: str, reference: Numbers, current: Numbers) -> str:
    """Draw a mean by hour of the day (24) as a line, over the reference's; NaN leaves a gap.

    Args:
        title: What is shown.
        reference: Its means.
        current: Those of the window.
    """
    shown = np.concatenate([reference, current])
    shown = shown[~np.isnan(shown)]
    if not len(shown):
        return f"<figure><figcaption>{escape(title)}: nothing is known</figcaption></figure>"
    width, height, left, bottom = 340, 170, 40, 24
    low, high = float(shown.min()), float(shown.max())
    room = max((high - low) * 0.08, 1e-3)
    low, high = low - room, high + room
    x = left + (np.arange(len(current)) + 0.5) * (width - left - 8) / len(current)

    def y_of(value: float) -> float:
        return float(8 + (high - value) / (high - low) * (height - 8 - bottom))

    parts = [
        f"<line class=grid x1={left} x2={width - 8} y1={y_of(tick):.1f} y2={y_of(tick):.1f} />"
        f"<text class=tick x={left - 6} y={y_of(tick) + 4:.1f} text-anchor=end>{tick:.3g}</text>"
        for tick in _find_ticks(low, high)
    ]
    parts += [
        f"<text class=tick x={x[hour]:.1f} y={height - 6} text-anchor=middle>{hour} h</text>"
        for hour in range(0, len(current), 6)
    ]
    for kind, values in (("usual", reference), ("line", current)):
        for piece in _split(values):
            line = [(x[hour], y_of(values[hour])) for hour in piece]
            parts.append(f"<polyline class={kind} points='{_points(line)}' />")
    return _frame(title, parts, width, height)


_WHEN = {"then": "of the reference", "now": "of the window"}


def _frame(title: str, parts: list[str], width: int, height: int) -> str:
    label = escape(title, quote=True)
    drawn = f"<svg viewBox='0 0 {width} {height}' role=img aria-label='{label}'>{''.join(parts)}</svg>"
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawn}</figure>"


def _points(points: list[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _find_ticks(low: float, high: float) -> list[float]:
    raw = (high - low) / 4
    magnitude = 10.0 ** np.floor(np.log10(raw))
    step = float(min((1, 2, 5, 10), key=lambda factor: abs(factor * magnitude - raw)) * magnitude)
    return [float(tick) for tick in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


def _split(values: Numbers) -> list[list[int]]:
    """Return the numbers of the known values, split at the gaps; a single one makes no line."""
    known = np.flatnonzero(~np.isnan(values))
    pieces = np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)
    return [piece.tolist() for piece in pieces if len(piece) > 1]
