"""What was measured, as a table, as a file for programs, and as a picture."""

import json
import os
import platform
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

from .contest import Round
from .measured import Measured, Verdict

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "bench-results.json"
PUBLISHED: Final = ROOT / "docs" / "bench"
COLOURS: Final = {"program": "#2f6f4f", "bare": "#9aa5b1", "framework": "#9aa5b1", "blocking": "#c2703d"}


def table(measured: Measured) -> str:
    return "\n".join([*_rounds_table(measured.rounds), "", *verdict_table(measured.verdicts), ""])


def verdict_table(verdicts: Sequence[Verdict]) -> Iterator[str]:
    yield "| goal | store | measured | wanted | | holds |"
    yield "| --- | --- | --- | --- | ---: | --- |"
    for each in sorted(verdicts, key=lambda v: (v.goal, v.store)):
        holds = "" if not each.wanted else "yes" if each.holds else "**no**"
        yield f"| {each.goal} | {each.store} | {each.what} | {each.wanted} | {each.measured:.3g} | {holds} |"


def _rounds_table(rounds: Sequence[Round]) -> Iterator[str]:
    yield "| scenario | store | load | contestant | per second | p50 ms | p99 ms | CPU ms | throughput | CPU |"
    yield "| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |"
    for each in rounds:
        anchor = list(each.stretches)[-1]
        for name in each.stretches:
            yield _row(each, name, anchor)


def _row(each: Round, name: str, anchor: str) -> str:
    compared = ["", ""]
    if name != anchor:
        compared = [f"{each.ratio(name, anchor, lambda s: s.per_second):.2f}"]
        compared += [f"{each.ratio(name, anchor, lambda s: s.cpu_ms):.2f}"]
    cells = [
        *(each.scenario, each.store, each.load, name),
        f"{each.median(name, lambda s: s.per_second):.0f}",
        f"{each.median(name, lambda s: s.p50_ms):.2f}",
        f"{each.median(name, lambda s: s.p99_ms):.2f}",
        f"{each.median(name, lambda s: s.cpu_ms):.3f}",
        *compared,
    ]
    return "| " + " | ".join(cells) + " |"


def save_ratio(name: str, store: str, ratio: float) -> None:
    """Of a command of its own, beside what the others found."""
    results = read_results()
    results.setdefault("ratios", {}).setdefault(name, {})[store] = round(ratio, 4)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def save(measured: Measured) -> None:
    """For programs; what other commands put there before stays."""
    results = read_results()
    ratios = results.setdefault("ratios", {})
    for each in measured.verdicts:
        if each.ratio is not None:
            ratios.setdefault(each.ratio, {})[each.store] = round(each.measured, 4)
    results["measured_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    results["rounds"] = [
        {"scenario": each.scenario, "store": each.store, "load": each.load, "contestant": name, **_medians(each, name)}
        for each in measured.rounds
        for name in each.stretches
    ]
    RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def read_results() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    return found


def _medians(each: Round, name: str) -> dict[str, float]:
    fields = {
        "per_second": each.median(name, lambda s: s.per_second),
        "p50_ms": each.median(name, lambda s: s.p50_ms),
        "p99_ms": each.median(name, lambda s: s.p99_ms),
        "cpu_ms": each.median(name, lambda s: s.cpu_ms),
    }
    return {what: round(value, 3) for what, value in fields.items()}


def publish(measured: Measured) -> None:
    """Into the documents, in place of what was published last."""
    today, load, processors = datetime.now(UTC).date(), os.getloadavg()[0], os.cpu_count()
    about = (
        f"# Last published run\n\n{today}, Python {platform.python_version()}, {platform.machine()}; `make bench`."
        f" Load average {load:.1f} on {processors} processors; where it is far above their number, others were using"
        " them, and neither times nor ratios should be believed."
        " What the columns mean and how it is measured: [speed](../speed.md).\n\n![throughput](throughput.svg)\n\n"
    )
    PUBLISHED.mkdir(exist_ok=True)
    (PUBLISHED / "results.md").write_text(about + table(measured), encoding="utf-8")
    (PUBLISHED / "throughput.svg").write_text(picture(measured.rounds), encoding="utf-8")


def picture(rounds: Sequence[Round]) -> str:
    """Throughput as bars, each round's longest as wide as any other's, as only ratios mean anything."""
    parts, y = [], 20
    for each in (each for each in rounds if each.load.endswith("at once")):
        speeds = {name: each.median(name, lambda s: s.per_second) for name in each.stretches}
        parts.append(f'<text x="10" y="{y + 12}">{escape(f"{each.scenario}, {each.store}, {each.load}")}</text>')
        for name, speed in speeds.items():
            y += 16
            width = 300 * speed / max(speeds.values())
            parts.append(f'<rect x="110" y="{y + 3}" width="{width:.0f}" height="12" fill="{COLOURS[name]}"/>')
            parts.append(f'<text x="100" y="{y + 13}" text-anchor="end">{name}</text>')
            parts.append(f'<text x="{115 + width:.0f}" y="{y + 13}">{speed:.0f} a second</text>')
        y += 26
    style = "font-family: sans-serif; font-size: 11px"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="540" height="{y + 10}" style="{style}">'
    return f'{head}\n<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
