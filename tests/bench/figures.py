"""The plots of the report as SVG, without a library; the same data give the same bytes.

The embedded style sheet follows the reader's light or dark colour scheme.
"""

import html
import math

import analysis

FONT = "font: 12px system-ui, sans-serif"
# Seven hues that are distinct on both backgrounds: light, dark.
HUES = [("#0b62c4", "#6cb2ff"), ("#c2410c", "#ff9d66"), ("#15803d", "#5fd38a"),
        ("#7e3fb8", "#c79bff"), ("#a8155b", "#ff86b7"), ("#8a6100", "#e8c14a"),
        ("#0f766e", "#55d0c5")]


def _style():
    light = "".join(f".h{i}{{--c:{hue[0]}}}" for i, hue in enumerate(HUES))
    dark = "".join(f".h{i}{{--c:{hue[1]}}}" for i, hue in enumerate(HUES))
    return ("<style>"
            "svg{--ground:#fff;--ink:#1f2328;--soft:#59636e;--rule:#d8dee4;--bar:#9aa7b5}"
            f"{light}@media(prefers-color-scheme:dark){{"
            "svg{--ground:#0d1117;--ink:#e6edf3;--soft:#9198a1;--rule:#2f3742;--bar:#5b6672}"
            f"{dark}}}"
            f"text{{{FONT};fill:var(--ink)}}.soft{{fill:var(--soft)}}.b{{font-weight:600}}"
            ".ground{fill:var(--ground)}.rule{stroke:var(--rule);stroke-width:1}"
            ".open{fill:none}"
            ".line{stroke:var(--c);stroke-width:2;fill:none;stroke-linejoin:round}"
            ".dash{stroke-dasharray:6 4}.dot{fill:var(--c)}.bar{fill:var(--bar)}"
            ".own{fill:var(--c)}.name{fill:var(--c)}</style>")


class _Drawing:
    def __init__(self, width, height, label):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="img" aria-label="{html.escape(label)}">',
            _style(), f'<rect class="ground" width="{width}" height="{height}"/>']

    def text(self, x, y, text, classes="", anchor="start"):
        css = f' class="{classes}"' if classes else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}>'
                          f'{html.escape(text)}</text>')

    def line(self, x1, y1, x2, y2, classes="rule"):
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'class="{classes}"/>')

    def bar(self, x, y, width, height, classes):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                          f'height="{height:.1f}" class="{classes}"/>')

    def path(self, points, classes):
        steps = " ".join(f"{'M' if i == 0 else 'L'}{x:.1f} {y:.1f}"
                         for i, (x, y) in enumerate(points))
        self.parts.append(f'<path d="{steps}" class="{classes}"/>')

    def dot(self, x, y, classes):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" class="dot {classes}"/>')

    def finish(self):
        return "\n".join(self.parts + ["</svg>"]) + "\n"


def bars(columns, rows, values, clip=3.0):
    """A table of bars: `values[row][column]` is a ratio or None; 1 is marked in each column.

    `columns`: (key, heading); `rows`: (key, title, ours).
    """
    left, column, row, top = 178, 112, 22, 52
    width, height = left + column * len(columns) + 8, top + row * len(rows) + 34
    drawing = _Drawing(width, height, "CPU per message of every server, relative to bare epoll")
    unit = (column - 46) / clip
    for index, (_, heading) in enumerate(columns):
        x = left + index * column
        drawing.text(x, top - 12, heading, "b")
        drawing.line(x + unit, top - 4, x + unit, top + row * len(rows))
    for number, (key, title, ours) in enumerate(rows):
        y = top + number * row
        drawing.text(left - 10, y + 15, title, "b name h0" if ours else "", "end")
        for index, (load, _) in enumerate(columns):
            x = left + index * column
            value = values[key].get(load)
            if value is None:
                drawing.text(x + 2, y + 15, "–", "soft")
                continue
            long = min(value, clip) * unit
            drawing.bar(x, y + 4, long, row - 8, "own h0" if ours else "bar")
            drawing.text(x + long + 4, y + 15, f"{value:.2f}" if value < 10 else f"{value:,.0f}",
                         "" if ours else "soft")
    drawing.text(left, height - 12, f"CPU per message, bare epoll = 1 (the line); bars end at "
                 f"{clip:g}; less is better", "soft")
    drawing.text(8, 20, "CPU per message by load", "b")
    return drawing.finish()


