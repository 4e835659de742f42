"""What a page says of the numbers that a benchmark has printed; `machine` says when and where they were measured."""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np

Numbers = dict[str, Any]
WIDTH = 120


def overhead(found: Numbers, machine: str) -> str:
    """Time per box beside peers."""
    base = found["flowgraph"]
    peers = [f"{name} {times_text(found[name] / base)}" for name in ("micrograd", "torch", "autograd") if name in found]
    anew = times_text(found["flowgraph, built anew"] / base)
    return _prose(
        f"{machine}: the same chain took {_listed(peers)} times as long as a graph of flowgraph that was built once "
        f"({base:.2f} µs a box). Building it anew in each call, as the peers do, costs flowgraph {anew} times its run: "
        f"build once, run often."
    )


def mlp_step(found: Numbers, machine: str) -> str:
    """Microseconds of a training step by library."""
    steps = found["steps"]["float32"]
    told = [
        f"{times_text(_mean_ratio(steps, 'jax', name))} times as long as {words}"
        for name, words in (("flowgraph", "a plan in NumPy"), ("flowgraph native", "one through Numba"))
    ]
    return _joined(
        _prose(f"{machine}, in float32, microseconds a step:"),
        _step_table(steps),
        _prose(
            '"products" is the time of the matrix products alone, "by hand" the best NumPy we can write. In the '
            f"geometric mean JAX takes {_listed(told)}. Numba takes seconds to compile a plan, once."
        ),
    )


def nets(found: Numbers, machine: str) -> str:
    """Microseconds of a training step of networks by library, and milliseconds until the first is done."""
    steps = found["steps"]
    first = [f"{row['flowgraph']['compile'] * 1e3:.0f} ({name})" for name, row in steps.items()]
    faster = [
        min(row["torch"]["seconds"], row["jax"]["seconds"]) / row["flowgraph"]["seconds"] for row in steps.values()
    ]
    return _joined(
        _prose(f"{machine}, in float32, batches of 64, microseconds a step:"),
        _step_table(steps),
        _prose(
            f"The faster of PyTorch and JAX takes {_listed([times_text(one) for one in faster])} times as long as a "
            f"plan in NumPy, {times_text(float(np.exp(np.mean(np.log(faster)))))} in the geometric mean. A plan takes "
            f"{_listed(first)} ms until its first step is done."
        ),
    )


def functional_calls(found: Numbers, machine: str) -> str:
    """Microseconds of a call of a gradient, and the growth of the process."""
    columns = list(next(iter(found.values()))["microseconds"])
    width = max(map(len, found)) + 1
    lines = [f"{'':{width}}" + "".join(f"{name:>10}" for name in columns)]
    for idiom, row in found.items():
        micros = row["microseconds"]
        cells = [f"{micros[name]:10.0f}" if name in micros else f"{'':10}" for name in columns]
        lines.append(f"{idiom:{width}}{''.join(cells)}".rstrip())
    most = max(0.0, *(grown for row in found.values() for grown in row["megabytes"].values()))
    return _joined(
        _prose(
            f"{machine}, a call took, in microseconds, for networks of 10-16-3 units with 32 examples and of "
            f"784-100-10 with 256:"
        ),
        _code(lines),
        _prose(f"In a thousand calls with numbers that never repeat, no process grew by more than {most:.1f} MB."),
    )


def first_calls(found: Numbers, machine: str) -> str:
    """Milliseconds of first calls."""
    rows = [f"{name} {row['called']['first']:.1f} ({row['autograd']['first']:.1f})" for name, row in found.items()]
    return _prose(f"{machine}, a first call took, in milliseconds of the processor (autograd's): {_listed(rows)}.")


def captured(found: Numbers, machine: str) -> str:
    """Microseconds of a gradient with a captured array, and with the same array as an argument."""
    rows = [f"{row['called']:.0f} ({row['called, as an argument']:.0f}) for {name}" for name, row in found.items()]
    return _prose(
        f"{machine}: the gradient of a mean of squares by one number took, in microseconds, {_listed(rows)} of "
        f"captured data (of the same data as an argument)."
    )


def jit_by_hand(found: Numbers, machine: str) -> str:
    """Functions under jit beside gradients by hand."""
    rows = [
        f"{row['jit'] / row['by hand']:.2f} for the {name} (JAX {row['jax.jit'] / row['by hand']:.2f}, called "
        f"{row['called'] / row['by hand']:.2f})"
        for name, row in found.items()
    ]
    return _prose(
        f"{machine}: value and gradient under `jit` took so many times as long as written by hand in NumPy: "
        f"{_listed(rows)}."
    )


