"""Starting a forward in the middle: what comes before is known from another run and is not computed again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # torch's own habit
from torch import Tensor, nn

from .architecture import Block, Stack, submodule
from .attention import Attention
from .errors import SiteError
from .interventions import Edge, Intervention, Slice
from .metrics import reading
from .names import Entry
from .results import output_weight
from .trace import Trace

if TYPE_CHECKING:
    from .run import Run

AFTER_ATTENTION = {
    "z",
    "result",
    "out",
    "attn_out",
    "resid_mid",
    "mlp.pre",
    "mlp.pre_linear",
    "mlp.post",
    "mlp.out",
    "mlp_out",
}


@dataclass(frozen=True, order=True)
class Start:
    """Where a forward starts.

    Args:
        layer: the first block that is computed.
        mixed: its attention is known too, up to the mix of values.
    """

    layer: int = 0
    mixed: bool = False


def earliest(entries: list[Entry], stack: Stack) -> Start:
    """The latest start from which all of some activations are still computed."""
    return min((_start(entry, stack) for entry in entries), default=Start())


def _start(entry: Entry, stack: Stack) -> Start:
    if entry.block is None:
        after = entry.name in ("unembed", "logits") or entry.name.startswith(f"{stack.prefix}ln_final")
        return Start(len(stack.blocks)) if after else Start()
    names = [block.name for block in stack.blocks]
    if entry.block.name not in names:
        return Start()
    layer = names.index(entry.block.name)
    if entry.quantity == "resid_post" and entry.block.form != "post-norm":
        return Start(layer + 1)
    mixed = entry.quantity in AFTER_ATTENTION and entry.role != "cross" and entry.block.cross is None
    return Start(layer, mixed)


def entries_of(run: Run, interventions: list[Intervention]) -> list[Entry]:
    """What some interventions change; for an edge, what its sender and receiver need."""
    found = []
    for intervention in interventions:
        found += [run.catalog[name] for name in run.names_of(intervention.site)]
        if isinstance(intervention.at, Edge):
            found += [run.catalog[f"{entry.block.name}.resid_pre"] for entry in found[-1:] if entry.block]
    return found


def possible(start: Start, stack: Stack, model: nn.Module) -> Start:
    """The start, or an earlier one where a module hands out more than its stream."""
    if any(block.returns is None for block in stack.blocks[: start.layer]):
        return Start()
    if start.mixed and start.layer < len(stack.blocks):
        block = stack.blocks[start.layer]
        if block.attention is None or block.attention.returns is None or "attn.o" not in block.parts:
            return Start(start.layer)
        if "forward" in submodule(model, block.attention.path).__dict__:
            return Start(start.layer)  # somebody's own forward may do more
    return start


def needed(start: Start, stack: Stack) -> list[str]:
    """Activations of the earlier run that a start takes over."""
    names = [f"{stack.blocks[start.layer - 1].name}.resid_post"] if start.layer else []
    if start.layer and stack.blocks[0].form == "post-norm":
        names = [f"{stack.blocks[start.layer - 1].name}.ln2.out"]
    if start.mixed and start.layer < len(stack.blocks):
        names.append(f"{stack.blocks[start.layer].name}.attn.z")
    return names


def skip(
    run: Run, start: Start, stack: Stack, base: Trace, repeats: int, within: contextlib.ExitStack, first: int = 0
) -> None:
    """Take over the blocks before a start from an earlier run, its examples repeated.

    Args:
        run: the run that starts late.
        start: where; see `possible`.
        stack: of the architecture.
        base: holds `needed(start, stack)`.
        repeats: how often the earlier run's examples follow one another in the batch.
        within: puts all back when it closes.
        first: the position that the run begins at.
    """
    for block in stack.blocks[: max(start.layer - 1, 0)]:
        _replace(submodule(run.model, block.path), _same(block), within)
    if start.layer:
        block = stack.blocks[start.layer - 1]
        stream = _repeated(base[needed(start, stack)[0]][:, first:], repeats)
        stream = stream if stack.batch_first else stream.transpose(0, 1)
        _replace(submodule(run.model, block.path), _known(stream, block.returns), within)
    if start.mixed and start.layer < len(stack.blocks):
        block = stack.blocks[start.layer]
        _skip_attention(run, block, _repeated(base[f"{block.name}.attn.z"][:, first:], repeats), within)


def _repeated(value: Tensor, repeats: int) -> Tensor:
    return value.repeat(repeats, *[1] * (value.dim() - 1)) if repeats > 1 else value.contiguous()


def _same(block: Block) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        stream = args[0] if args else next(iter(kwargs.values()))
        return _handed(stream, block.returns)

    return forward


def _known(value: Tensor, returns: int | None) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        return _handed(value, returns)

    return forward


def _handed(value: Tensor, returns: int | None) -> Any:
    return (value, *[None] * (returns - 1)) if returns else value


def _skip_attention(run: Run, block: Block, z: Tensor, within: contextlib.ExitStack) -> None:
    """The attention's module hands on a known mix of values, changed where asked."""
    heads = block.attention
    assert heads is not None
    record = f"{block.name}.attn"
    changes = run.edits.get(f"{record}.z", [])
    entry = run.catalog[f"{record}.z"]
    sparse = _Sparse.of(run, block, changes)
    output = submodule(run.model, block.part("attn.o").path)
    inside = block.part("attn.o").path.startswith(f"{heads.path}.")

    def forward(*args: Any, **kwargs: Any) -> Any:
        mixed = run.changed(changes, entry, z)
        none = mixed.new_empty(0)
        run.records[record] = (Attention(none, none, none), mixed)
        if sparse is not None:
            return _handed(sparse.written(z, mixed, output), heads.returns)
        flat = mixed.reshape(*mixed.shape[:2], -1).contiguous()
        return _handed(output(flat) if inside else flat, heads.returns)

    _replace(submodule(run.model, heads.path), forward, within)


