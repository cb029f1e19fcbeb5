"""The figures of the load as a picture: each as a share of its bound."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

__all__ = ["picture"]

_ROW = 34
_BAR_X, _BAR = 400, 300


def picture(figures: Sequence[Any]) -> str:
    """Return an SVG; figures without a bound, or whose bound is zero, have no bar."""
    bounded = [figure for figure in figures if figure.bound is not None]
    rows = "".join([_row(figure, 16 + place * _ROW) for place, figure in enumerate(bounded)])
    height = 24 + len(bounded) * _ROW
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{height}" viewBox="0 0 860 {height}" role="img" '
        'aria-label="Figures of the server under load, each as a share of its bound" '
        'font-family="system-ui, sans-serif" font-size="13">'
        f'<rect width="860" height="{height}" fill="#ffffff"/>'
        f'<line x1="{_BAR_X + _BAR}" x2="{_BAR_X + _BAR}" y1="8" y2="{height - 8}" stroke="#9aa4b2"/>'
        f"{rows}</svg>\n"
    )


def _row(figure: Any, y: int) -> str:
    share = min(figure.value / figure.bound, 1.15) if figure.bound else (1.15 if figure.value else 0.0)
    color = "#1f8a5b" if figure.is_good else "#c2410c"
    value = f"{figure.value:.3g} {figure.unit}".strip()
    return (
        f'<text x="12" y="{y + 14}" fill="#1f2937">{escape(figure.name)}</text>'
        f'<rect x="{_BAR_X}" y="{y}" width="{max(share * _BAR, 2):.1f}" height="20" rx="3" fill="{color}"/>'
        f'<text x="{_BAR_X + _BAR + 52}" y="{y + 14}" fill="#1f2937">{escape(value)}'
        f'<tspan fill="#6b7280"> of {figure.bound:g}</tspan></text>'
    )
