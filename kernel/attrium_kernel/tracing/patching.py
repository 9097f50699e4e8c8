"""Activation patching, ablation sweeps, attribution patching and causal tracing: tables of what matters where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .architecture import Architecture
from .capture import Capture
from .discover import discover, logits_of
from .errors import InterventionError, SiteError
from .inputs import Inputs
from .interventions import Intervention, Patch, Site, Steer, Zero
from .metrics import Metric, measured
from .prepare import prepared, unpacked
from .run import Run
from .sweeps import Cancel, Progress, base_names, base_trace, base_traces, iterate
from .trace import Trace, trace

STREAMS = ("resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out")
PER_HEAD = {"heads": "attn.z", "q": "attn.q", "k": "attn.k", "v": "attn.v", "patterns": "attn.pattern"}
KINDS = (*STREAMS, *PER_HEAD, "heads_by_position")


@dataclass(frozen=True, repr=False, eq=False)
class Table:
    """The metric under one intervention for each cell.

    Args:
        values: `(layer, position)`, `(layer, head)` or `(layer, head, position)`, mean over the examples; NaN where not
            computed yet.
        axes: their names.
        kind: what was changed.
        before: `(batch,)` the metric of the run that is changed.
        source: `(batch,)` the metric of the run that values come from; None for ablations.
    """

    values: Tensor
    axes: tuple[str, ...]
    kind: str
    before: Tensor
    source: Tensor | None = None

    def __repr__(self) -> str:
        shape = ", ".join(f"{axis} {size}" for axis, size in zip(self.axes, self.values.shape))
        known = self.values[self.values.isfinite()]
        span = f"{float(known.min()):.3g} to {float(known.max()):.3g}" if known.numel() else "nothing yet"
        return f"Table({self.kind}: {shape}; metric {span}, before {float(self.before.mean()):.3g})"

    def top(self, count: int = 10) -> list[tuple[tuple[int, ...], float]]:
        """The cells with the largest effects either way: `((layer, head), effect)`, largest first."""
        effects = self.effects().nan_to_num(0.0)
        order = effects.abs().flatten().argsort(descending=True)[:count].tolist()
        found = [tuple(int(i) for i in torch.unravel_index(torch.tensor(n), effects.shape)) for n in order]
        return [(cell, float(effects[cell])) for cell in found]

    def effects(self) -> Tensor:
        """Values less the metric of the run that was changed."""
        return self.values - self.before.mean()

    def recovered(self) -> Tensor:
        """Effects as a share of the way from the changed run to the source: 0 nothing, 1 all of it.

        Raises:
            InterventionError: both runs have the same metric, or there is no source.
        """
        if self.source is None:
            raise InterventionError("an ablation has no source run to recover; use effects()")
        gap = float((self.source - self.before).mean())
        if abs(gap) < 1e-12:
            raise InterventionError("both runs have the same metric, so there is nothing to recover; use effects()")
        return self.effects() / gap

    def error(self, exact: Table) -> dict[str, float]:
        """How far this table's effects are from another's: correlation, largest and mean difference."""
        if self.values.shape != exact.values.shape:
            raise InterventionError(
                f"tables of shapes {tuple(self.values.shape)} and {tuple(exact.values.shape)} can't be compared"
            )
        ours, theirs = self.effects().flatten().double(), exact.effects().flatten().double()
        gap = (ours - theirs).abs()
        several = len(ours) > 1
        correlation = float(torch.corrcoef(torch.stack([ours, theirs]))[0, 1]) if several else float("nan")
        return {"correlation": correlation, "largest": float(gap.max()), "mean": float(gap.mean())}


@dataclass(frozen=True)
class Cells:
    """The cells of a table and the site of each."""

    kind: str
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    sites: tuple[Site, ...]

    @classmethod
    def of(cls, kind: str, architecture: Architecture, positions: int) -> Cells:
        """All cells of a kind.

        Raises:
            SiteError: an unknown kind.
        """
        blocks = architecture.main.blocks
        if kind in STREAMS:
            sites = [Site(f"{b.name}.{kind}", position=p) for b in blocks for p in range(positions)]
            return cls(kind, ("layer", "position"), (len(blocks), positions), tuple(sites))
        if kind not in (*PER_HEAD, "heads_by_position"):
            raise SiteError(f"sites={kind!r}; pass the kind of activation to sweep over, one of {', '.join(KINDS)}")
        counts = {_heads(block, kind) for block in blocks}
        if len(counts) != 1:
            raise SiteError(f"blocks have different numbers of heads ({sorted(counts)}), which make no table")
        count = counts.pop()
        if kind == "heads_by_position":
            sites = [
                Site(f"{b.name}.attn.z", head=h, position=p)
                for b in blocks
                for h in range(count)
                for p in range(positions)
            ]
            return cls(kind, ("layer", "head", "position"), (len(blocks), count, positions), tuple(sites))
        sites = [Site(f"{b.name}.{PER_HEAD[kind]}", head=h) for b in blocks for h in range(count)]
        return cls(kind, ("layer", "head"), (len(blocks), count), tuple(sites))

    @property
    def names(self) -> tuple[str, ...]:
        """Activations that the cells are in."""
        return tuple(dict.fromkeys(site.name for site in self.sites))


def _heads(block: Any, kind: str) -> int:
    heads = block.attention
    if heads is None:
        raise SiteError(f"{block.name} has no attention")
    return int(heads.n_kv_heads if kind in ("k", "v") else heads.n_heads)


def activation_patching(
    model: Any,
    clean: Any,
    corrupt: Any,
    metric: Metric,
    sites: str = "resid_pre",
    *,
    tokenizer: Any = None,
    architecture: Architecture | None = None,
    batch_size: int | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    on_result: Callable[[Table], object] | None = None,
) -> Table:
    """Run the corrupt input with one activation from the clean run, for each activation.

    Source: Meng et al. 2022 (restoring states), Wang et al. 2023 (prompts that differ in a name).

    Args:
        model: as for `trace`.
        clean: input that values are taken from.
        corrupt: input that is run; as many tokens.
        metric: see `LogitDifference`.
        sites: `"resid_pre"`, `"resid_mid"`, `"resid_post"`, `"attn_out"`, `"mlp_out"` by position; `"heads"` (their
            mixed values, all positions), `"q"`, `"k"`, `"v"`, `"patterns"` by head; `"heads_by_position"`.
        tokenizer: for texts.
        architecture: found by default.
        batch_size: variations in one batch.
        progress: called with `(done, total)`.
        cancel: asked before every batch.
        on_result: given the table so far after every batch.

    Returns:
        A `Table`.

    Raises:
        Cancelled: when `cancel` said so.
        TraceError: one of its kinds.
    """
    model, clean_inputs, corrupt_inputs = _pair(model, clean, corrupt, tokenizer)
    architecture = architecture or discover(model, corrupt_inputs)
    cells = Cells.of(sites, architecture, _positions(corrupt_inputs, model, architecture))
    variations: list[Intervention] = [Zero(site) for site in cells.sites]  # where; what comes when the runs are known
    names = [*cells.names, *base_names(model, architecture, corrupt_inputs, variations, metric)]
    source, known = base_traces(model, (clean_inputs, corrupt_inputs), names, metric, architecture)
    variations = [Patch(site, source) for site in cells.sites]
    steps = iterate(
        model, corrupt_inputs, variations, metric,
        architecture=architecture, batch_size=batch_size, cancel=cancel, known=known,
        fresh=source if _masked_alike(clean_inputs, corrupt_inputs) else None,
    )  # fmt: skip
    ends = _number(metric, known), _number(metric, source)
    return _Filling(cells, len(variations)).filled(steps, *ends, progress, on_result)


def _masked_alike(a: Inputs, b: Inputs) -> bool:
    """Whether two inputs differ in their tokens only."""
    masks = [(inputs.kwargs or {}).get("attention_mask") for inputs in (a, b)]
    if masks[0] is None or masks[1] is None:
        return masks[0] is masks[1]
    return torch.equal(torch.as_tensor(masks[0]), torch.as_tensor(masks[1]))


def _pair(model: Any, clean: Any, corrupt: Any, tokenizer: Any) -> tuple[nn.Module, Inputs, Inputs]:
    """Both inputs, which must have the same shape: values are put in the place of one another."""
    model, tokenizer = unpacked(model, tokenizer)
    both = [prepared(model, given, tokenizer)[1] for given in (clean, corrupt)]
    shapes = [ids.shape for inputs in both if (ids := inputs.ids()) is not None]
    if len(shapes) == 2 and shapes[0] != shapes[1]:
        raise InterventionError(
            f"clean has {tuple(shapes[0])} tokens (batch, position) and corrupt {tuple(shapes[1])}; patching needs as "
            "many of both, so that each position stands for the same one: choose words of as many tokens"
        )
    return model, *both


class _Filling:
    """A table that fills in."""

    def __init__(self, cells: Cells, total: int) -> None:
        self.cells, self.total = cells, total
        self.flat = torch.full((total,), float("nan"))

    def table(self, before: Tensor, source: Tensor | None) -> Table:
        return Table(self.flat.reshape(self.cells.shape).clone(), self.cells.axes, self.cells.kind, before, source)

    def filled(
        self,
        steps: Iterator[Any],
        before: Tensor,
        source: Tensor | None,
        progress: Progress | None,
        on_result: Callable[[Table], object] | None,
    ) -> Table:
        done = 0
        for step in steps:
            self.flat[list(step.index)] = step.values.mean(dim=1)
            done += len(step.index)
            if on_result is not None:
                on_result(self.table(before, source))
            if progress is not None:
                progress(done, self.total)
        return self.table(before, source)


def ablation_sweep(
    model: Any,
    inputs: Any,
    metric: Metric,
    sites: str = "heads",
    *,
    how: Callable[[Site], Intervention] = Zero,
    tokenizer: Any = None,
    architecture: Architecture | None = None,
    batch_size: int | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    on_result: Callable[[Table], object] | None = None,
) -> Table:
    """The metric with each activation ablated in turn.

    Args:
        model: as for `trace`.
        inputs: as for `trace`.
        metric: see `LogitDifference`.
        sites: as for `activation_patching`.
        how: makes the intervention of a site: `Zero`, or `lambda site: Mean(site, source)`.
        tokenizer: for texts.
        architecture: found by default.
        batch_size: variations in one batch.
        progress: called with `(done, total)`.
        cancel: asked before every batch.
        on_result: given the table so far after every batch.
    """
    model, given, _ = prepared(model, inputs, tokenizer)
    architecture = architecture or discover(model, given)
    cells = Cells.of(sites, architecture, _positions(given, model, architecture))
    variations = [how(site) for site in cells.sites]
    known = base_trace(model, given, base_names(model, architecture, given, variations, metric), metric, architecture)
    steps = iterate(
        model, given, variations, metric,
        architecture=architecture, batch_size=batch_size, cancel=cancel, known=known,
    )  # fmt: skip
    return _Filling(cells, len(variations)).filled(steps, _number(metric, known), None, progress, on_result)


def _number(metric: Metric, found: Trace) -> Tensor:
    """A metric of a run, `(batch,)`."""
    assert found.logits is not None
    return measured(metric, found.logits.float()).detach().cpu()


def attribution_patching(
    model: Any,
    clean: Any,
    corrupt: Any,
    metric: Metric,
    sites: str = "resid_pre",
    *,
    tokenizer: Any = None,
    architecture: Architecture | None = None,
) -> Table:
    """Activation patching to first order: one gradient instead of a run for each cell (Nanda 2023; Syed et al. 2023).

    `effect = (value in clean - value in corrupt) . d metric / d value`, at the corrupt run. `Table.error` compares it
    with the exact sweep.

    Args:
        model: as for `trace`.
        clean: input that values are taken from.
        corrupt: input that is run; as many tokens.
        metric: differentiable.
        sites: as for `activation_patching`, but `"patterns"`.
        tokenizer: for texts.
        architecture: found by default.
    """
    model, clean_inputs, corrupt_inputs = _pair(model, clean, corrupt, tokenizer)
    architecture = architecture or discover(model, corrupt_inputs)
    if sites == "patterns":
        raise SiteError(
            "patterns are recomputed when read, so no gradient runs to them; take sites='heads', 'q', 'k' or 'v'"
        )
    cells = Cells.of(sites, architecture, _positions(corrupt_inputs, model, architecture))
    source = trace(model, clean_inputs, capture=Capture((*cells.names, "logits")), architecture=architecture)
    values, slopes, before = gradients(model, corrupt_inputs, metric, cells.names, architecture=architecture)
    effects = {name: ((source[name] - values[name]) * slopes[name]).sum(-1) for name in cells.names}
    found = torch.stack([_cell(effects[site.name], site) for site in cells.sites]).reshape(cells.shape)
    return Table(found.float().cpu() + before.mean(), cells.axes, sites, before, _number(metric, source))


def _cell(effect: Tensor, site: Site) -> Tensor:
    """Mean over examples of the effects `(batch, position[, head])` at one site."""
    if site.head is not None:
        effect = effect[..., site.head]
    if site.position is not None:
        effect = effect[:, site.position]
    return effect.reshape(effect.shape[0], -1).sum(-1).mean()


def gradients(
    model: Any,
    inputs: Any,
    metric: Metric,
    names: Sequence[str],
    *,
    tokenizer: Any = None,
    architecture: Architecture | None = None,
) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
    """Activations, the metric's gradient at each, and the metric itself.

    Args:
        model: as for `trace`.
        inputs: as for `trace`.
        metric: differentiable; its sum over the examples is derived.
        names: of activations that pass through the model: not scores, patterns, results or scales.
        tokenizer: for texts.
        architecture: found by default.

    Returns:
        `(values, gradients, metric)`: values and gradients by name, the metric `(batch,)`.
    """
    model, given, _ = prepared(model, inputs, tokenizer)
    architecture = architecture or discover(model, given)
    with Run(model, architecture, capture=Capture((*names, "logits")), grad=True) as run:
        output, traced = run.forward(given)
        logits = logits_of(output)
        assert traced is not None and logits is not None
        numbers = measured(metric, logits.float())
        raw = {name: traced.graph(name) for name in names}
        if not numbers.requires_grad:
            raise InterventionError(
                "no gradient reaches the metric: all parameters of the model are frozen (requires_grad=False); thaw "
                "one, the token embedding say, or use activation_patching"
            )
        found = torch.autograd.grad(numbers.sum(), [raw[name][0] for name in names], allow_unused=True)
    slopes = {}
    for name, slope in zip(names, found):
        tensor, back = raw[name]
        known: Tensor | None = slope  # None where the metric does not depend on it
        slopes[name] = back(torch.zeros_like(tensor) if known is None else known)
    return {name: traced[name].detach() for name in names}, slopes, numbers.detach().cpu()


def causal_tracing(
    model: Any,
    inputs: Any,
    metric: Metric,
    subject: Sequence[int],
    *,
    kind: str = "resid_post",
    window: int = 1,
    noise: float = 3.0,
    samples: int = 8,
    seed: int = 0,
    tokenizer: Any = None,
    architecture: Architecture | None = None,
    batch_size: int | None = None,
    progress: Progress | None = None,
    cancel: Cancel | None = None,
    on_result: Callable[[Table], object] | None = None,
) -> Table:
    """Blur the subject's embeddings with noise, then restore one clean state at a time (Meng et al. 2022, section 2).

    Args:
        model: as for `trace`.
        inputs: one text or one row of ids.
        metric: see `LogProbability`.
        subject: positions whose token embeddings are blurred.
        kind: what is restored: `"resid_post"`, `"attn_out"`, `"mlp_out"`, ...
        window: layers that are restored together, from `layer - window // 2` on, as in the paper's code.
        noise: standard deviation of the noise, in standard deviations of the token embeddings of this text.
        samples: draws of the noise that are averaged.
        seed: of the noise.
        tokenizer: for texts.
        architecture: found by default.
        batch_size: variations in one batch.
        progress: called with `(done, total)`.
        cancel: asked before every batch.
        on_result: given the table so far after every batch.

    Returns:
        A `Table` `(layer, position)`; `before` are the blurred runs, `source` is the clean one.
    """
    model, given, _ = prepared(model, inputs, tokenizer)
    architecture = architecture or discover(model, given)
    if kind not in STREAMS:
        raise SiteError(f"kind={kind!r}; pass one of {', '.join(STREAMS)}")
    if window < 1 or samples < 1 or not len(subject):
        raise SiteError(
            f"window={window}, samples={samples}, subject={list(subject)}; pass at least one layer, one draw and one "
            "position"
        )
    positions = _positions(given, model, architecture)
    clean = trace(model, given, capture=Capture(("embed", f"*blocks.*.{kind}", "logits")), architecture=architecture)
    embed = f"{architecture.main.prefix}embed"
    blurred = _blur(clean[embed], subject, noise, samples, seed)
    many = _repeat(given, samples)
    base = [Steer(Site(embed), blurred)]
    sites = _windows(architecture, kind, window, positions)
    steps = iterate(
        model, many, [[Patch(s, clean) for s in cell] for cell in sites], metric,
        base=base, architecture=architecture, batch_size=batch_size, cancel=cancel,
    )  # fmt: skip
    before = trace(model, many, capture="logits", interventions=base, architecture=architecture)
    cells = Cells(kind, ("layer", "position"), (architecture.n_layers, positions), ())
    ends = _number(metric, before), _number(metric, clean)
    return _Filling(cells, len(sites)).filled(steps, *ends, progress, on_result)


def _blur(embed: Tensor, subject: Sequence[int], noise: float, samples: int, seed: int) -> Tensor:
    """`(samples, position, d_model)` noise at the subject's positions."""
    if embed.shape[0] != 1:
        raise SiteError(f"causal tracing takes one text, not {embed.shape[0]}")
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(samples, *embed.shape[1:], generator=generator).to(embed) * noise * embed.std()
    kept = torch.zeros(embed.shape[1], 1, dtype=embed.dtype, device=embed.device)
    for position in subject:
        if not -embed.shape[1] <= position < embed.shape[1]:
            raise SiteError(f"subject position {position} is out of range: there are {embed.shape[1]}")
        kept[position] = 1
    return drawn * kept