def _decades(low, high):
    return [10 ** power for power in range(math.floor(math.log10(low)),
                                           math.ceil(math.log10(high)) + 1)]


def _spread_labels(places, gap, low, high):
    """Moves labels apart, down first and then up, keeping their order."""
    order = sorted(range(len(places)), key=lambda index: places[index])
    placed = list(places)
    for before, after in zip(order, order[1:]):
        placed[after] = max(placed[after], placed[before] + gap)
    if order and placed[order[-1]] > high:
        placed[order[-1]] = high
        for after, before in zip(reversed(order), list(reversed(order))[1:]):
            placed[before] = min(placed[before], placed[after] - gap)
    return [max(place, low) for place in placed]


def curves(heading, x_label, y_label, series, x_text):
    """Lines on two logarithmic axes. `series`: (title, hue number, dashed, [(x, y)])."""
    left, right, top, bottom, width, height = 78, 190, 44, 50, 874, 420
    everything = [point for _, _, _, points in series for point in points]
    xs = sorted({x for x, _ in everything})
    x_low, x_high = math.log10(xs[0]), math.log10(max(xs[-1], xs[0] * 10))
    decades = _decades(min(y for _, y in everything), max(y for _, y in everything))
    y_low, y_high = math.log10(decades[0]), math.log10(decades[-1])

    def place(x, y):
        return (left + (math.log10(x) - x_low) / (x_high - x_low) * (width - left - right),
                height - bottom - (math.log10(y) - y_low) / (y_high - y_low) *
                (height - top - bottom))

    drawing = _Drawing(width, height, heading)
    drawing.text(8, 20, heading, "b")
    drawing.text(left, top - 8, y_label, "soft")
    drawing.text((left + width - right) / 2, height - 10, x_label, "soft", "middle")
    for decade in decades:
        y = place(xs[0], decade)[1]
        drawing.line(left, y, width - right, y)
        drawing.text(left - 8, y + 4, f"{decade:,}", "soft", "end")
    room = width
    for x in reversed(xs):
        at = place(x, decades[0])[0]
        if at <= room:  # else its text would run into that of the one to the right
            drawing.text(at, height - bottom + 18, x_text(x), "soft", "middle")
            room = at - 46
    ends = []
    for title, hue, dashed, points in series:
        placed = [place(x, y) for x, y in points]
        drawing.path(placed, f"line h{hue % len(HUES)}{' dash' if dashed else ''}")
        for x, y in placed:
            drawing.dot(x, y, f"h{hue % len(HUES)}")
        ends.append((title, hue, *placed[-1]))
    edge = width - right
    # A line that ends early is labelled there, the others beside the plot, without overlap.
    early = [end for end in ends if end[2] < edge - 1]
    late = [end for end in ends if end[2] >= edge - 1]
    above = _spread_labels([y - 26 for _, _, _, y in early], 15, top, height - bottom)
    for (title, hue, x, _), label in zip(early, above):
        drawing.text(x, label, title, f"name h{hue % len(HUES)}", "middle")
    labels = _spread_labels([y for _, _, _, y in late], 15, top, height - bottom)
    for (title, hue, x, y), label in zip(late, labels):
        drawing.path([(x + 4, y), (x + 14, label)], "rule open")
        drawing.text(x + 18, label + 4, title, f"name h{hue % len(HUES)}")
    return drawing.finish()


def mechanism_series(points):
    """A hue per mechanism; lines of echogw are solid, those of bare loops dashed."""
    hues = {"epoll": 0, "epoll-level": 5, "io_uring": 2, "poll": 1, "select": 3, "threads": 4}
    series = []
    for server, of_server in points.items():
        mechanism = server.removeprefix("echogw-") if server != "echogw" else "epoll"
        series.append((analysis.title_of(server), hues.get(mechanism, 6),
                       not analysis.is_gateway(server), of_server))
    return series


def server_series(points):
    return [(analysis.title_of(server), index, not analysis.is_gateway(server), of_server)
            for index, (server, of_server) in enumerate(points.items())]