@dataclass(frozen=True)
class _Sparse:
    """An output projection of which only a few heads of each example have changed: the rest is known."""

    weight: Tensor
    parts: tuple[tuple[slice, list[int]], ...]
    examples: int

    @classmethod
    def of(cls, run: Run, block: Block, changes: Sequence[Intervention]) -> _Sparse | None:
        """For interventions on the mixed values of single heads, each in its own examples; None for all others."""
        inside = block.part("attn.o").path.startswith(f"{block.part('attn').path}.")
        names = {
            f"{block.name}.{name}" for name in ("attn.out", "attn.result", "attn_out", "resid_mid", "ln1_post.out")
        }
        output = submodule(run.model, block.part("attn.o").path)
        own = bool(output._forward_hooks or output._forward_pre_hooks or "forward" in output.__dict__)
        if not inside or own or run.edges or names & (run.edits.keys() | set(run.passage.tensors) | run.needed):
            return None
        heads: dict[tuple[int, int], set[int]] = {}
        assert block.attention is not None
        for change in changes:
            head = change.site.head
            if not isinstance(change, Slice) or head is None:
                return None
            chosen = [head] if isinstance(head, int) else head
            heads.setdefault((change.start, change.stop), set()).update(h % block.attention.n_heads for h in chosen)
        parts = [(slice(*rows), sorted(found)) for rows, found in heads.items()]
        if not parts or f"{block.name}.attn.result" not in run.catalog:
            return None
        weight = output_weight(run.model, run.catalog[f"{block.name}.attn.result"])
        return cls(weight, tuple(parts), parts[0][0].stop - parts[0][0].start)

    def written(self, known: Tensor, mixed: Tensor, output: nn.Module) -> Tensor:
        """What the attention writes: the known part once, and the differences of the changed heads."""
        first = known[: self.examples]
        plain = output.forward(first.reshape(*first.shape[:2], -1).contiguous())
        out = _repeated(plain, known.shape[0] // self.examples)
        for rows, heads in self.parts:
            change = mixed[rows][:, :, heads] - known[rows][:, :, heads]
            out[rows] += torch.einsum("bnhv,hvd->bnd", change, self.weight[heads].to(change.device))
        return out


def _replace(module: nn.Module, forward: Callable[..., Any], within: contextlib.ExitStack) -> None:
    """Another forward for one module until `within` closes."""
    own = module.__dict__.get("forward")

    def back() -> None:
        if own is None:
            module.__dict__.pop("forward", None)
        else:
            module.__dict__["forward"] = own

    within.callback(back)
    module.__dict__["forward"] = forward


def read_only(run: Run, metric: object, stack: Stack, within: contextlib.ExitStack) -> None:
    """Compute only what a metric reads, if it says so.

    A metric with a `position` reads no other: the last block's output projection, its MLP and the unembedding run for
    that one. What a sublayer writes there is broadcast over the others when it is added; those hold nonsense that
    nothing reads. A metric with `tokens` reads the logits of these only; the others are left at 0.
    """
    position, tokens = reading(metric)
    final = run.architecture.unembed
    if final is not None and tokens is not None and "unembed" not in run.edits and "unembed" not in run.passage.tensors:
        _read_tokens(submodule(run.model, final.path), tokens, within)
    if not isinstance(position, int) or not run.architecture.per_position:
        return
    block = stack.blocks[-1]
    before = ("q", "k", "v", "rot_q", "rot_k", "scores", "masked_scores", "pattern", "z")
    free = {f"{block.name}.{name}" for name in ("resid_pre", "ln1.out", *(f"attn.{q}" for q in before))}
    used = [
        name for name in (*run.edits, *run.passage.tensors) if name.startswith(f"{block.name}.") and name not in free
    ]
    late = (f"{stack.prefix}ln_final", "unembed")
    used += [name for name in (*run.edits, *run.passage.tensors) if name.startswith(late)]
    if (
        not used
        and not run.edges
        and block.form != "post-norm"
        and not block.overwritten
        and stack.batch_first
        and "attn.o" in block.parts
        and block.cross is None
    ):
        paths = [block.parts["attn.o"].path] + ([block.parts["mlp"].path] if "mlp" in block.parts else [])
        for path in paths:
            within.callback(submodule(run.model, path).register_forward_pre_hook(_only(position)).remove)
    if final is not None and "unembed" not in run.edits and "unembed" not in run.passage.tensors:
        within.callback(submodule(run.model, final.path).register_forward_pre_hook(_only(position)).remove)


def _read_tokens(module: nn.Module, tokens: tuple[int, ...], within: contextlib.ExitStack) -> None:
    """Logits of a few tokens; nothing else of the vocabulary is computed."""
    if (
        type(module) is not nn.Linear
        or "forward" in module.__dict__
        or not all(0 <= t < module.out_features for t in tokens)
    ):
        return
    ids = torch.tensor(sorted(set(tokens)), device=module.weight.device)
    weight = module.weight[ids]
    own: Tensor | None = module.bias
    bias = None if own is None else own[ids]

    def forward(stream: Tensor) -> Tensor:
        logits = stream.new_zeros(*stream.shape[:-1], module.out_features)
        logits[..., ids] = F.linear(stream, weight, bias)
        return logits

    _replace(module, forward, within)


def _only(position: int) -> Callable[..., Any]:
    def hook(module: nn.Module, args: Any) -> Any:
        stream = args[0]
        if stream.dim() < 3:
            return None
        if not -stream.shape[1] <= position < stream.shape[1]:
            raise SiteError(
                f"position {position} of the metric is out of range: there are {stream.shape[1]}; pass one of these"
            )
        return None if stream.shape[1] == 1 else (stream[:, position : position + 1 or None], *args[1:])

    return hook


def fused_activations(model: nn.Module, within: contextlib.ExitStack) -> None:
    """GPT-2's activation as one kernel of torch rather than eight: the same formula, equal to rounding."""
    for module in model.modules():
        if type(module).__name__ in ("NewGELUActivation", "FastGELUActivation") and "forward" not in module.__dict__:
            _replace(module, lambda value: F.gelu(value, approximate="tanh"), within)
