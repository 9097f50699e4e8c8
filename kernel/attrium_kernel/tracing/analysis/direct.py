"""Direct logit attribution: the logits as a sum over what every head, MLP and bias wrote to the stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ..architecture import Architecture, Block, Part
from ..errors import SiteError
from ..trace import Trace
from ..weights import Kind, Weights
from .frozen import FrozenNorm, NormParts, freeze, norm_parts, tolerance
from .places import Positions, TokenIds, architecture_of, check_tokens, chosen_positions, model_of
from .readout import Readout, last_of_stream, unembedded

WRITERS: tuple[tuple[str, Kind | None, str], ...] = (
    ("attn", "self", "ln1_post"),
    ("cross", "cross", "ln_cross_post"),
    ("mlp", None, "ln2_post"),
)


@dataclass(frozen=True)
class DirectLogits:
    """What each component adds to the logit of a token, or to the difference of two.

    Args:
        labels: of the components, in forward order: `"embed"`, `"pos_embed"`, `"blocks.0.attn.head.3"`,
            `"blocks.0.attn.bias"`, `"blocks.0.mlp"`, ..., `"ln_final.bias"`, `"unembed.bias"`. A last one, `"rest"`,
            only where these do not add up: after interventions that set the stream itself rather than what is added to
            it, or where the model adds something that has no name.
        values: `(component, batch, position)`, with a last axis `token` if several were asked for; in logits.
        unembed: `(batch, position[, token])` what the unembedding gave in the trace: what `values` add up to.
        positions: which positions of the trace.
        is_logits: the model returns the output of its unembedding unchanged. False where a scale or a softcap follows
            (Gemma 2): the values then explain the number before that, which has the same order over tokens.
    """

    labels: tuple[str, ...]
    values: Tensor
    unembed: Tensor
    positions: tuple[int, ...]
    is_logits: bool

    @property
    def gap(self) -> Tensor:
        """`(batch, position[, token])` unembed minus the sum of values: rounding."""
        return self.unembed - self.values.sum(0)

    def of(self, label: str) -> Tensor:
        """`(batch, position[, token])` of one component."""
        if label not in self.labels:
            raise SiteError(f"no component {label!r}; the components are {', '.join(self.labels)}")
        return self.values[self.labels.index(label)]

    def heads(self, kind: Kind = "self") -> Tensor:
        """`(layer, head, batch, position[, token])`.

        Raises: `SiteError` where layers have different numbers of heads, or none.
        """
        infix = ".attn.head." if kind == "self" else ".cross.head."
        layers: dict[str, list[Tensor]] = {}
        for label, value in zip(self.labels, self.values, strict=True):
            if infix in label:
                layers.setdefault(label.split(infix)[0], []).append(value)
        if len({len(values) for values in layers.values()}) != 1:
            raise SiteError(
                f"layers have {[len(v) for v in layers.values()]} heads of kind {kind!r}; read them by label"
            )
        return torch.stack([torch.stack(values) for values in layers.values()])


def direct_logits(
    trace: Trace, tokens: TokenIds, minus: TokenIds | None = None, *, positions: Positions = None
) -> DirectLogits:
    """Split logits into what each component wrote to the stream, the scales of all norms held fixed as measured.

    The last norm, with its scale fixed, is an affine map, and so is a norm between a sublayer and the stream (Gemma 2):
    each component's share is a dot product with the token's direction in the stream. Heads include what the bias of
    their values adds; `attn.bias` is the bias of the output projection.

    Args:
        trace: with `attn.z`, `mlp_out`, `attn_out`, the first `resid_pre`, the last `resid_post`, `ln_final.out`,
            `unembed` and `logits`.
        tokens: an id; several, for a last axis `token`; or a tensor `(batch, position)`, an id for each place.
        minus: ids to subtract, shaped alike or one for all: the values then explain the difference of logits.
        positions: which; None is all. A tensor of ids is indexed by the positions chosen.

    Raises:
        SiteError: post-norm models (BERT), where every block's norm rescales all earlier contributions together, so
            that no sum over components exists; ids or positions out of range; names missing from the trace.

    Source: Elhage et al. 2021, "A mathematical framework for transformer circuits"; nostalgebraist 2020.
    """
    aim = _Aim(trace, tokens, minus, positions)
    found = dict(aim.components())
    unembed = aim.unembed()
    rest = unembed - torch.stack([value.expand(aim.shape) for value in found.values()]).sum(0)
    if rest.abs().max() > tolerance(trace["unembed"].dtype) * (1 + unembed.abs().max()):
        found["rest"] = rest
    values = torch.stack([value.expand(aim.shape) for value in found.values()])
    if not aim.several:
        values, unembed = values[..., 0], unembed[..., 0]
    return DirectLogits(tuple(found), values, unembed, tuple(aim.positions), aim.readout.plain)


def direct_neurons(
    trace: Trace, layer: int, tokens: TokenIds, minus: TokenIds | None = None, *, positions: Positions = None
) -> Tensor:
    """What each hidden unit of one MLP adds to a logit: `(batch, position, neuron)`, or `(..., neuron, token)`.

    With the share of the output bias they add up to the MLP's share in `direct_logits`. Arguments and raises as there.
    """
    aim = _Aim(trace, tokens, minus, positions)
    blocks = aim.architecture.main.blocks
    if not -len(blocks) <= layer < len(blocks):
        raise SiteError(f"layer={layer}, but there are {len(blocks)} blocks; pass 0 <= layer < {len(blocks)}")
    block = blocks[layer]
    direction = aim.before_post(block, "mlp", "ln2_post")
    per_unit = direction @ aim.weights.W_out(layer).float().T.to(aim.device)
    values = aim.at(f"{block.name}.mlp.post")[..., None] * per_unit.transpose(-1, -2)
    return values if aim.several else values[..., 0]


class _Aim:
    """Directions in the stream that raise the logits asked for, at the places asked for."""

    def __init__(self, trace: Trace, tokens: TokenIds, minus: TokenIds | None, positions: Positions) -> None:
        self.trace, self.architecture = trace, architecture_of(trace)
        _refuse_post_norm(self.architecture)
        self.model, self.readout = model_of(trace), Readout.of(trace)
        self.weights = Weights(self.model, self.architecture)
        self.last = last_of_stream(self.architecture)
        self.batch, length, self.d_model = trace[self.last].shape
        self.positions = self._positions(positions, length)
        self.device = trace[self.last].device
        self.several = any(torch.as_tensor(t).dim() == 1 for t in (tokens, minus) if t is not None)
        self.plus = self._ids(tokens)
        self.minus = None if minus is None else self._ids(minus)
        sizes = {self.plus.shape[-1], 1 if self.minus is None else self.minus.shape[-1]} - {1}
        if len(sizes) > 1:
            raise SiteError(
                f"lists of {sorted(sizes)} tokens; pass as many to subtract as to subtract from, or one of either"
            )
        after = self.readout.factor * self._columns(self.readout.weight.T)
        self.final = self._final_norm()
        self.norm_bias = self.final.constant(after)
        self.direction = self.final.back(after.expand(*self.shape, self.d_model))

    @property
    def shape(self) -> tuple[int, int, int]:
        """(batch, position, token)."""
        return (
            self.batch,
            len(self.positions),
            max(self.plus.shape[-1], 0 if self.minus is None else self.minus.shape[-1]),
        )

    def components(self) -> Iterator[tuple[str, Tensor]]:
        """Label and `(batch, position, token)`, in forward order."""
        yield from self._input()
        for layer, block in enumerate(self.architecture.main.blocks):
            for writer, kind, post in WRITERS:
                if f"{writer}_out" in block.parts:
                    yield from self._written(layer, block, writer, kind, post)
        yield "ln_final.bias", self.norm_bias
        if self.readout.bias is not None:
            yield "unembed.bias", self._columns(self.readout.bias[:, None])[..., 0]

    def unembed(self) -> Tensor:
        """`(batch, position, token)` as in the trace."""
        seen = unembedded(self.trace).float()
        at = seen[:, None] if self.readout.pooled else seen[:, [p - self.readout.first for p in self.positions]]
        plus = at.gather(-1, self.plus.to(at.device).expand(*at.shape[:2], -1))
        if self.minus is not None:
            plus = plus - at.gather(-1, self.minus.to(at.device).expand(*at.shape[:2], -1))
        return plus.to(self.device)

    def at(self, name: str) -> Tensor:
        """A tensor of the trace at the places asked for, in float32."""
        return self.trace.read(name, position=self.positions).float()

    def before_post(self, block: Block, writer: str, post: str) -> Tensor:
        """Directions at the output of a sublayer, before its norm or multiplier if it has one."""
        return self._post(block, writer, post).back(self.direction)

    def _input(self) -> Iterator[tuple[str, Tensor]]:
        """What the first block receives; the learned positions on their own."""
        stack = self.architecture.main
        first = self.at(f"{stack.blocks[0].name}.resid_pre")
        name = f"{stack.prefix}pos_embed"
        if name not in self.trace.names:
            yield "embed", self._dot(first)
            return
        added = self.trace[name].float()
        added = added.expand(self.batch, *added.shape[1:])[:, self.positions]
        yield "embed", self._dot(first - added)
        yield "pos_embed", self._dot(added)

    def _written(
        self, layer: int, block: Block, writer: str, kind: Kind | None, post: str
    ) -> Iterator[tuple[str, Tensor]]:
        """What one sublayer added, head by head where it has heads."""
        heads = {"self": block.attention, "cross": block.cross}.get(kind or "")
        if kind is None or heads is None:
            yield f"{block.name}.{writer}", self._dot(self.at(f"{block.name}.{writer}_out"))
            return
        frozen = self._post(block, writer, post)
        direction = frozen.back(self.direction)
        z = self.at(f"{block.name}.{writer}.z")
        for head, w_o in enumerate(self.weights.W_O(layer, kind)):
            # the direction goes back through W_O, so no (position, head, d_model) is made
            share = torch.einsum("bpv,bptv->bpt", z[:, :, head], direction @ w_o.float().T.to(self.device))
            yield f"{block.name}.{writer}.head.{head}", share
        bias = self.weights.b_O(layer, kind)
        if bias is not None or frozen.parts.bias is not None:
            added = 0 if bias is None else direction @ bias.float().to(self.device)
            yield f"{block.name}.{writer}.bias", added + frozen.constant(self.direction)

    def _post(self, block: Block, writer: str, post: str) -> FrozenNorm:
        """The norm or multiplier between a sublayer and the stream, as it was on this trace."""
        part = block.parts.get(post)
        if part is None:
            return FrozenNorm(
                NormParts(), torch.full(self.shape[:2], block.factors.get(f"{writer}_out", 1.0), device=self.device)
            )
        before = self.at(f"{block.name}.{writer}.out")
        return self._frozen(part, before, f"{block.name}.{writer}_out", block.factors.get(f"{writer}_out", 1.0))

    def _final_norm(self) -> FrozenNorm:
        stack = self.architecture.main
        if stack.ln_final is None:
            return FrozenNorm(NormParts(), torch.ones(self.shape[:2], device=self.device))
        return self._frozen(stack.ln_final, self.at(self.last), f"{stack.prefix}ln_final.out")

    def _frozen(self, part: Part, before: Tensor, after: str, factor: float = 1.0) -> FrozenNorm:
        parts = norm_parts(self.model.get_submodule(part.path), self.d_model).to(self.device).times(factor)
        frozen, error = freeze(parts, before, self.at(after))
        if error > 10 * tolerance(self.trace[after].dtype):
            raise SiteError(
                f"{after} is not {part.path} of what went in, whatever its scale (error {error:.1e}): an intervention "
                "set it, so the logits cannot be split up by what came before it. Intervene before the norm"
            )
        return frozen

    def _dot(self, written: Tensor) -> Tensor:
        return torch.einsum("bpd,bptd->bpt", written, self.direction)

    def _columns(self, table: Tensor) -> Tensor:
        """Rows of `(vocab, k)` for the tokens, those of `minus` subtracted: `(batch or 1, position or 1, token, k)`."""
        rows = table[self.plus.to(table.device)].float()
        if self.minus is not None:
            rows = rows - table[self.minus.to(table.device)].float()
        return rows.to(self.device)

    def _ids(self, tokens: TokenIds) -> Tensor:
        """Ids as `(batch or 1, position or 1, token)`."""
        ids = check_tokens(torch.as_tensor(tokens), self.readout.weight.shape[1])
        if ids.dim() <= 1:
            return ids.reshape(1, 1, -1)
        if ids.shape != (self.batch, len(self.positions)):
            raise SiteError(
                f"tokens of shape {tuple(ids.shape)}, but the trace has (batch, position) = "
                f"{(self.batch, len(self.positions))} at the positions chosen; pass an id, a list of ids, or an id for "
                "each of these places"
            )
        return ids[..., None]

    def _positions(self, positions: Positions, length: int) -> list[int]:
        if self.readout.pooled:
            return [self.readout.first]
        chosen = chosen_positions(positions, length)
        if positions is None:
            return chosen[self.readout.first :]
        if chosen and min(chosen) < self.readout.first:
            raise SiteError(
                f"position {min(chosen)}: the model gave logits from position {self.readout.first} on; choose those"
            )
        return chosen


def _refuse_post_norm(architecture: Architecture) -> None:
    for block in architecture.main.blocks:
        if block.form == "post-norm":
            raise SiteError(
                f"{architecture.model_name} is a post-norm model: {block.name} norms the whole stream again after "
                "adding to it, so the logits are no sum over what components wrote, and direct logit attribution is "
                "not defined. Use ablation or patching, which run the model"
            )
