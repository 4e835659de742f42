"""What was measured, as tables and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

BUSY = 0.2


def tables(steps: dict[str, Any], peaks: dict[str, Any], threads: int) -> str:
    """Times, ratios and their geometric means for each dtype; then compile times and peak memory."""
    parts = [_times(dtype, cases, threads) for dtype, cases in steps.items()]
    parts += [_compile(dtype, cases) for dtype, cases in steps.items()]
    if peaks:
        parts.append(_memory(peaks))
    return "\n\n".join(parts)


def _names(cases: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys(name for results in cases.values() for name in results))


def _times(dtype: str, cases: dict[str, Any], threads: int) -> str:
    names = _names(cases)
    ours = "flowgraph" if "flowgraph" in names else "by hand"
    lines = [f"µs a step, {dtype}, {threads} thread{'s' * (threads > 1)}; in brackets the ratio to {ours}"]
    lines.append(f"{'':<26}" + "".join(f"{name:>19}" for name in names))
    for case, results in cases.items():
        cells = []
        for name in names:
            own, base = (results.get(key, {}).get("seconds") for key in (name, ours))
            ratio = f"({own / base:6.2f})" if own and base else ""
            cells.append(f"{own * 1e6:10.1f} {ratio:<8}" if own else f"{'':19}")
        busy = np.mean([result["others"] for result in results.values()]) if results else 0
        mark = f"   others used {busy:.1f} cores" if busy > BUSY else ""
        lines.append(f"{case:<26}" + "".join(cells) + mark)
    for base in (ours, "products"):
        if base in names:
            means = [_mean(cases, name, base) for name in names]
            lines.append(f"{'mean ratio to ' + base:<26}" + "".join(f"{mean:>18.2f} " for mean in means))
    if "products" in names and ours in names:
        ratios = {
            case: r[ours]["seconds"] / r["products"]["seconds"]
            for case, r in cases.items()
            if {ours, "products"} <= set(r)
        }
        lines.append(f"{ours} / products: " + ", ".join(f"{case} {ratio:.2f}" for case, ratio in ratios.items()))
    return "\n".join(lines)


def _mean(cases: dict[str, Any], name: str, base: str) -> float:
    """The geometric mean of the ratios over the cases that both have."""
    ratios = [r[name]["seconds"] / r[base]["seconds"] for r in cases.values() if name in r and base in r]
    return float(np.exp(np.mean(np.log(ratios)))) if ratios else float("nan")


def _compile(dtype: str, cases: dict[str, Any]) -> str:
    names = [name for name in _names(cases) if name != "products"]
    lines = [f"ms until the first step is done, less a step, {dtype}", f"{'':<26}" + "".join(f"{n:>17}" for n in names)]
    for case, results in cases.items():
        cells = [f"{results[name]['compile'] * 1e3:17.1f}" if name in results else f"{'':17}" for name in names]
        lines.append(f"{case:<26}" + "".join(cells))
    return "\n".join(lines)


def _memory(peaks: dict[str, Any]) -> str:
    names = list(dict.fromkeys(name for results in peaks.values() for name in results))
    lines = ["peak memory above that before the step was built, MB: of the process / of NumPy's arrays"]
    lines.append(f"{'':<26}" + "".join(f"{name:>17}" for name in names))
    for case, results in peaks.items():
        cells = []
        for name in names:
            both = [results.get(name, {}).get(kind) for kind in ("process", "arrays")]
            cells.append(" / ".join("-" if number is None else f"{number / 1e6:.1f}" for number in both).rjust(17))
        lines.append(f"{case:<26}" + "".join(cells))
    return "\n".join(lines)


def plot(steps: dict[str, Any], path: Path) -> None:
    """Bars of the ratio to the products alone, a panel for each dtype."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(len(steps), 1, figsize=(13, 4.2 * len(steps)), squeeze=False, layout="constrained")
    for panel, (dtype, cases) in zip(panels[:, 0], steps.items(), strict=True):
        base = "products" if "products" in _names(cases) else _names(cases)[0]
        names = [name for name in _names(cases) if name != base]
        width = 0.85 / max(1, len(names))
        for i, name in enumerate(names):
            ratios = [
                r[name]["seconds"] / r[base]["seconds"] if name in r and base in r else np.nan for r in cases.values()
            ]
            panel.bar(np.arange(len(cases)) + i * width, ratios, width, label=name)
        panel.axhline(1, color="black", linewidth=0.8)
        panel.set_yscale("log")
        panel.set_xticks(np.arange(len(cases)) + 0.4, list(cases), fontsize=8)
        panel.set_ylabel(f"time / {base}")
        panel.set_title(f"Training step of an MLP, {dtype}")
        if names:
            panel.legend(fontsize=8, ncols=len(names))
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