def beside_plans(found: Numbers, machine: str) -> str:
    """How much longer a derivative of a function takes than its plan."""
    ratios = [
        f"{row['grad'] / row['plan']:.2f} ({row['grad']:.0f} µs), `jit` {row['jit'] / row['plan']:.2f}, for {name}"
        for name, row in found.items()
    ]
    return _prose(
        f"{machine}: `grad` took so many times as long as the plan of the same boxes, for networks of three layers by "
        f"their units and examples: {_listed(ratios)}."
    )


def derivatives(found: Numbers, machine: str) -> str:
    """Microseconds of further derivatives, called and under jit, beside autograd."""
    rows = []
    for name, row in found.items():
        compiled = f", `jit` {row['jit']:.0f}" if "jit" in row else ""
        rows.append(f"{row['called']:.0f} ({row['autograd']:.0f}{compiled}) for the {name}")
    return _prose(f"{machine}, a call took, in microseconds (of autograd): {_listed(rows)}.")


def vmap(found: Numbers, machine: str) -> str:
    """Microseconds of the gradients of every example."""
    theirs = f", and `jax.jit(jax.vmap)` {found['jax']:.0f}" if "jax" in found else ""
    return _prose(
        f"{machine}: the gradients of 32 examples for a network of 10-16-3 units took {found['jit']:.0f} microseconds "
        f"by `jit(vmap(grad(f)))`, {found['vmap']:.0f} by `vmap(grad(f))`, whose function is called and derived each "
        f"time, a loop over `grad` {found['loop']:.0f}{theirs}."
    )


def lookups(found: Numbers, machine: str) -> str:
    """Microseconds of a step of a table of words."""
    theirs = ""
    if "PyTorch" in found:
        theirs = f", PyTorch {found['PyTorch, sparse']:.0f} with `sparse=True` and {found['PyTorch']:.0f} without"
    return _prose(
        f"{machine}, with a table of 10,000 x 64, 8 words an example and 64 examples: {found['plan']:.0f} microseconds "
        f"a step, {found['plan over all rows']:.0f} over all rows{theirs}."
    )


def scale(found: Numbers, machine: str) -> str:
    """Times by size, and how they grow, a table for each of boxes, examples and parameters."""
    heads = {
        "boxes": "boxes of a chain",
        "examples": "examples of a batch",
        "parameters": "parameters",
    }
    tables = []
    for title, curves in found.items():
        by_size = {name: {int(size): seconds for size, seconds in curve.items()} for name, curve in curves.items()}
        tables.append(_code(growth_table(heads[title], by_size)))
    return _joined(_prose(f"{machine}, milliseconds:"), *tables)


def growth_table(title: str, curves: dict[str, dict[int, float]]) -> list[str]:
    """A line for each curve: milliseconds by size, and the power of the size with which they grow at its end."""
    sizes = sorted({size for curve in curves.values() for size in curve})
    lines = [f"{title:20}" + "".join(f"{size:>12,}" for size in sizes) + f"{'growth':>9}"]
    for name, curve in curves.items():
        cells = "".join(f"{1e3 * curve[size]:12,.2f}" if size in curve else f"{'-':>12}" for size in sizes)
        first, last = sorted(curve)[-3:][0], max(curve)
        power = np.log(curve[last] / curve[first]) / np.log(last / first)
        lines.append(f"{name:20}{cells}{power:9.2f}")
    return lines


def coverage(found: Numbers, machine: str) -> str:
    """How many functions have a gradient, by library."""
    return _prose(
        f"Counted on {machine.removeprefix('Measured on ')}: {found['flowgraph'][0]} functions of NumPy and SciPy "
        f"build boxes; autograd has {found['autograd'][0]} rules, {found['autograd'][1]} of them for functions of its "
        f"own, and MyGrad answers {found['MyGrad'][0]} functions of NumPy with a gradient."
    )


def training(found: list[Numbers], machine: str) -> str:
    """How much less time of the processor a training takes than scikit-learn's, and on which sets."""
    sets = _listed(list(dict.fromkeys(row["set"].replace("_", " ") for row in found)))
    worse = sorted({row["set"] for row in found if not row["as accurate"]})
    accuracy = f"less accurate on {_listed(worse)}" if worse else "no less accurate in a paired t-test over the seeds"
    faster = f"scikit-learn's takes {_span(found)} times as long as a training through plans in NumPy"
    return _prose(f"{machine}, on {sets}: {accuracy}, and {faster}.")


def training_numba(found: list[Numbers], machine: str) -> str:
    """The same through plans that Numba compiles."""
    return _prose(f"{machine}: through plans that Numba has compiled, {_span(found)} times as long.")


def _span(found: list[Numbers]) -> str:
    ratios = [row["faster"] for row in found]
    return f"{times_text(min(ratios))} to {times_text(max(ratios))}"


