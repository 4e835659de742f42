"""A program as a function of PyTorch's autograd, which the transforms of torch.func take too."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from flowgraph.box.vocabulary import Foreign
from flowgraph.errors import UsageError
from flowgraph.interop.torch.program import Gradient, Pattern, Program
from flowgraph.interop.torch.tensors import arrays_of, tensor_of


def apply(program: Program, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """The outputs of a program at these leaves; where a gradient can be asked for, they know how they were made."""
    if not program.outputs:
        return ()
    wanted = tuple(place for place, tensor in enumerate(tensors) if tensor.requires_grad)
    gradient = None
    if wanted and torch.is_grad_enabled():
        gradient = program.gradient(Pattern(wanted, program.differentiable(wanted)))
    found: tuple[torch.Tensor, ...] = _ProgramFunction.apply(program, gradient, *tensors)  # type: ignore[no-untyped-call]
    return found[: len(program.outputs)]


class _ProgramFunction(torch.autograd.Function):
    """forward runs one plan for the outputs and the values that backward, another plan, reads.

    A backward that is differentiated itself (create_graph=True) applies the program of the gradients to the leaves.
    """

    @staticmethod
    def forward(program: Program, gradient: Gradient | None, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        running = program if gradient is None else gradient.saving
        try:
            arrays = arrays_of(tensors)
        except RuntimeError as error:
            raise UsageError(
                f"module: found tensors whose numbers cannot be read ({str(error).splitlines()[0]}), and flowgraph "
                f"computes with NumPy; use torch.func.vmap and jacrev where it was vectorize=True"
            ) from error
        return tuple(map(tensor_of, running.plan(*arrays)))

    @staticmethod
    def setup_context(ctx: Foreign, inputs: Foreign, output: tuple[torch.Tensor, ...]) -> None:
        program, gradient, *tensors = inputs
        ctx.set_materialize_grads(False)
        free = program.differentiable(tuple(range(len(tensors))))
        ctx.mark_non_differentiable(*[one for place, one in enumerate(output) if place not in free])
        ctx.save_for_backward(*tensors, *output[len(program.outputs) :])
        ctx.save_for_forward(*tensors)
        ctx.program, ctx.gradient, ctx.count = program, gradient, len(output)

    @staticmethod
    def backward(ctx: Foreign, *grads: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        program, gradient = ctx.program, ctx.gradient
        count = len(program.leaves)
        leaves, kept = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
        arriving = tuple(place for place in gradient.pattern.arriving if grads[place] is not None)
        sent = [grads[place] for place in arriving]
        if torch.is_grad_enabled() or arriving != gradient.pattern.arriving:
            gradient = program.gradient(Pattern(gradient.pattern.wanted, arriving))
            found = apply(gradient.program, (*leaves, *sent))
        else:
            found = apply(gradient.sending, (*leaves, *sent, *kept))
        by_place = dict(zip(gradient.places, found, strict=True))
        return None, None, *(by_place.get(place) for place in range(count))

    @staticmethod
    def jvp(ctx: Foreign, *along: Foreign) -> tuple[torch.Tensor | None, ...]:
        program, tangents = ctx.program, along[2:]
        slopes = program.slopes(tuple(place for place, one in enumerate(tangents) if one is not None))
        found = apply(slopes.program, (*ctx.saved_tensors, *(one for one in tangents if one is not None)))
        by_place = dict(zip(slopes.places, found, strict=True))
        return tuple(by_place.get(place) for place in range(ctx.count))

    @staticmethod
    def vmap(
        info: Foreign,
        in_dims: Sequence[int | None],
        program: Program,
        gradient: Gradient | None,
        *tensors: torch.Tensor,
    ) -> tuple[tuple[torch.Tensor, ...], tuple[int, ...]]:
        """The program for all rows at once, which is a program again."""
        of_tensors = in_dims[2:]
        running = program if gradient is None else gradient.saving
        rows = running.over_rows(tuple(place for place, dim in enumerate(of_tensors) if dim is not None))
        moved = [one if dim is None else one.movedim(dim, 0) for one, dim in zip(tensors, of_tensors, strict=True)]
        found = apply(rows, moved)
        return found, (0,) * len(found)
