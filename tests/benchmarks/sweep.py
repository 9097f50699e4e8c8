"""The head sweep: each of 144 heads patched from the clean prompt into the corrupt one, and the logit difference."""

from __future__ import annotations

import itertools
import time
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from attrium_kernel.running import Cancelled
from attrium_kernel.tracing import LogitDifference, Table, activation_patching

from . import rivals
from .case import Case, Contender, Limit, Run
from .networks import Scale, gpt2


class Prompts:
    """The model, two random prompts of one length, and two tokens whose logits are compared at the last position."""

    counted = None

    def __init__(self, scale: Scale) -> None:
        """Prompts of `scale.tokens` tokens, that differ everywhere."""
        self.model, self.clean = gpt2(scale)
        self.corrupt = torch.randint(1, scale.vocabulary, self.clean.shape)
        self.x = self.corrupt
        self.correct, self.wrong = 11, 22
        self.heads: int = self.model.config.n_head

    @cached_property
    def bridge(self) -> Any:
        """TransformerLens around a copy."""
        return rivals.bridge(self.model)


# ---- ours


def ours(work: Prompts, **arguments: Any) -> Tensor:
    """Our call with nothing tuned."""
    metric = LogitDifference(work.correct, work.wrong)
    return activation_patching(work.model, work.clean, work.corrupt, metric, sites="heads", **arguments).values


def streaming(work: Prompts) -> list[str]:
    """Results come batch by batch, and a sweep that is cancelled at the first ends before the next."""
    came: list[tuple[float, int]] = []
    began = time.perf_counter()

    def on_result(table: Table) -> None:
        came.append((time.perf_counter() - began, int(table.values.isfinite().sum())))

    total = ours(work, on_result=on_result).numel()
    ended, batches = time.perf_counter() - began, len(came)
    assert batches > 1 and came[0][1] < total == came[-1][1], "results do not come as they are known"
    (first, heads), longest = came[0], max(b - a for (a, _), (b, _) in itertools.pairwise(came))
    came.clear()
    began = time.perf_counter()
    try:
        ours(work, on_result=on_result, cancel=lambda: bool(came))
    except Cancelled:
        stopped = time.perf_counter() - began - came[0][0]
    else:
        raise AssertionError("a cancelled sweep went on")
    assert len(came) == 1, "a cancelled sweep went on for another batch"
    return [
        f"Attrium streams {batches} batches: the first {heads} results after {first / ended:.0%} of the wall time, "
        f"the longest wait {longest:.2f} s; cancelled, it ends {1000 * stopped:.0f} ms later"
    ]


# ---- TransformerLens's own sweep


def by_transformer_lens(work: Prompts) -> Tensor:
    """144 runs; of the clean run it keeps only what the sweep reads."""
    from transformer_lens.patching import get_act_patch_attn_head_out_all_pos

    def difference(logits: Tensor) -> Tensor:
        return logits[0, -1, work.correct] - logits[0, -1, work.wrong]

    _, cache = work.bridge.run_with_cache(work.clean, names_filter=lambda name: name.endswith("attn.hook_z"))
    found: Tensor = get_act_patch_attn_head_out_all_pos(work.bridge, work.corrupt, cache, difference)
    return found


# ---- the least work known to us


def by_hand(work: Prompts) -> Tensor:
    """A layer's heads as one batch, from where they are patched on.

    The patch is added to the stream as a difference, the last block works on the last position alone, and only the two
    logits are computed. The modules of the model do the rest, as they come.
    """
    body, readout = work.model.transformer, work.model.lm_head.weight
    readout = readout[work.correct] - readout[work.wrong]
    last = len(body.h) - 1
    found = []
    for layer, (difference, x) in enumerate(head_differences(work)):
        x = fed_forward(body.h[layer], (x + difference)[:, -1:] if layer == last else x + difference)
        for later in body.h[layer + 1 :]:
            z = mixed(later, x, work.heads, only_last=later is body.h[last])
            x = fed_forward(later, x[:, -z.shape[1] :] + later.attn.c_proj(z))
        found.append(body.ln_f(x[:, -1]) @ readout)
    return torch.stack(found)


def head_differences(work: Prompts) -> list[tuple[Tensor, Tensor]]:
    """Per layer what patching each head adds `(head, position, width)`, and the corrupt stream after attention."""
    body, both = work.model.transformer, torch.cat([work.clean, work.corrupt])
    x = body.wte(both) + body.wpe(torch.arange(both.shape[1]))
    found = []
    for block in body.h:
        z = mixed(block, x, work.heads)
        x = x + block.attn.c_proj(z)
        change = rivals.in_heads(z[0] - z[1], work.heads).transpose(0, 1)
        found.append((change @ block.attn.c_proj.weight.unflatten(0, (work.heads, -1)), x[1:]))
        x = fed_forward(block, x)
    return found


def mixed(block: Any, x: Tensor, heads: int, only_last: bool = False) -> Tensor:
    """What a block's heads pass to its output projection `(rows, position, width)`."""
    parts = block.attn.c_attn(block.ln_1(x)).chunk(3, dim=-1)
    q, k, v = (rivals.in_heads(part, heads).transpose(1, 2) for part in parts)
    q = q[:, :, -1:] if only_last else q
    return scaled_dot_product_attention(q, k, v, is_causal=not only_last).transpose(1, 2).flatten(-2)


def fed_forward(block: Any, x: Tensor) -> Tensor:
    """The stream after a block's MLP."""
    after: Tensor = x + block.mlp(block.ln_2(x))
    return after


# ---- the case


def without_gradients(run: Run) -> Any:
    """Run so."""
    with torch.no_grad():
        return run()


def sweeping(work: Prompts) -> dict[str, Contender]:
    """Ours, the least work by hand, and TransformerLens."""
    return rivals.installed(
        {
            "ours": Contender(partial(ours, work)),
            "by hand": Contender(partial(without_gradients, partial(by_hand, work))),
            "transformer_lens": Contender(
                partial(without_gradients, partial(by_transformer_lens, work)), warm=lambda: work.bridge
            ),
        }
    )


CASES = [
    Case(
        "head-sweep",
        "activation_patching, 144 heads, GPT-2, 32 tokens",
        "sweep",
        Prompts,
        sweeping,
        same_as=("transformer_lens", "by hand"),
        over="by hand",
        tolerance=1e-5,
        rivals=("transformer_lens",),
        rounds=0.6,
        about=streaming,
        limits=(Limit("cpu", "transformer_lens", saves_at_least=5.0), Limit("cpu", "by hand", at_most=1.1)),
    ),
]
