"""Draws growth plots, as SVG, and prints their tables, as Markdown, from plumb_bench's JSON.

    plumb_bench --threads 1 --cache DIR --benchmark_filter=growth/ \\
                --benchmark_out=growth.json --benchmark_out_format=json
    python3 bench/plot.py growth.json docs/performance
"""

import argparse
import json
import math
from pathlib import Path

WIDTH, HEIGHT, MARGIN = 420, 280, 72
COLOURS = {"measured": "#1f5fa8", "model": "#999999"}


def series(report):
    """{axis: [(x, measured ms, model ms, share of the roof)]} of all growth benchmarks."""
    axes = {}
    for run in report["benchmarks"]:
        if run.get("run_type") == "aggregate" or not run["name"].startswith("growth/"):
            continue
        _, axis, x = run["name"].split("/")[:3]
        axes.setdefault(axis, []).append((int(x), run["busy_ms"], run["roof_ms"], run["of_peak"]))
    return axes


def scale(values, start, end):
    """A logarithmic scale from the values' range to [start, end]."""
    low, high = math.log(min(values)), math.log(max(values))
    return lambda v: start + (math.log(v) - low) / (high - low) * (end - start)


def text(x, y, words, anchor="middle"):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{words}</text>'


def line(points, colour):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'


def plot(axis, rows):
    xs = [row[0] for row in rows]
    times = [time for row in rows for time in row[1:3]]
    to_x = scale(xs, MARGIN, WIDTH - 24)
    to_y = scale(times, HEIGHT - MARGIN, 24)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
        ' font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    parts += [text(to_x(x), HEIGHT - MARGIN + 18, x) for x in xs]
    parts.append(text(WIDTH / 2, HEIGHT - 14, axis))
    power = 10 ** math.floor(math.log10(min(times)))
    while power <= max(times):
        if power >= min(times):
            parts.append(text(MARGIN - 8, to_y(power) + 4, f"{power:g} ms", "end"))
        power *= 10
    for column, (name, colour) in enumerate(COLOURS.items(), start=1):
        parts.append(line([(to_x(row[0]), to_y(row[column])) for row in rows], colour))
        parts.append(f'<text x="{MARGIN + 8}" y="{16 + 14 * column}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("json", type=Path)
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    report = json.loads(options.json.read_text())
    context = report["context"]
    told = ("simd", "blas", "threads", "sgemm_gflops", "dgemm_gflops", "read_gbytes")
    print(", ".join(f"{key} {context[key]}" for key in told))
    options.folder.mkdir(parents=True, exist_ok=True)
    for axis, rows in series(report).items():
        (options.folder / f"{axis}.svg").write_text(plot(axis, rows))
        print(f"\n| {axis} | ms | model ms | model : measured |\n|---|---|---|---|")
        for x, measured, model, share in rows:
            print(f"| {x} | {measured:.1f} | {model:.1f} | {share:.2f} |")


if __name__ == "__main__":
    main()
