"""The weights of a transformer under the field's names, split in heads, whatever the model calls them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from attrium_kernel.running import untouched

from .architecture import Architecture, Block, Heads, Part, Stack
from .errors import ArchitectureError, SiteError
from .inputs import inner_module

Kind = Literal["self", "cross"]
LinearMap = tuple[Tensor, Tensor | None]
"""`(d_in, d_out)` and `(d_out,)`: what a projection does to a row vector, `x @ weight + bias`."""


class Weights:
    """Weights of one stack by role: `Weights(model).W_Q(3)` is `(head, d_model, d_head)`.

    All maps act on row vectors: `q = x @ W_Q[head] + b_Q[head]`, `result = z @ W_O[head]`, `logits = x @ W_U + b_U`.

    Tensors are detached views of the model's parameters wherever the layout allows it (plain and transposed
    projections, contiguous or regularly interleaved fused ones): writing into them changes the model. Copies are made
    for irregular columns, for `expanded=True` with fewer key heads than heads, and for modules that are linear but do
    not keep one plain matrix (adapters, quantised layers); those are measured once, by sending the identity through.
    Weights that accelerate has offloaded are fetched for as long as they are looked at, and are copies where they had
    to be moved or read from disk.

    These are the projections alone. A norm of queries or keys after the projection, and the rotation by position,
    stand between them and the dot product: `W_Q[h] @ W_K[h].T` is then the score of two tokens at the same position,
    before those norms.

    Args:
        model: the transformer.
        architecture: where its parts are; None finds out.
        stack: "", "encoder" or "decoder"; None is the stack whose logits are read (the last).
    """

    def __init__(self, model: nn.Module, architecture: Architecture | None = None, *, stack: str | None = None) -> None:
        self.model = inner_module(model)
        self.architecture = Architecture.of(model) if architecture is None else architecture
        self.stack = stack
        self._measured: dict[str, LinearMap] = {}

    @property
    def n_layers(self) -> int:
        """Blocks of the stack."""
        return len(self._stack().blocks)

    def heads(self, layer: int, kind: Kind = "self") -> Heads:
        """Counts of heads in one block."""
        block = self._block(layer)
        heads = block.attention if kind == "self" else block.cross
        if heads is None:
            raise SiteError(f"{block.name} ({block.path}) has no {kind}-attention")
        return heads

    def W_Q(self, layer: int, kind: Kind = "self") -> Tensor:
        """`(head, d_model, d_head)`."""
        return self._split(layer, kind, "q")[0]

    def W_K(self, layer: int, kind: Kind = "self", *, expanded: bool = False) -> Tensor:
        """`(kv_head, d_model, d_head)`; `expanded` repeats each for the heads that share it: `(head, ...)`."""
        return self._expand(self._split(layer, kind, "k")[0], layer, kind, expanded)

    def W_V(self, layer: int, kind: Kind = "self", *, expanded: bool = False) -> Tensor:
        """`(kv_head, d_model, d_head)`; `expanded` repeats each for the heads that share it: `(head, ...)`."""
        return self._expand(self._split(layer, kind, "v")[0], layer, kind, expanded)

    def W_O(self, layer: int, kind: Kind = "self") -> Tensor:
        """`(head, d_head, d_model)`. A norm or multiplier after it is not in it."""
        heads = self.heads(layer, kind)
        part = self._part(layer, f"{_attention(kind)}.o")
        weight, _ = self._map(part, None)
        if weight.shape[0] % heads.n_heads:
            raise ArchitectureError(
                f"{part.path} takes {weight.shape[0]} features, which {heads.n_heads} heads cannot share evenly; "
                "correct the architecture"
            )
        return weight.reshape(heads.n_heads, -1, weight.shape[1])

    def b_Q(self, layer: int, kind: Kind = "self") -> Tensor | None:
        """`(head, d_head)`, or None for a projection without bias."""
        return self._split(layer, kind, "q")[1]

    def b_K(self, layer: int, kind: Kind = "self", *, expanded: bool = False) -> Tensor | None:
        """`(kv_head, d_head)`, or None."""
        bias = self._split(layer, kind, "k")[1]
        return None if bias is None else self._expand(bias, layer, kind, expanded)

    def b_V(self, layer: int, kind: Kind = "self", *, expanded: bool = False) -> Tensor | None:
        """`(kv_head, d_head)`, or None."""
        bias = self._split(layer, kind, "v")[1]
        return None if bias is None else self._expand(bias, layer, kind, expanded)

    def b_O(self, layer: int, kind: Kind = "self") -> Tensor | None:
        """`(d_model,)`, or None."""
        return self._map(self._part(layer, f"{_attention(kind)}.o"), None)[1]

    def W_in(self, layer: int) -> Tensor:
        """`(d_model, d_mlp)`: to the hidden units; in a gated MLP the factor without activation."""
        return self._features(layer, "mlp.up")[0]

    def W_gate(self, layer: int) -> Tensor:
        """`(d_model, d_mlp)`: to the gate of a gated MLP, before its activation.

        Raises: `ArchitectureError` where the MLP has no gate.
        """
        return self._features(layer, "mlp.gate")[0]

    def W_out(self, layer: int) -> Tensor:
        """`(d_mlp, d_model)`."""
        return self._features(layer, "mlp.down")[0]

    def b_in(self, layer: int) -> Tensor | None:
        """`(d_mlp,)`, or None."""
        return self._features(layer, "mlp.up")[1]

    def b_gate(self, layer: int) -> Tensor | None:
        """`(d_mlp,)`, or None."""
        return self._features(layer, "mlp.gate")[1]

    def b_out(self, layer: int) -> Tensor | None:
        """`(d_model,)`, or None."""
        return self._features(layer, "mlp.down")[1]

    @property
    def W_E(self) -> Tensor:
        """`(vocab, d_model)`, as stored: a multiplier that the model applies afterwards is not in it.

        Raises: `ArchitectureError` for inputs that are not looked up in a table (pixels).
        """
        return self._table(self._stack().embed, "embedding")

    @property
    def W_pos(self) -> Tensor:
        """`(positions, d_model)`, as stored: some models keep rows for padding before position 0 (OPT: two).

        Raises: `ArchitectureError` for a model without a learned position table.
        """
        return self._table(self._stack().pos_embed, "position embedding")

    @property
    def W_U(self) -> Tensor:
        """`(d_model, vocab)`; a view of the embedding where they are tied."""
        return self._unembed()[0]

    @property
    def b_U(self) -> Tensor | None:
        """`(vocab,)`, or None."""
        return self._unembed()[1]

    def _stack(self) -> Stack:
        return self.architecture.stack(self.stack)

    def _block(self, layer: int) -> Block:
        blocks = self._stack().blocks
        if not -len(blocks) <= layer < len(blocks):
            raise SiteError(f"layer={layer}, but the stack has {len(blocks)} blocks; pass 0 <= layer < {len(blocks)}")
        return blocks[layer]

    def _part(self, layer: int, role: str) -> Part:
        return self._block(layer).part(role)

    def _split(self, layer: int, kind: Kind, which: Literal["q", "k", "v"]) -> LinearMap:
        """One projection in heads: `(n, d_model, d_head)` and `(n, d_head)`."""
        heads = self.heads(layer, kind)
        n = heads.n_heads if which == "q" else heads.n_kv_heads
        part = self._before_norm(self._part(layer, f"{_attention(kind)}.{which}"))
        weight, bias = self._map(part, self.architecture.d_model)
        count = weight.shape[1] if part.columns is None else len(part.columns)
        if count % n:
            raise ArchitectureError(
                f"{part.path} gives {count} features for {which}, which {n} heads cannot share evenly; correct the "
                "architecture"
            )
        split = in_heads(weight, part.columns, n, count // n)
        return split.transpose(0, 1), None if bias is None else in_heads(bias[None], part.columns, n, count // n)[0]

    def _before_norm(self, part: Part) -> Part:
        """The projection itself, where a trace reads queries or keys after a norm of their own (`q_norm`, `q_proj`)."""
        weight = getattr(self.model.get_submodule(part.path), "weight", None)
        if not isinstance(weight, Tensor) or weight.dim() != 1:
            return part
        parent, _, name = part.path.rpartition(".")
        beside = {n: m for n, m in self.model.get_submodule(parent).named_children() if isinstance(m, nn.Linear)}
        stem = name.lower().split("norm")[0].rstrip("_")
        named = [n for n in beside if stem and n.lower().startswith(stem)]
        if len(named) != 1:
            raise ArchitectureError(
                f"{part.path} is a norm, and which projection it follows is unclear: {', '.join(beside) or 'none'} are "
                "beside it. Name the projection with architecture.corrected, and make Weights with that"
            )
        return Part(f"{parent}.{named[0]}")

    def _expand(self, tensor: Tensor, layer: int, kind: Kind, expanded: bool) -> Tensor:
        heads = self.heads(layer, kind)
        shared = heads.n_heads // heads.n_kv_heads
        return tensor.repeat_interleave(shared, 0) if expanded and shared > 1 else tensor

    def _features(self, layer: int, role: str) -> LinearMap:
        part = self._part(layer, role)
        weight, bias = self._map(part, None if role == "mlp.down" else self.architecture.d_model)
        if part.columns is None or role == "mlp.down":
            return weight, bias
        n = len(part.columns)
        return (
            in_heads(weight, part.columns, 1, n)[:, 0],
            None if bias is None else in_heads(bias[None], part.columns, 1, n)[0, 0],
        )

    def _table(self, part: Part | None, what: str) -> Tensor:
        module = None if part is None else self.model.get_submodule(part.path)
        with in_memory(module):
            weight = getattr(module, "weight", None)
        if not isinstance(weight, Tensor) or weight.dim() != 2:
            raise ArchitectureError(
                f"This model has no {what} table: {'no such part' if part is None else part.path + ' looks nothing up'}"
            )
        return _readable(weight.detach(), part.path if part else what)

    def _unembed(self) -> LinearMap:
        part = self.architecture.unembed
        if part is None:
            raise ArchitectureError("This model has no unembedding: it returns activations, not logits")
        return self._map(part, self.architecture.d_model)

    def _map(self, part: Part, d_in: int | None) -> LinearMap:
        module = self.model.get_submodule(part.path)
        with in_memory(module):
            packed, bias = getattr(module, "in_proj_weight", None), getattr(module, "in_proj_bias", None)
        if isinstance(packed, Tensor):  # nn.MultiheadAttention keeps q, k and v in one parameter of its own
            return _readable(packed, part.path).T, _detached(bias)
        plain = plain_map(module, part.path)
        if plain is not None:
            return plain
        if part.path not in self._measured:
            self._measured[part.path] = measured_map(module, part.path, d_in)
        return self._measured[part.path]


def in_heads(tensor: Tensor, columns: Sequence[int] | None, n: int, width: int) -> Tensor:
    """Split features in heads: `(rows, features)` -> `(rows, n, width)`.

    A view where the columns lie at even distances (fused projections usually interleave heads evenly), else a copy.

    Args:
        columns: which features, in `(n, width)` order; None for all.
    """
    if columns is None:
        return tensor.reshape(-1, n, width)
    first, step = columns[0], (columns[width] - columns[0]) if n > 1 else width
    even = step > 0 and list(columns) == [first + step * i + j for i in range(n) for j in range(width)]
    if even:
        return tensor[:, first:].unfold(1, width, step)[:, :n]
    return tensor[:, torch.as_tensor(columns, device=tensor.device)].reshape(-1, n, width)


def plain_map(module: nn.Module, path: str) -> LinearMap | None:
    """The map of a module that keeps one plain matrix, as views; None if it keeps none, or does something else with it.

    `nn.Linear` keeps `(out, in)`, the `Conv1D` of transformers `(in, out)`. Other classes are asked: which of the two
    does the module do with a random vector?
    """
    with in_memory(module):
        weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if not isinstance(weight, Tensor) or weight.dim() != 2 or not weight.is_floating_point():
        return None
    weight, bias = _readable(weight, path), _detached(bias)
    if type(module).forward is nn.Linear.forward:
        return weight.T, bias
    for matrix in (weight, weight.T):
        if _does(module, (matrix, bias)):
            return matrix, bias
    return None


def measured_map(module: nn.Module, path: str, d_in: int | None) -> LinearMap:
    """The map of any module that is linear in effect, by sending zero and the identity through it: copies.

    Raises: `ArchitectureError` if it is not linear, or its input width is not known.
    """
    d_in = d_in or getattr(module, "in_features", None)
    if d_in is None:
        raise ArchitectureError(
            f"{path} ({type(module).__name__}) keeps no plain weight matrix and does not say its input width "
            "(in_features), so its weights can't be read; name the projection inside it with architecture.corrected"
        )
    like = _like(module, torch.empty(0))
    _readable(like, path)
    with torch.no_grad(), in_memory(module), untouched(module, False):
        probe = torch.eye(d_in, dtype=like.dtype, device=like.device)
        bias = module.forward(torch.zeros_like(probe[:1]))[0].float()
        weight = torch.cat([module.forward(rows).float() - bias for rows in probe.chunk(-(-d_in // 512))])
    found = weight, (bias if bias.any() else None)
    if not _does(module, found):
        raise ArchitectureError(
            f"{path} ({type(module).__name__}) is not a linear map, so it has no weights of the asked kind; name the "
            "projection with architecture.corrected"
        )
    return found


def _does(module: nn.Module, claim: LinearMap) -> bool:
    """Whether a module maps random vectors as claimed, to within its precision."""
    weight, bias = claim
    like = _like(module, weight)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(3, weight.shape[0], generator=generator).to(like.device, like.dtype)
    try:
        with torch.no_grad(), in_memory(module), untouched(module, False):
            out = module.forward(x)  # hooks are left alone: a run may be going on
    except (RuntimeError, TypeError, ValueError):
        return False
    wanted = functional.linear(x.float(), weight.float().T, None if bias is None else bias.float())
    if not isinstance(out, Tensor) or out.shape != wanted.shape:
        return False
    tolerance = 30 * torch.finfo(like.dtype).eps * max(1.0, weight.shape[0] ** 0.5 / 8)
    return bool((out.float() - wanted).abs().max() <= tolerance * wanted.abs().max().clamp(min=1e-30))


@contextmanager
def in_memory(module: nn.Module | None) -> Iterator[None]:
    """Have the weights that a module keeps itself in memory where accelerate offloads them; else nothing happens.

    A forward of the module within sends them away again: take hold of tensors before. Afterwards the module has the
    very placeholders that it had, so that nobody takes it for changed.
    """
    if module is None or not _fetched_by_hook(module):
        yield
        return
    align_module_device = import_module("accelerate.utils").align_module_device
    before = dict(module._parameters)
    try:
        with align_module_device(module):
            yield
    finally:
        module._parameters.update(before)


def _fetched_by_hook(module: nn.Module) -> bool:
    """Whether weights of its own are on meta, and a hook of accelerate brings them for a forward."""
    away = any(p.is_meta for p in module.parameters(recurse=False))
    return away and bool(getattr(getattr(module, "_hf_hook", None), "offload", False))


def _like(module: nn.Module, otherwise: Tensor) -> Tensor:
    """A tensor of the kind and place that a module takes: a weight in it, if it has one."""
    for part in module.modules():
        for parameter in part.parameters(recurse=False):
            if parameter.is_floating_point():
                if not _fetched_by_hook(part):
                    return parameter
                where: Any = part._hf_hook
                return torch.empty(0, dtype=parameter.dtype, device=where.execution_device)
    return otherwise


def _readable(weight: Tensor, path: str) -> Tensor:
    if weight.is_meta:
        raise ArchitectureError(
            f"The weights of {path} are not in memory (meta device: not loaded, or offloaded to disk); load the model "
            "without offloading this part"
        )
    return weight.detach()


def _detached(bias: object) -> Tensor | None:
    return bias.detach() if isinstance(bias, Tensor) else None


def _attention(kind: Kind) -> str:
    return "attn" if kind == "self" else "cross"
