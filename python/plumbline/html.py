"""Results as HTML for notebooks: no script, no style sheet, nothing from outside."""

import html
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plumbline.result import Certificate, Result

COLOURS = {"PASSED": "#1a7f37", "FAILED": "#cf222e", "INCONCLUSIVE": "#9a6700", "SKIPPED": "#57606a"}
MOST_ROWS = 40


def _number(value: float) -> str:
    return "-" if value != value else f"{value:.3g}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], marked: str | None = None) -> str:
    def line(row: Sequence[str]) -> str:
        bold = ' style="font-weight:bold"' if row[0] == marked else ""
        return f"<tr{bold}>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>"

    top = "".join(f"<th>{html.escape(head)}</th>" for head in heads)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(map(line, rows))}</tbody></table>"


def of_result(result: "Result") -> str:
    """Verdict, reasons, cause, and the taps around the first that departs."""
    colour = COLOURS.get(result.verdict, "inherit")
    candidate = result.data["candidate"]
    parts = [f'<p><b style="color:{colour}">{html.escape(result.verdict)}</b> '
             f"{html.escape(candidate['name'])} on {html.escape(str(result.data.get('case')))}"
             + ("" if result.ratio is None else f", {result.ratio:.3g} times the floor of "
                f"{html.escape(candidate.get('contract') or candidate['dtype'])}") + "</p>"]
    if result.reasons:
        parts.append(f"<ul>{''.join(f'<li>{html.escape(str(reason))}</li>' for reason in result.reasons)}</ul>")
    if result.cause:
        parts.append(f"<p>cause: {html.escape(result.cause)}</p>")
    taps = result.taps
    first = next((i for i, row in enumerate(taps) if row.tap == result.tap), 0)
    start = max(0, first - MOST_ROWS // 2)
    rows = [(str(row.tap), _number(row.max_abs), _number(row.local_ratio), _number(row.floor_ratio))
            for row in taps[start:start + MOST_ROWS]]
    if rows:
        parts.append(_table(("tap", "max |d|", "own, floors", "with inherited"), rows, result.tap))
    if len(taps) > len(rows):
        parts.append(f"<p>{len(taps) - len(rows)} taps more in .taps</p>")
    return "".join(parts)


def of_certificate(certificate: "Certificate") -> str:
    """How many mistakes would be seen, and the hidden ones."""
    hidden = [row for row in certificate.faults if not row.seen]
    total = len(certificate.faults)
    parts = [f"<p>{html.escape(certificate['contract'])} at {html.escape(certificate['taps'])}: "
             f"{total - len(hidden)} of {total} mistakes would be seen</p>"]
    if hidden:
        parts.append(_table(("hidden", "floors"), [(str(row.says), _number(row.shift)) for row in hidden[:MOST_ROWS]]))
    return "".join(parts)