def tables(found: Numbers, machine: str) -> str:
    """Scores on tables of the network, of scikit-learn's, and of gradient boosting."""
    heads = ("table", "rows", "measure", "flowgraph", "scikit-learn", "difference", "gradient boosting")
    lines = ["| " + " | ".join(heads) + " |", "| --- " * len(heads) + "|"]
    names = ("flowgraph", "scikit-learn", "boosting")
    for name, entry in found.items():
        cells = [f"{entry[by][0]:.3f} ± {entry[by][1]:.3f}" for by in names]
        cells.insert(2, "{:+.3f} ± {:.3f}".format(*entry["apart"]))
        lines.append(f"| {name} | {entry['rows']:,} | {entry['measure']} | {' | '.join(cells)} |")
    seeds = next(iter(found.values()))["seeds"]
    better = [name for name, entry in found.items() if entry["boosting"][0] > entry["flowgraph"][0]]
    return _joined(
        _prose(
            f"{machine}: the mean score on the test rows over {seeds} splits and its standard deviation; the "
            f"difference of the two networks, split by split, and its standard error."
        ),
        "\n".join(lines),
        _prose(
            f"Gradient boosting, which needs no choice of a size, is better than the network on "
            f"{_listed(better) if better else 'none of them'}."
        ),
    )


def loops(found: Numbers, machine: str) -> str:
    """Milliseconds of loops beside peers."""
    lines = ["| loop | contender | first call | per call |", "| --- | --- | --- | --- |"]
    for case, row in found["cases"].items():
        for place, (peer, one) in enumerate(row.items()):
            name = "" if place else case
            lines.append(f"| {name} | {peer} | {number_text(one['first'])} | {number_text(one['call'])} |")
    growths = [value for row in found["growth"].values() for value in row.values()]
    return _joined(
        _prose(f"{machine}, in milliseconds for the loss and its gradients, float64, one thread:"),
        "\n".join(lines),
        _prose(
            'The import of JAX and of PyTorch is in their first "first call". The first call of flowgraph less a '
            f"later one took {min(growths):.0f} to {max(growths):.0f} ms, for 30 steps as for 30,000."
        ),
    )


def rendering(found: Numbers, machine: str) -> str:
    """Seconds of the processor, bytes and shape of pictures beside peers."""
    tools = ["flowgraph", "flowgraph, scopes", "Graphviz alone", "torchviz", "torchview", "Netron"]
    lines = [f"| | {' | '.join(tools)} |", f"|{' --- |' * (len(tools) + 1)}"]
    told = []
    for case, row in found.items():
        if set(row) == {"flowgraph"}:
            told.append(f"{case} {row['flowgraph']['cpu']:.2f} s")
        else:
            lines.append(f"| {case} | {' | '.join(_drawn(row.get(tool), tool != 'Netron') for tool in tools)} |")
    head = f"{machine}, for Netron the wall-clock time until its page shows the graph; "
    head += '"none" means no picture within 60 s of wall-clock time:'
    return _joined(_prose(head), "\n".join(lines), _prose(f"Every box of larger graphs: {_listed(told)}."))


def _drawn(one: Any, shaped: bool) -> str:
    if one is None:
        return ""
    if "failed" in one:
        return "none"
    long, short = sorted((one["width"], one["height"]), reverse=True)
    aspect = f", 1:{number_text(long / short)}" if short and shaped else ""
    return f"{one['cpu']:.2f} s, {one['bytes'] / 1e6:.2f} MB{aspect}"


def page_frames(found: Numbers, machine: str) -> str:
    """Milliseconds of a frame in the page, by what is done."""
    kinds = {
        "pan": "pan", "zoom": "zoom", "near pan": "pan, texts read", "near zoom": "zoom, texts read",
        "settled": "redrawn at the new place", "module": "close and open a module",
    }  # fmt: skip
    lines = [f"| boxes | page | {' | '.join(kinds.values())} |", "|" + " --- |" * (len(kinds) + 2)]
    for boxes, row in found.items():
        cells = (f"{row[kind][0]:.1f} / {row[kind][1]:.1f}" for kind in kinds)
        lines.append(f"| {int(boxes):,} | {row['first'] / 1000:.1f} s | {' | '.join(cells)} |")
    head = (
        f'{machine}, milliseconds of a frame in headless Chromium, median / 95 %; one at 60 Hz has 16.7. "page" is the '
        f"time until the page stands:"
    )
    return _joined(_prose(head), "\n".join(lines))