def _repeat(inputs: Inputs, times: int) -> Inputs:
    def again(value: Any) -> Any:
        return value.repeat(times, *[1] * (value.dim() - 1)) if isinstance(value, Tensor) and value.dim() else value

    return Inputs(tuple(map(again, inputs.args)), {k: again(v) for k, v in (inputs.kwargs or {}).items()})


def _windows(architecture: Architecture, kind: str, window: int, positions: int) -> list[list[Site]]:
    """For each cell the sites that are restored."""
    blocks = architecture.main.blocks
    cells = []
    for layer in range(len(blocks)):
        chosen = blocks[max(0, layer - window // 2) : layer + (window + 1) // 2]
        cells += [[Site(f"{b.name}.{kind}", position=p) for b in chosen] for p in range(positions)]
    return cells


def _positions(inputs: Inputs, model: Any, architecture: Architecture) -> int:
    """Positions of the stream whose logits are read."""
    names = inputs.kwargs or {}
    decoder = names.get("decoder_input_ids")
    ids = decoder if isinstance(decoder, Tensor) else inputs.ids()
    if ids is not None:
        return int(ids.shape[1])
    looked = trace(model, inputs, capture=f"{architecture.main.blocks[0].name}.resid_pre", architecture=architecture)
    return looked.size("position")


__all__ = [
    "KINDS",
    "Cells",
    "Table",
    "Trace",
    "ablation_sweep",
    "activation_patching",
    "attribution_patching",
    "causal_tracing",
    "gradients",
]
