"""The result of `grads.why_zero`: where the gradient of a box is lost, and how to fix it."""

from __future__ import annotations

import html
from dataclasses import dataclass

from flowgraph.box import Box

ADVICE = {
    "constant child": "give it as another child, or write a bprop that has a gradient for it",
    "integer cast": "leave it a float as long as a gradient is needed",
    "no gradient passes": "replace the choice by a smooth one, such as fg.sigmoid or fg.Softmax",
    "dead units": "smaller steps, fg.he_normal weights and biases of 0, or fg.LeakyReLU, fg.ELU",
    "saturated units": "smaller weights at the start (fg.glorot_uniform), inputs of mean 0 and variance 1, or fg.ReLU",
    "never indexed": "no step will change these rows until a batch holds them",
    "multiplied by zeros": "start from random numbers where both sides of a product are learned; look at the mask",
    "branch not taken": "the condition never chooses this branch: look at the condition",
    "staircase": "its slope is 0 everywhere: leave it out of the loss, or take a smooth box in its place",
    "nothing arrives": "bprop was started with a gradient of zeros, grad=",
}


@dataclass(frozen=True)
class Cause:
    """A box that passes no gradient to its child: `share` is that of the elements."""

    kind: str
    box: Box
    name: str
    child: str
    share: float
    text: str

    def __str__(self) -> str:
        advice = f"\n    what helps: {ADVICE[self.kind]}" if self.kind in ADVICE else ""
        where = f"{type(self.box).__name__} {self.name!r}"
        return f"{self.kind} at {where}: {self.text}\n    built at {self.box.built_at}{advice}"


@dataclass(frozen=True)
class ZeroReport:
    """Why the gradient of a box is zero.

    `status` is "zero", "partly zero", "vanishing" (below 1e-7), "not zero" or "empty"; `share` is that of the elements
    that are exactly 0; `causes` stand with the strongest first.
    """

    box: Box
    name: str
    status: str
    share: float
    largest: float
    causes: tuple[Cause, ...]

    @property
    def zero(self) -> bool:
        """Whether every element is exactly 0."""
        return self.status == "zero"

    @property
    def reason(self) -> str:
        """The kind of the first cause, or the status where there is none."""
        return self.causes[0].kind if self.causes else self.status

    def __str__(self) -> str:
        found = {
            "zero": "is zero",
            "partly zero": f"is zero in {self.share:.0%} of its elements, elsewhere up to {self.largest:.3g}",
            "vanishing": f"is not zero, but nothing is larger than {self.largest:.3g}",
            "not zero": f"is not zero; its largest element is {self.largest:.3g}",
            "empty": "has no elements",
        }[self.status]
        lines = [f"why_zero: the gradient of {type(self.box).__name__} {self.name!r} {found}"]
        lines += [f"  {cause}" for cause in self.causes]
        if not self.causes and self.status in ("zero", "partly zero", "vanishing"):
            lines.append("  no box loses it: what arrives on several ways, or for several examples, adds up to 0")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"