def checking(found: Numbers, machine: str) -> str:
    """Mistakes that each checker sees in the catalogue, by family, and its false alarms."""
    counts = found["counts"]
    families = [family for family in counts if family != "ok"]
    wrong = sum(counts[family] for family in families)
    heads = [*(f"{family} ({counts[family]})" for family in families), f"caught of {wrong}"]
    heads += [f"alarms of {counts['ok']}", "calls", "median s"]
    lines = ["".join([f"{'checker':22}", *(f"{head:>{len(head) + 2}}" for head in heads)])]
    for name, row in found["checkers"].items():
        caught = [row["caught"].get(family, 0) for family in families]
        cells = [*map(str, [*caught, sum(caught), row["alarms"], row["calls"]]), f"{row['median']:.3f}"]
        parts = (f"{cell:>{len(head) + 2}}" for cell, head in zip(cells, heads, strict=True))
        lines.append(f"{name:22}{''.join(parts)}")
    return _joined(
        _code(lines),
        _prose(
            f"{machine}. Mistakes: V wrong values at the example, S shapes, R wrong in other test cases only, E far "
            f"below usual tolerances, C broken contract, 2 second derivatives; alarms are failures of correct "
            f"operations. "
            f"Calls of `fprop` and seconds of processor time are medians."
        ),
    )


def outside(found: Numbers, machine: str) -> str:
    """Verdicts on functions of other packages against judgements, by half and framework."""
    frameworks = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX"}
    checkers = {"flowgraph": "`fg.check`", "own": "gradcheck, check_grads, differences"}
    lines = [
        "| half | functions | checker | wrong: found | missed | right: passed | false alarms | undecided | others |",
        "|" + " --- |" * 9,
    ]
    for half, rows in found.items():
        for framework, of_checkers in rows.items():
            for name in (name for name in checkers if name in of_checkers):
                counts = dict(of_checkers[name])
                cells = [counts.pop(kind, 0) for kind in ("found", "MISSED", "right", "FALSE ALARM", "undecided")]
                others = ", ".join(f"{count} {kind}" for kind, count in counts.items())
                head = f"{half} | {frameworks[framework]}, {sum(of_checkers[name].values())}"
                lines.append(f"| {head} | {checkers[name]} | {' | '.join(map(str, cells))} | {others} |")
    return _joined(_prose(f"{machine}:"), "\n".join(lines))


def programs(found: Numbers, machine: str) -> str:
    """Figures, lines and seconds of the programs of docs/programs beside equal programs."""
    lines = [
        "| program and its figure | value | beside | lines, theirs | seconds | times ours |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in found.items():
        (ours, theirs), (own, other) = row["lines"], row["seconds"]
        link = f"[{name.replace('_', ' ')}](programs/{name}.py): {row['figure']} ([picture](programs/{name}.svg))"
        cells = [link, f"{row['values'][0]:.5g}", row["library"], f"{ours}, {theirs}", number_text(own)]
        lines.append(f"| {' | '.join(cells)} | {times_text(other / own)} |")
    ratios = [row["seconds"][1] / row["seconds"][0] for row in found.values()]
    apart = max(row["apart"] for row in found.values())
    return _joined(
        _prose(f"{machine}, in float64, one thread:"),
        "\n".join(lines),
        _prose(
            f"The largest relative difference of a number from that of the equal program was {apart:.0e}. The equal "
            f"programs took {times_text(float(np.exp(np.mean(np.log(ratios)))))} times as long in the geometric mean, "
            f"{times_text(min(ratios))} to {times_text(max(ratios))} times."
        ),
    )


def number_text(number: float) -> str:
    """A number to three digits: 0.042, 1.86, 1,936."""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def times_text(ratio: float) -> str:
    """How many times: 1.37, 5.9, 22."""
    return f"{ratio:.2f}" if ratio < 2 else f"{ratio:.1f}" if ratio < 10 else f"{ratio:.0f}"


def _step_table(steps: Numbers) -> str:
    """Microseconds by network and library."""
    heads = {"products": "products", "by hand": "by hand", "flowgraph": "flowgraph", "flowgraph native": "with numba",
             "jax": "jax", "torch": "torch"}  # fmt: skip
    peers = [name for name in heads if any(name in row for row in steps.values())]
    lines = ["".join([" " * 24, *(f"{heads[name]:>12}" for name in peers)])]
    for case, row in steps.items():
        cells = (f"{row[name]['seconds'] * 1e6:12.1f}" if name in row else f"{'':12}" for name in peers)
        lines.append("".join([f"{case:24}", *cells]))
    return _code(lines)


def _mean_ratio(steps: Numbers, one: str, other: str) -> float:
    ratios = [row[one]["seconds"] / row[other]["seconds"] for row in steps.values() if one in row and other in row]
    return float(np.exp(np.mean(np.log(ratios))))


def _listed(parts: list[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


def _prose(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _code(lines: list[str]) -> str:
    return "\n".join(["```text", *(line.rstrip() for line in lines), "```"])


def _joined(*parts: str) -> str:
    return "\n\n".join(parts)
