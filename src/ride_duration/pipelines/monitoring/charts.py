"""Daily values as small pictures that need no script: SVG whose colours follow the page, light or dark."""

from __future__ import annotations

from html import escape

import numpy as np
from numpy.typing import NDArray

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 720, 220, 52, 24, 10


def draw_days(
    title: str,
    days: NDArray[np.datetime64],
    values: NDArray[np.float64],
    limits: tuple[float, ...] = (),
    marked: NDArray[np.bool_] | None = None,
) -> str:
    """Draw a value a day as a line; limits as dashed lines, marked days as rings.

    Args:
        title: What is shown, with its unit.
        days: The days (n,).
        values: Their values (n,); NaN leaves a gap.
        limits: Values at which a finding begins.
        marked: Days (n,) that stand out, for instance incidents.
    """
    known = np.concatenate([values[~np.isnan(values)], limits])
    if not len(known):
        return f"<figure><figcaption>{escape(title)}: nothing is known</figcaption></figure>"
    low, high = float(known.min()), float(known.max())
    room = max((high - low) * 0.08, 1e-3)
    low, high = low - room, high + room
    x = _LEFT + (np.arange(len(days)) + 0.5) * (_WIDTH - _LEFT - 8) / len(days)

    def y_of(value: float) -> float:
        return float(_TOP + (high - value) / (high - low) * (_HEIGHT - _TOP - _BOTTOM))

    parts = [
        f"<line class=grid x1={_LEFT} x2={_WIDTH - 8} y1={y_of(tick):.1f} y2={y_of(tick):.1f} />"
        f"<text class=tick x={_LEFT - 6} y={y_of(tick) + 4:.1f} text-anchor=end>{tick:.3g}</text>"
        for tick in _find_ticks(low, high)
    ]
    step = max(1, len(days) // 7)
    parts += [
        f"<text class=tick x={x[number]:.1f} y={_HEIGHT - 6} text-anchor=middle>{str(days[number])[5:]}</text>"
        for number in range(0, len(days), step)
    ]
    parts += [
        f"<line class=limit x1={_LEFT} x2={_WIDTH - 8} y1={y_of(limit):.1f} y2={y_of(limit):.1f} />" for limit in limits
    ]
    points = [None if np.isnan(value) else (x[number], y_of(value)) for number, value in enumerate(values.tolist())]
    for piece in _split(points):
        parts.append(f"<polyline class=line points='{' '.join(f'{a:.1f},{b:.1f}' for a, b in piece)}' />")
    for number, point in enumerate(points):
        if point:
            ring = " class=incident r=6" if marked is not None and marked[number] else " class=dot r=2.5"
            hint = f"<title>{days[number]}: {values[number]:.3f}</title>"
            parts.append(f"<circle{ring} cx={point[0]:.1f} cy={point[1]:.1f}>{hint}</circle>")
    return _frame(title, parts)


def _frame(title: str, parts: list[str]) -> str:
    label = escape(title, quote=True)
    drawn = f"<svg viewBox='0 0 {_WIDTH} {_HEIGHT}' role=img aria-label='{label}'>{''.join(parts)}</svg>"
    return f"<figure><figcaption>{escape(title)}</figcaption>{drawn}</figure>"


def _find_ticks(low: float, high: float) -> list[float]:
    raw = (high - low) / 4
    magnitude = 10.0 ** np.floor(np.log10(raw))
    step = float(min((1, 2, 5, 10), key=lambda factor: abs(factor * magnitude - raw)) * magnitude)
    return [float(tick) for tick in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]


def _split(points: list[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """Split at the gaps."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for point in points:
        if point is None:
            pieces.append([])
        else:
            pieces[-1].append(point)
    return [piece for piece in pieces if len(piece) > 1]
