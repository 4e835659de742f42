"""A program as a function of PyTorch's autograd."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from flowgraph.box.value import Foreign
from flowgraph.interop.torch.program import Pattern, Program
from flowgraph.interop.torch.tensors import arrays_of, tensor_of


def apply(program: Program, tensors: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """The outputs of a program at these leaves; where a gradient can be asked for, they know how they were made."""
    if not program.outputs:
        return ()
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        found: tuple[torch.Tensor, ...] = _ProgramFunction.apply(program, *tensors)  # type: ignore[no-untyped-call]
        return found
    return tuple(map(tensor_of, program.plan(*arrays_of(tensors))))


class _ProgramFunction(torch.autograd.Function):
    """forward runs one plan for the outputs and the values that backward, another plan, reads.

    A backward that is differentiated itself (create_graph=True) applies the program of the gradients to the leaves.
    """

    @staticmethod
    def forward(ctx: Foreign, program: Program, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        wanted = tuple(place for place, needed in enumerate(ctx.needs_input_grad[1:]) if needed)
        gradient = program.gradient(Pattern(wanted, program.differentiable(wanted)))
        values = [tensor_of(value) for value in gradient.saving(*arrays_of(tensors))]
        outputs = tuple(values[: len(program.outputs)])
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[one for i, one in enumerate(outputs) if i not in gradient.pattern.arriving])
        ctx.save_for_backward(*tensors, *values[len(outputs) :])
        ctx.program, ctx.gradient = program, gradient
        return outputs

    @staticmethod
    def backward(ctx: Foreign, *grads: torch.Tensor | None) -> tuple[torch.Tensor | None, ...]:
        program, gradient = ctx.program, ctx.gradient
        count = len(program.leaves)
        leaves, kept = ctx.saved_tensors[:count], ctx.saved_tensors[count:]
        arriving = tuple(place for place in gradient.pattern.arriving if grads[place] is not None)
        sent = [grad for grad in grads if grad is not None]
        if torch.is_grad_enabled() or arriving != gradient.pattern.arriving:
            gradient = program.gradient(Pattern(gradient.pattern.wanted, arriving))
            found = apply(gradient.program, (*leaves, *sent))
        elif gradient.places:
            found = tuple(map(tensor_of, gradient.sending(*arrays_of((*leaves, *sent, *kept)))))
        else:
            found = ()
        by_place = dict(zip(gradient.places, found, strict=True))
        return None, *(by_place.get(place) for place in range(count))
