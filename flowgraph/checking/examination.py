"""One run of the checker: visits test cases, rules out numerical causes, and collects findings and resolution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, get_args, get_origin

import numpy as np

from flowgraph.box.vocabulary import Value
from flowgraph.checking.code_contents import Code
from flowgraph.checking.compare import (
    DIGITS,
    Answered,
    FormFault,
    Gradients,
    Ruling,
    Suspicion,
    Tally,
    ValueMismatch,
    ask,
    compare,
    copies_of,
    gaps,
    is_in_last_digits,
)
from flowgraph.checking.example_contract import (
    EXAMPLE,
    ExampleContract,
    Notes,
)
from flowgraph.checking.exemptions import settle
from flowgraph.checking.families import FAMILIES, Family, Source
from flowgraph.checking.point import Direction, Illegal, OutOfTime, Point, Runner, directions_for, generator, grads_for
from flowgraph.checking.properties import Property, equal_inputs, keeps, properties_of, structure_of
from flowgraph.checking.roughness import overflows_on_the_way
from flowgraph.checking.scope import EVERYTHING, Scope
from flowgraph.checking.target import Array, Inputs, Target, in_double

MOST_BEYOND = 12  # test cases that are not like the example: what is wrong there is a note, and one says enough
MOST_ALONE = 6  # inputs that are moved one by one in a test case: a module may have forty
MOST_SINCE = 30  # test cases, once one has failed
DIRECTIONS = 64  # calls of fprop, for one of which there must be time: eight steps, eight times over
MOST_SETTLED = 150  # suspicions: at 400 calls each they take the whole budget
MOST_OF_ONE_POINT = 4  # suspicions: what one of the clearest does not show, the others seldom do
CALLS_OF_VISIT = 40  # that one test case needs
SURE = 1e3  # tolerances: a mismatch as large, away from kinks, is seldom explained away


class Mismatch(NamedTuple):
    """What a diagnosis has to explain: inputs, and an incoming gradient and a direction that show the mistake."""

    inputs: Inputs
    grad: Array | None
    direction: Direction | None


@dataclass
class Examination:
    """State shared by the phases. `wrong` are the confirmed rulings, one per kind of mistake and child."""

    target: Target
    runner: Runner
    rng: np.random.Generator
    active: tuple[int, ...]
    inputs: Inputs
    contract: ExampleContract
    scope: Scope = EVERYTHING
    properties: dict[int, Property] = field(default_factory=dict)  # of the example, which test cases keep
    equal: dict[int, int] = field(default_factory=dict)  # inputs that are equal to an earlier one in the example
    tally: Tally = field(default_factory=Tally)
    wrong: dict[tuple[str, int | None], Ruling] = field(default_factory=dict)
    warnings: dict[str, str] = field(default_factory=dict)
    notes: Notes = field(default_factory=Notes)
    skipped: Counter[str] = field(default_factory=Counter)  # test cases that are not legal, by reason
    exempted: Counter[str] = field(default_factory=Counter)  # how often each exemption explained a mismatch
    mismatches: dict[int, list[Mismatch]] = field(default_factory=dict)  # clear ones, by input
    first: dict[Any, Inputs] = field(default_factory=dict)  # inputs by their shapes: those of the first call
    settled: int = 0  # suspicions
    inner: Examination | None = None  # of the bprop as an operation of its own
    visited: int = 0
    visited_since: int = 0  # something was wrong
    left: set[Family] = field(default_factory=lambda: set(FAMILIES))  # of which there may be test cases, none visited
    beyond_example: Counter[bool] = field(default_factory=Counter)  # test cases that are not like it, by shape or not
    remark: str = ""  # what the first line of the report says beside a pass
    unchecked: str = ""  # what was asked for and could not be done

    @classmethod
    def begin(cls, target: Target, seed: int, budget: int, seconds: float, scope: Scope = EVERYTHING) -> Examination:
        """An examination of a target at its example, in float64."""
        inputs = tuple(in_double(x) if i in target.differentiated else x for i, x in enumerate(target.inputs))
        active = tuple(i for i in target.differentiated if i not in target.constant)
        runner = Runner(target, budget, seconds, digits=0.0 if scope.strict else DIGITS)
        contract = ExampleContract(inputs, target, active)
        examination = cls(target, runner, generator(seed), active, inputs, contract, scope)
        examination.find_properties()
        return examination

    def find_properties(self) -> None:
        """What test cases keep: with strict=True only what no array has by accident, and that is broken too."""
        properties = properties_of(self.inputs, self.active)
        if self.scope.strict:
            structures = {i: structure_of(self.inputs[i]) for i in self.target.differentiated}
            self.properties = {i: structure for i, structure in structures.items() if structure is not None}
        elif self.target.valid is None:
            names = self.target.names
            self.properties = {i: kept for i, kept in properties.items() if names[i] not in self.scope.vary}
            equal = equal_inputs(self.inputs, self.active)
            self.equal = {j: i for j, i in equal.items() if not {names[i], names[j]} & set(self.scope.vary)}

    def source(self) -> Source:
        """What test cases are derived from."""
        code, names = Code(self.target.code), self.target.names
        named = [word for hint in self.target.annotations.values() for word in _literals(hint)]
        written = ([*self.target.kinks, *code.numbers], [*code.words(self.inputs), *named], code.sizes)
        own = (self.properties, self.equal, self.scope.strict)
        return Source(self.inputs, self.active, names, *own, self.rng, *written)

    def point(self, test_case: str, inputs: Inputs) -> Point | None:
        """The point, or None where the test case is not legal, which is counted."""
        runner, active = self.runner, self.active
        domain = self.target.domain.items()
        if not all(np.all((inputs[i] >= low) & (inputs[i] <= high)) for i, (low, high) in domain):
            self.skipped["outside the declared domain"] += 1
            return None
        self.first_of(inputs)
        own = inputs if runner.shields else _copy_value(inputs)
        try:
            point = Point.at(runner, own, test_case, active)
            if (changed := self._changes_between(inputs, own)) and not runner.shields:
                runner.shields = True
                fault = FormFault("mutation", point, f"fprop changes {changed} in place")
                point = Point.at(runner, inputs, test_case, active)
                self.pursue([fault])
        except Illegal as reason:
            self.skipped[str(reason).split(":")[0]] += 1
            if "overflow" not in self.warnings and overflows_on_the_way(runner, inputs, active, reason):
                self.warn("overflow", f"fprop overflows on its way ({test_case}), though its value fits into float64")
            return None
        return point

    def _changes_between(self, before: Value, after: Value) -> str:
        """What was written to, of inputs or of inputs, output and incoming gradient."""
        labels = (*self.target.names, "the output of fprop", "the incoming gradient")
        pairs = zip(labels, before, after, strict=False)
        return ", ".join(label for label, old, new in pairs if old is not new and _bits(old) != _bits(new))

    def first_of(self, inputs: Inputs) -> Inputs:
        """The inputs of the first call of fprop with these shapes."""
        return self.first.setdefault(tuple(getattr(given, "shape", ()) for given in inputs), inputs)

    def first_answer(self, point: Point, grad: Array) -> tuple[Gradients | None, list[FormFault]]:
        """The answer to the first incoming gradient at a point; once bprop writes to its arguments, it gets copies."""
        arriving = point.arriving(grad)
        given = (*point.inputs, point.output, arriving)
        before = _copy_value(given) if not self.runner.shields else given
        gradients, faults = ask(point, grad, arriving)
        changed = self._changes_between(before, given)
        if not changed:
            return gradients, faults
        gradients = copies_of(gradients)
        self.runner.shields = True
        point.inputs = before[: len(point.inputs)]
        point.output = Point.at(self.runner, point.inputs, point.test_case, point.active).output
        return gradients, [FormFault("mutation", point, f"bprop changes {changed} in place"), *faults]

    def visit(self, test_case: str, inputs: Inputs, coordinates: int = 1, single: int = 1) -> Point | None:
        """Compare the gradients in some directions at a point; None where the inputs are not legal."""
        point = self.point(test_case, inputs)
        if point is None:
            return None
        if self.visited and point.slower_than(self.runner.seconds / CALLS_OF_VISIT):
            self.skipped["fprop takes too long there"] += 1
            return None
        self.visited += 1
        most = None if test_case == EXAMPLE else MOST_ALONE
        directions = directions_for(point, self.rng, coordinates, most)[: self._affordable(point)]
        grads = grads_for(point, self.rng, single)
        gradients, faults = self.first_answer(point, grads[0])
        first = copies_of(gradients), faults
        if test_case != EXAMPLE and self._agrees_along(directions[:1], grads[:1], point, first):
            return point
        self.pursue(compare(point, grads, directions, self.tally, first))
        if first[0] is not None:
            self._ask_again(point, grads[0], first[0])
        return point

    def _agrees_along(self, directions: list[Direction], grads: list[Array], point: Point, first: Answered) -> bool:
        """Whether the value is smooth along a direction in all inputs, and its slope is that of bprop.

        At random ones a wrong linear map agrees with probability 0. Others tell more at a kink, where any slope between
        two is right, and where a slope is told badly; and they say which input it is that is wrong.
        """
        tally = Tally()
        if compare(point, grads, directions, tally, first) or not tally.is_plain:
            return False
        self.tally.comparisons += tally.comparisons
        self.tally.resolved |= tally.resolved
        self.tally.resolutions += tally.resolutions
        return True

    def _affordable(self, point: Point) -> int:
        """How many directions the calls and the seconds allow at one point; two always."""
        runner = self.runner
        most = (runner.budget - runner.evaluations) // DIRECTIONS
        if point.slower_than(runner.seconds / 512):
            most = min(most, int(runner.seconds / (DIRECTIONS * point.seconds)))
        return max(2, most)

    def has_noted_enough(self, inputs: Inputs) -> bool:
        """Whether inputs are beyond the example, and enough of that kind have been visited."""
        if self.scope.strict or self.contract.is_like_it(inputs):
            return False
        by_shape = not self.contract.shapes_are_tied(inputs)
        self.beyond_example[by_shape] += 1
        return self.beyond_example[by_shape] > MOST_BEYOND

    @property
    def has_failed_enough(self) -> bool:
        """Whether enough was visited since something was wrong: the verdict is known, other inputs may be wrong too."""
        late = self.runner.elapsed_seconds() > self.runner.seconds / 2
        return self.visited_since > MOST_SINCE or (self.visited_since > 0 and late)

    def _ask_again(self, point: Point, grad: Array, first: Gradients) -> None:
        """Call bprop again at ties, which are rare in examples, to detect random tie-breaking."""
        again = ask(point, grad)[0]
        if again is not None and any(gap > 1e-9 * size for gap, size in gaps(first, again)):
            self.fail(FormFault("determinism", point, "bprop gives another gradient for the same arguments"))

    def pursue(self, suspicions: Sequence[Suspicion]) -> None:
        """Settles suspicions: of each child the clearest first, then those of several, and no more than a few.

        What looks wrong when the time is used up gets the seconds for explaining, and `budget=` does not count calls
        that are made here. Where these seconds do not do either, a mismatch at the example is a failure, since
        differences and bprop disagree there by more than their bars, and nothing is known of one elsewhere.
        """
        with self.runner.settles(self.scope.explaining):
            try:
                self._settle_each(suspicions)
            except OutOfTime:
                self._settle_late(suspicions)
                if not self.wrong:
                    self.unchecked = "the time was used up while a mismatch was looked at: give a higher effort="
                raise

    def _settle_late(self, suspicions: Sequence[Suspicion]) -> None:
        """Enter what the example shows, and the time was not enough to look at from all sides."""
        for suspicion in suspicions:
            if isinstance(suspicion, ValueMismatch) and suspicion.point.test_case == EXAMPLE and suspicion.is_plain:
                bar, note = suspicion.tolerance / 4, "the gradient is wrong; the time is used up"
                self.enter(Ruling("wrong", suspicion, suspicion.numeric, bar, note))

    def _settle_each(self, suspicions: Sequence[Suspicion]) -> None:
        seen: Counter[int | None] = Counter()
        order: list[tuple[int, bool, Suspicion]] = []
        for suspicion in sorted(suspicions, key=lambda suspicion: -suspicion.clarity):
            if not self.scope.strict and self.notes.spares(suspicion, self.contract):
                continue
            if isinstance(suspicion, ValueMismatch) and suspicion.child is not None and suspicion.clear(SURE):
                shown = Mismatch(suspicion.point.inputs, suspicion.grad, suspicion.direction)
                self.mismatches.setdefault(suspicion.child, []).append(shown)
            seen[suspicion.child] += 1
            order.append((seen[suspicion.child], suspicion.child is None, suspicion))
        order.sort(key=lambda key: key[:2])
        for *_, suspicion in order[: max(MOST_OF_ONE_POINT, len(self.active))]:
            if self.settled > MOST_SETTLED or self.knows(suspicion):
                continue
            if "rounding" in self.warnings and is_in_last_digits(suspicion):
                continue
            if self.wrong and self.runner.elapsed_seconds() > self.runner.seconds:
                self._settle_late(suspicions)
                break
            self.settled += 1
            self.enter(settle(suspicion, self.rng, self.scope.without))

    def beyond(self, point: Point) -> str:
        """How a point goes beyond the example, for the text of a failure."""
        return ", ".join(excess.words for excess in self.contract.beyond(point.inputs, point.output))

    def allows(self, inputs: Inputs) -> bool:
        """Whether derived inputs are among those that were asked for."""
        contract = self.contract
        if any(np.shape(inputs[i]) != np.shape(self.target.inputs[i]) for i in self.target.fixed_shapes):
            return False
        if contract.contradicts_annotation(inputs):
            return False
        if not self.scope.strict:
            parted = contract.separates(inputs) or contract.leaves_held(inputs)
            if parted or not keeps(inputs, self.properties, self.equal):
                return False
        return self.scope.allows(self.target, self.inputs, inputs)

    def knows(self, suspicion: Suspicion) -> bool:
        """Whether a mistake of this kind, in this child, has been found before."""
        child = suspicion.child
        return any(kind == suspicion.kind and child in (known, None) for kind, known in self.wrong)

    def enter(self, ruling: Ruling) -> None:
        """Enter a ruling: a failure, a warning, or one more comparison that is undecided."""
        suspicion = ruling.suspicion
        if ruling.exemption:
            self.exempted[ruling.exemption] += 1
        if ruling.kind == "wrong" and not self.scope.strict and self.notes.takes(suspicion, self.contract):
            return
        if ruling.kind == "wrong" and self.scope.strict and self._lost_structure(suspicion.point):
            ruling = Ruling("undecided", suspicion, note=self._lost_structure(suspicion.point))
            self.warn(
                "structure",
                f"wrong only where an input no longer {ruling.note}, as it does in the example "
                f"({suspicion.point.test_case}); give valid= if that is the contract",
            )
        if ruling.kind == "wrong":
            self.wrong.setdefault((suspicion.kind, suspicion.child), ruling)
        elif ruling.kind == "rounding":
            self.warn("rounding", f"{ruling.note} ({suspicion.point.test_case})")
        elif ruling.kind == "undecided":
            self.tally.undecided += 1
        elif ruling.kind == "kink":
            self.tally.kinks += 1

    def _lost_structure(self, point: Point) -> str:
        """Properties of the example's inputs that a point lacks; `valid`, if given, decides instead."""
        if self.target.valid is not None:
            return ""
        for i, structure in self.properties.items():
            x = np.asarray(point.inputs[i])
            if x.size and not structure.holds(x):
                return structure.name
        return ""

    @property
    def broken(self) -> bool:
        """Whether the form of the answer is wrong at the example already: then numbers cannot be compared."""
        return any(
            kind in ("count", "shape", "numbers", "raised") and ruling.suspicion.point.test_case == EXAMPLE
            for (kind, _), ruling in self.wrong.items()
        )

    def warn(self, kind: str, text: str) -> None:
        """Enter a warning; the first of a kind stays."""
        self.warnings.setdefault(kind, text)

    def fail(self, fault: FormFault) -> None:
        """Enter a failure that needs no confirmation."""
        self.enter(Ruling("wrong", fault, note=fault.note))


def _literals(hint: Any) -> Iterator[str | int]:
    """What a type says that a setting may be, one by one: the members of Literal, alone or in a union."""
    for member in get_args(hint):
        if get_origin(hint) is not Literal:
            yield from _literals(member)
        elif isinstance(member, str | int):
            yield member


def _copy_value(value: Value) -> Any:
    if isinstance(value, np.ndarray):
        return value.copy()
    return tuple(map(_copy_value, value)) if type(value) is tuple else value


def _bits(value: Value) -> Any:
    """What tells whether an array was written to, NaN or not."""
    if isinstance(value, np.ndarray):
        return value.tobytes() if value.dtype.kind != "O" else None
    return [_bits(part) for part in value] if isinstance(value, tuple | list) else None
