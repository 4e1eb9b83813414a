"""Tables in Markdown and charts in SVG: what a benchmark's JSON looks like to a person."""

import json
import math
import os
import sys
import typing
from xml.sax.saxutils import escape

# Told apart by people who do not see red from green, on white and on black.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#000000")
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 780, 420, 80, 230, 40, 50


def markdown_table(header, rows, numbers=True):
    """First column left aligned; the others right, where they are numbers."""
    others = "|---:" if numbers else "|---"
    lines = ["| " + " | ".join(header) + " |", "|---" + others * (len(header) - 1) + "|"]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def targets_table(targets):
    return markdown_table(
        ("to reach", "wanted", "got", "reached"),
        [(t["name"], t["wanted"], t["got"], "yes" if t["reached"] else "no") for t in targets])


def target(name, got, wanted, at_most=False):
    """One line of what is to be reached. `got` is a number, or several that must all reach it; None
    where it was not measured."""
    values = got if isinstance(got, list) else [got]
    reached = bool(values) and all(
        value is not None and (value <= wanted if at_most else value >= wanted)
        for value in values)
    got = " / ".join("–" if value is None else f"{value:.3g}" for value in values)
    if all(value is None for value in values):
        got = "not measured"
    return {"name": name, "wanted": ("<= " if at_most else ">= ") + f"{wanted:g}", "got": got,
            "reached": reached}


def significant(value):
    """Three digits that matter, thousands apart: 12.3, 0.0456, 1,230."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, digits):,.{min(digits, 6)}f}"


def _decades(values):
    low, high = min(values), max(values)
    return math.floor(math.log10(low)), max(math.ceil(math.log10(high)),
                                            math.floor(math.log10(low)) + 1)


def _decade_name(power):
    return f"{10 ** power:,}" if power >= 0 else f"{10.0 ** power:g}"


def line_chart(title, x_name, y_name, series):
    """Log-log lines. `series`: name to a list of (x, y), all above zero."""
    points = [point for line in series.values() for point in line]
    x_low, x_high = _decades([x for x, _ in points])
    y_low, y_high = _decades([y for _, y in points])
    plot_width, plot_height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

    def at(x, y):
        return (LEFT + (math.log10(x) - x_low) / (x_high - x_low) * plot_width,
                TOP + (y_high - math.log10(y)) / (y_high - y_low) * plot_height)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img"'
        f' font-family="sans-serif" font-size="12"><title>{escape(title)}</title>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        f'<text x="{LEFT + plot_width / 2}" y="{HEIGHT - 10}" text-anchor="middle">'
        f"{escape(x_name)}</text>",
        f'<text transform="translate(16 {TOP + plot_height / 2}) rotate(-90)"'
        f' text-anchor="middle">{escape(y_name)}</text>',
    ]
    for power in range(x_low, x_high + 1):
        x, _ = at(10.0 ** power, 10.0 ** y_low)
        parts.append(f'<path d="M{x:.1f} {TOP}v{plot_height}" stroke="#ddd"/><text x="{x:.1f}"'
                     f' y="{TOP + plot_height + 18}" text-anchor="middle">'
                     f"{_decade_name(power)}</text>")
    for power in range(y_low, y_high + 1):
        _, y = at(10.0 ** x_low, 10.0 ** power)
        parts.append(f'<path d="M{LEFT} {y:.1f}h{plot_width}" stroke="#ddd"/><text'
                     f' x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">'
                     f"{_decade_name(power)}</text>")
    for i, (name, line) in enumerate(series.items()):
        colour = COLOURS[i % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in sorted(line)))
        dashes = ' stroke-dasharray="6 4"' if i >= len(COLOURS) else ""
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"'
                     f"{dashes}/>")
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
                  for x, y in (at(*point) for point in line)]
        y = TOP + 12 + 20 * i
        parts.append(f'<path d="M{WIDTH - RIGHT + 8} {y - 3}h22" stroke="{colour}"'
                     f' stroke-width="3"{dashes}/><text x="{WIDTH - RIGHT + 36}" y="{y + 2}">'
                     f"{escape(name)}</text>")
    return "\n".join(parts) + "\n</svg>\n"


class Report(typing.NamedTuple):
    """What a benchmark has to say: its JSON, and of a measurement a table and a chart."""

    result: dict
    table: str = ""
    chart: str = ""


def tables(report):
    """What goes into tests/bench/README.md."""
    parts, of = [report.table], report.result["machine"]
    if report.result.get("targets"):
        parts.append(targets_table(report.result["targets"]))
    if report.result.get("rounds"):
        figures = "of all" if report.result.get("pooled") else "medians of"
        parts.append(f"Linux {of['kernel']}, {of['cores']} cores, {of['cpu']}; {figures} "
                     f"{report.result['rounds']} rounds; load average at the end "
                     f"{of['load_average']}; {of['stolen_percent']} % of the time the hypervisor "
                     "gave the cores to others.\n")
    return "\n".join(parts)


def _put(name, text):
    """Whole or not at all; what is no file of its own, as /dev/null, is written to, not replaced."""
    own = not os.path.exists(name) or os.path.isfile(name)
    with open(name + ".new" if own else name, "w", encoding="utf-8") as file:
        file.write(text)
    if own:
        os.replace(name + ".new", name)


def save(report, options):
    """The files that --json, --table and --svg name."""
    if options.json != "-":
        _put(options.json, json.dumps(report.result, indent=1) + "\n")
    if options.table:
        _put(options.table, tables(report))
    if options.svg and report.chart:
        _put(options.svg, report.chart)


def show(report, options):
    """At the end: the tables, and the JSON where no file was named for it."""
    if report.table:
        print(tables(report), file=sys.stderr)
    if options.json == "-":
        print(json.dumps(report.result, indent=1))
