"""A graph as SVG: columns by what waits for what, straight lines between them. Pure."""

from collections.abc import Collection, Mapping
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 190, 34, 70, 16, 20
_STYLE = (
    "text{font:13px sans-serif;text-anchor:middle;dominant-baseline:middle;fill:#222}"
    "rect{fill:#f4f4f8;stroke:#667;rx:6}line{stroke:#889;stroke-width:1.2;marker-end:url(#end)}"
)
_ARROW = (
    '<marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0 8 4 0 8z" fill="#889"/></marker>'
)


def svg(labels: Mapping[str, str], waits: Mapping[str, Collection[str]]) -> str:
    """Return a drawing of nodes with these labels, each to the right of all that it waits for."""
    columns = _columns(waits)
    places = {
        node: (_MARGIN + x * (_WIDTH + _GAP_X), _MARGIN + y * (_HEIGHT + _GAP_Y))
        for x, column in enumerate(columns)
        for y, node in enumerate(column)
    }
    width = 2 * _MARGIN + len(columns) * (_WIDTH + _GAP_X) - _GAP_X
    height = 2 * _MARGIN + max(map(len, columns), default=0) * (_HEIGHT + _GAP_Y) - _GAP_Y
    lines = [_line(places[source], places[node]) for node in sorted(waits) for source in sorted(waits[node])]
    boxes = [_box(*places[node], labels[node]) for node in sorted(places)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
    return "\n".join([head, f"<style>{_STYLE}</style><defs>{_ARROW}</defs>", *lines, *boxes, "</svg>", ""])


def _columns(waits: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Return the nodes by the longest way to them."""
    depth: dict[str, int] = {}

    def of(node: str) -> int:
        if node not in depth:
            depth[node] = 1 + max(map(of, waits[node]), default=-1)
        return depth[node]

    for node in waits:
        of(node)
    return [
        sorted(node for node in depth if depth[node] == number) for number in range(max(depth.values(), default=-1) + 1)
    ]


def _line(source: tuple[int, int], target: tuple[int, int]) -> str:
    middle = _HEIGHT // 2
    return f'<line x1="{source[0] + _WIDTH}" y1="{source[1] + middle}" x2="{target[0]}" y2="{target[1] + middle}"/>'


def _box(x: int, y: int, label: str) -> str:
    text = f'<text x="{x + _WIDTH // 2}" y="{y + _HEIGHT // 2}">{escape(label)}</text>'
    return f'<rect x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}"/>{text}'
