"""Attribution methods on a compiled model, beside what its output truly depends on: the answer to `attribution`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from attrium_kernel.attribution import FeatureAblation, InputXGradient, IntegratedGradients, Method, Saliency
from attrium_kernel.rasp.expressions import Value

from ..channel import Answer
from ..errors import AttriumError
from .dependencies import check_position, truth
from .shown import plain
from .side import Side

METHODS: dict[str, Method] = {
    "IntegratedGradients": IntegratedGradients(n_steps=50),
    "InputXGradient": InputXGradient(),
    "Saliency": Saliency(),
    "FeatureAblation": FeatureAblation(),
}


def attribution(
    side: Side,
    tokens: Sequence[Value],
    position: int,
    method: str = "",
    methods: Mapping[str, Method] = METHODS,
) -> Answer:
    """Scores of the tokens for the output at a position.

    Each is the sum over the token's embedding, against an embedding of zeros; a method that takes features out has the
    whole embedding as one. The true dependencies are the program's: which single tokens change the output.

    Raises:
        AttriumError: for another method or a position that is not there.
    """
    check_position(position, len(tokens))
    name = method or next(iter(methods))
    if name not in methods:
        raise AttriumError(f"method={method!r}; pass one of {', '.join(methods)}")
    run = side.running(tokens)
    output = int(run.logits[position + 1].argmax())
    scores = _scores(side, tokens, methods[name], (position + 1, output))
    depends, complete = truth(side, tokens, position)
    craft = side.model.craft
    of = side.label if craft.numerical else f"the logit of {plain(run.output[position])}"
    how = "each token's embedding taken out" if methods[name].uses_mask else "summed over each token's embedding"
    note = f"{methods[name].label} of {of} at position {position}, {how}. True: changing that token alone changes it."
    note += "" if complete else " Not all values were tried."
    facts: dict[str, Any] = {"method": name, "methods": list(methods), "scores": scores, "truth": depends, "note": note}
    return Answer(facts)


def _scores(side: Side, tokens: Sequence[Value], method: Method, target: tuple[int, int]) -> list[float]:
    model = side.model.model
    ids = side.model.ids([list(tokens)])
    mask = torch.arange(ids.shape[1])[None, :, None] if method.uses_mask else None
    found = method.attribute(model, ids, target=target, at=model.token_embedding, mask=mask)
    assert isinstance(found.values, Tensor)
    values = found.values[0].double()[1:]  # without the BOS
    scores: list[float] = (values[:, 0] if mask is not None else values.sum(-1)).cpu().tolist()
    return scores
