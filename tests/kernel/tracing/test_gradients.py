"""Gradients against hooks with leaves of their own and finite differences; attribution against exact slopes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from attrium_kernel.tracing import (
    LogitDifference,
    LogProbability,
    Patch,
    Steer,
    Trace,
    TraceError,
    activation_patching,
    attribution_patching,
    gradients,
    trace,
)
from attrium_kernel.tracing.patching import KINDS

from . import models, oracles
from .closeness import assert_close
from .test_hygiene import Boom, busy, untouched_all
from .test_patching import cells_of, has
from .test_sweeps import BATCH, IDS, LENGTH, METRICS, OTHER, everything, given, prefix

MANY = [(name, subject.implementations[-1]) for name, subject in models.SUBJECTS.items() if name != "vit"]
NO_DOUBLE = {"mixtral", "qwen2-moe", "olmoe", "gpt-oss", "bloom", "mpt"}
"""The library's experts and biases by distance do not run in double precision."""
AT_THE_END = LogitDifference((5, 6), (7, 8))


@functools.cache
def double(name: str) -> Any:
    """A family's model in double precision, where differences are exact to many digits."""
    model = models.build(name, models.SUBJECTS[name].implementations[-1])
    return model if name in NO_DOUBLE else model.double()


def accuracy(name: str) -> float:
    """Of differences: the library computes root-mean-square norms and some attentions in single precision anyway."""
    if name.startswith("t5"):
        return 5e-2  # and its attention is not scaled, so it bends sharply
    single = models.SUBJECTS[name].stacks[0].norm == "rms" or name.startswith(("gpt-neo", "gpt-j", "cohere", "falcon"))
    return 3e-3 if single else 2e-5


def slope(at: Callable[[float], float], name: str) -> float:
    """The derivative at 0, by differences of fourth order; steps are small where the precision allows it."""
    step = {5e-2: 3e-5, 3e-3: 3e-3, 2e-5: 1e-6}[accuracy(name)]
    return (8 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)


def total(model: Any, inputs: Any, intervention: Any) -> float:
    """The smooth metric of a run."""
    return float(everything_double(trace(model, inputs, capture=(), interventions=[intervention]).logits).sum())


def readable(there: Trace) -> list[str]:
    """Names that pass through the model as tensors: what gradients can be asked of."""
    computed = ("scores", "pattern", "result", ".scale", "logits", "mlp.router")
    return [name for name in there.names if not name.endswith(computed)]


# ---- against leaves added by plain hooks


class Leaves:
    """Zeros that require gradients, added to what modules are given and return by plain hooks."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.leaves, self.handles = model, {}, []

    def at_output(self, path: str) -> None:
        def hook(module: nn.Module, args: Any, output: Any) -> Any:
            first = output[0] if isinstance(output, tuple) else output
            leaf = self.leaves[path, "out"] = torch.zeros_like(first).requires_grad_()
            return (first + leaf, *output[1:]) if isinstance(output, tuple) else first + leaf

        self.handles.append(self.model.get_submodule(path).register_forward_hook(hook))

    def at_input(self, path: str) -> None:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> Any:
            leaf = self.leaves[path, "in"] = torch.zeros_like(args[0]).requires_grad_()
            return (args[0] + leaf, *args[1:]), kwargs

        self.handles.append(self.model.get_submodule(path).register_forward_pre_hook(hook, with_kwargs=True))

    def gradients(self, ids: Tensor, metric: Any) -> dict[tuple[str, str], Tensor]:
        try:
            with torch.enable_grad():
                logits = self.model(ids, use_cache=False).logits
                numbers = metric(logits).sum()
            return dict(zip(self.leaves, torch.autograd.grad(numbers, list(self.leaves.values()))))
        finally:
            for handle in self.handles:
                handle.remove()


def by_hooks(name: str, model: nn.Module, ids: Tensor, metric: Any) -> dict[str, Tensor]:
    """Gradients of all that a module is given or returns, by our names, from the facts written down for the family."""
    stack, leaves = models.SUBJECTS[name].stacks[0], Leaves(model)
    a, wanted = stack.attention, {}
    for i in range(stack.layers):
        path, p = stack.blocks.format(i=i), f"blocks.{i}."
        wanted[f"{p}resid_pre"] = (path, "in", None)
        if stack.form != "post-norm":
            wanted[f"{p}resid_post"] = (path, "out", None)
        for letter in dict.fromkeys("qkv"):
            wanted[f"{p}attn.{letter}"] = (f"{path}.{getattr(a, letter)}", "out", letter)
        wanted[f"{p}attn.z"] = (f"{path}.{a.o}", "in", "z")
        wanted[f"{p}attn.out"] = (f"{path}.{a.o}", "out", None)
        attn_out = f"{path}.{stack.attn_post}" if stack.attn_post else f"{path}.{a.o}"
        wanted[f"{p}attn_out"] = (attn_out, "out", "scaled")
        if stack.up and stack.gate is None:
            wanted[f"{p}mlp.pre"] = (f"{path}.{stack.up}", "out", None)
        if stack.gate:
            wanted[f"{p}mlp.pre"] = (f"{path}.{stack.gate}", "out", None)
            wanted[f"{p}mlp.pre_linear"] = (f"{path}.{stack.up}", "out", None)
        wanted[f"{p}mlp.post"] = (f"{path}.{stack.down}", "in", None)
        last = stack.mlp_post or stack.down
        wanted[f"{p}mlp_out"] = (f"{path}.{last}", "out", "scaled")
    for path, side in dict.fromkeys((path, side) for path, side, _ in wanted.values()):
        (leaves.at_input if side == "in" else leaves.at_output)(path)
    found = leaves.gradients(ids, metric)
    heads = {"q": a.heads, "k": a.kv_heads, "v": a.kv_heads, "z": a.heads}
    made = {}
    for each, (path, side, what) in wanted.items():
        slope = found[path, side].reshape(*ids.shape, -1)
        if what in ("q", "k", "v") and a.layout != "separate":
            slope = oracles.split(a.layout, slope, a)["qkv".index(what)]
        elif what in heads:
            slope = slope.view(*ids.shape, heads[what], a.d_head)
        made[each] = slope / stack.multiplier if what == "scaled" else slope
    return made


HOOKED = (
    "gpt2 llama qwen3 phi3 phi gpt-neox gpt-j mistral gemma2 gemma3 granite olmo2 cohere stablelm opt falcon bloom"
).split()
EXCEPT = {"qwen3": ("attn.q", "attn.k"), "gemma3": ("attn.q", "attn.k"), "olmo2": ("attn.q", "attn.k")}
"""Where a norm stands between the projection and what is called q and k."""


@pytest.mark.parametrize("metric", ["difference at the end", "probability", "callable"])
@pytest.mark.parametrize("name", HOOKED)
def test_gradients_are_those_of_hooks_with_leaves(name: str, metric: str) -> None:
    model = double(name)
    right = by_hooks(name, model, OTHER, METRICS[metric])
    if name in EXCEPT:
        right = {each: g for each, g in right.items() if not each.endswith(EXCEPT[name])}
    there = set(trace(model, OTHER).names)
    right = {each: g for each, g in right.items() if each in there}
    _, found, numbers = gradients(model, OTHER, METRICS[metric], list(right))
    wrong = []
    for each, g in right.items():
        off = (found[each] - g).abs().max() if found[each].shape == g.shape else float("inf")
        if not off <= 2e-6 * max(1.0, float(g.abs().max())):
            wrong.append(f"{each}: off by {off:.2g} of {g.abs().max():.2g}")
    assert not wrong, f"{len(wrong)} of {len(right)}: " + "; ".join(wrong[:6])
    assert all(g.abs().max() > 0 for g in right.values())
    assert_close(numbers.double(), METRICS[metric](oracles.plain(model, {"input_ids": OTHER}).logits), 1e-5)


# ---- against finite differences, whatever the name


@pytest.mark.parametrize(("name", "implementation"), MANY)
def test_every_gradient_is_a_slope(name: str, implementation: str) -> None:
    if name in NO_DOUBLE:
        pytest.skip("differences need double precision, in which the library does not run this; see below")
    model, inputs = double(name), given(name, OTHER)
    there = trace(model, inputs)
    names = readable(there)
    values, slopes, _ = gradients(model, inputs, everything_double, names)
    wrong = []
    for n, each in enumerate(names):
        value = there[each]
        assert_close(values[each], value, 1e-12)
        if slopes[each].shape != value.shape:
            wrong.append(f"{each}: gradient {tuple(slopes[each].shape)} of {tuple(value.shape)}")
            continue
        if each.endswith("pos_embed"):
            continue  # see below
        along = models.randn(*value.shape, seed=n).to(value)
        right = slope(lambda step, each=each, along=along: total(model, inputs, Steer(each, along, step)), name)
        found = float((slopes[each] * along).sum())
        if not abs(found - right) <= accuracy(name) * max(1.0, abs(right)):
            wrong.append(f"{each}: {found:.6g}, not {right:.6g}")
    assert not wrong, f"{len(wrong)} of {len(names)}: " + "; ".join(wrong[:8])


def everything_double(logits: Tensor) -> Tensor:
    """A smooth metric of all logits."""
    weights = torch.linspace(-1, 1, logits[0].numel(), dtype=logits.dtype).view(logits.shape[1:])
    return (logits.tanh() * weights).sum((1, 2))


@pytest.mark.parametrize("name", ["gpt2", "opt", "bert"])
def test_positions_that_all_texts_share_collect_the_slopes_of_all(name: str) -> None:
    model, p = double(name), prefix(name)
    value = trace(model, given(name, OTHER))[f"{p}pos_embed"]
    _, slopes, _ = gradients(model, given(name, OTHER), everything_double, [f"{p}pos_embed", f"{p}embed"])
    along = models.randn(*value.shape).double()
    right = slope(lambda step: total(model, given(name, OTHER), Steer(f"{p}pos_embed", along, step)), name)
    assert float((slopes[f"{p}pos_embed"] * along).sum()) == pytest.approx(right, rel=1e-4)


@pytest.mark.parametrize("name", sorted(NO_DOUBLE))
def test_what_runs_in_single_precision_only_has_gradients_too(name: str) -> None:
    model = models.shared(name, models.SUBJECTS[name].implementations[-1])
    metric = LogitDifference(5, 6)
    names = [
        f"blocks.{i}.{part}" for i in (0, 1) for part in ("resid_pre", "attn_out", "attn.z", "mlp_out", "resid_post")
    ]
    values, slopes, _ = gradients(model, OTHER, metric, names)
    for n, each in enumerate(names):
        along = models.randn(*values[each].shape, seed=n)
        along /= along.norm()
        step = 1e-2
        up, down = (
            metric(trace(model, OTHER, capture=(), interventions=[Steer(each, along, s)]).logits).sum()
            for s in (step, -step)
        )
        assert float((slopes[each] * along).sum()) == pytest.approx(float((up - down) / (2 * step)), rel=0.05, abs=0.01)


def test_examples_do_not_mix() -> None:
    """The gradient of the sum over examples is each example's own."""
    model, name = double("gpt2"), "blocks.1.resid_pre"
    _, together, _ = gradients(model, OTHER, LogitDifference(5, 6), [name])
    for row in range(BATCH):
        _, alone, _ = gradients(model, OTHER[row : row + 1], LogitDifference(5, 6), [name])
        assert_close(together[name][row : row + 1], alone[name], 1e-6)


def test_what_the_metric_does_not_depend_on_has_no_slope() -> None:
    model = double("gpt2")
    _, slopes, _ = gradients(model, OTHER, LogitDifference(5, 6, 2), ["blocks.0.resid_pre", "blocks.2.resid_post"])
    assert_close(slopes["blocks.0.resid_pre"][:, 3:], torch.zeros(BATCH, LENGTH - 3, models.WIDTH).double(), 0.0)
    assert slopes["blocks.2.resid_post"][:, 2].abs().max() > 0
    assert_close(slopes["blocks.2.resid_post"][:, :2], torch.zeros(BATCH, 2, models.WIDTH).double(), 0.0)


# ---- parameters


@pytest.mark.parametrize("name", ["gpt2", "llama", "bloom", "t5", "falcon"])
def test_nothing_is_left_on_parameters_or_modules(name: str) -> None:
    model = busy(name)
    inputs, p = given(name, OTHER), prefix(name)
    trace(model, inputs)
    with untouched_all(model, *inputs.values()):
        gradients(model, inputs, AT_THE_END, [f"{p}blocks.0.resid_pre", f"{p}blocks.1.attn.z"])
    with untouched_all(model, *inputs.values()):
        attribution_patching(model, given(name, IDS), inputs, AT_THE_END, "heads")


def thawed(name: str, *which: str) -> Any:
    """A model with all but some parameters frozen."""
    model = models.build(name, "sdpa")
    for path, parameter in model.named_parameters():
        parameter.requires_grad_(any(path.startswith(each) for each in which))
    return model


def test_gradients_of_a_frozen_model_work_or_are_refused_with_what_to_do() -> None:
    model, names = thawed("llama"), ["blocks.0.resid_pre", "blocks.1.attn.z"]
    _, right, _ = gradients(models.shared("llama", "sdpa"), OTHER, AT_THE_END, names)
    trace(model, OTHER)
    with untouched_all(model):
        try:
            _, found, _ = gradients(model, OTHER, AT_THE_END, names)
        except TraceError as error:
            message = str(error)
            found = right if "frozen" in message and "thaw" in message else {}
    assert_close(found["blocks.0.resid_pre"], right["blocks.0.resid_pre"])
    with untouched_all(model):
        try:
            activation = attribution_patching(model, IDS, OTHER, AT_THE_END)
        except TraceError as error:
            assert "frozen" in str(error)  # noqa: PT017 - either is right
        else:
            assert_close(
                activation.values, attribution_patching(models.shared("llama", "sdpa"), IDS, OTHER, AT_THE_END).values
            )


@pytest.mark.parametrize(
    "which",
    [
        ("model.embed_tokens",),
        ("model.layers.0.mlp",),
        ("model.layers.1.self_attn.q_proj",),
        ("model.norm",),
        ("lm_head",),
    ],
    ids=lambda which: which[0],
)
def test_a_model_that_is_frozen_but_for_a_part_works_or_is_refused_by_name(which: tuple[str, ...]) -> None:
    """A gradient at a place before everything that is trained is as well defined as any other."""
    model, names = (
        thawed("llama", *which),
        ["blocks.0.resid_pre", "blocks.0.attn.q", "blocks.1.attn.z", "blocks.1.resid_post"],
    )
    _, right, _ = gradients(models.shared("llama", "sdpa"), OTHER, AT_THE_END, names)
    trace(model, OTHER)
    for each in names:
        with untouched_all(model):
            try:
                _, found, _ = gradients(model, OTHER, AT_THE_END, [each])
            except TraceError as error:
                assert "frozen" in str(error)  # noqa: PT017 - either is right
            else:
                assert_close(found[each], right[each])


# ---- what can't have a gradient


@pytest.mark.parametrize(
    "name", ["blocks.0.attn.pattern", "blocks.0.attn.scores", "blocks.1.attn.result", "blocks.0.ln1.scale"]
)
def test_what_is_computed_when_read_is_refused(name: str) -> None:
    model = models.build("gpt2")
    trace(model, OTHER)
    with untouched_all(model), pytest.raises(TraceError, match=rf"{name} is computed when it is read.*take attn\.z"):
        gradients(model, OTHER, AT_THE_END, [name])


def test_names_that_do_not_exist_are_refused() -> None:
    with pytest.raises(TraceError, match="blocks.7"):
        gradients(models.shared("gpt2"), OTHER, AT_THE_END, ["blocks.7.resid_pre"])


def test_a_metric_that_raises_or_has_no_gradient_leaves_no_mark() -> None:
    model = busy("gpt2")
    trace(model, OTHER)

    def raising(logits: Tensor) -> Tensor:
        raise Boom("from the metric")

    with untouched_all(model), pytest.raises(Boom):
        gradients(model, OTHER, raising, ["blocks.0.resid_pre"])
    with untouched_all(model), pytest.raises(TraceError, match="gradient"):
        gradients(model, OTHER, lambda logits: logits.detach()[:, -1, 0], ["blocks.0.resid_pre"])


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_gradients_come_also_where_they_are_switched_off(mode: Callable[[], Any]) -> None:
    model = models.build("gpt2")
    _, right, _ = gradients(model, OTHER, AT_THE_END, ["blocks.0.resid_pre"])
    with mode():
        _, found, _ = gradients(model, OTHER, AT_THE_END, ["blocks.0.resid_pre"])
        table = attribution_patching(model, IDS, OTHER, AT_THE_END)
    assert_close(found["blocks.0.resid_pre"], right["blocks.0.resid_pre"], 0.0)
    assert table.values.isfinite().all()


# ---- attribution patching


def slope_of_patches(name: str, kind: str, metric: Any, every: int) -> dict[tuple[int, ...], float]:
    """Slope of the metric, at the corrupt run, along the way from the corrupt value to the clean one: exact patches."""
    model = double(name)
    clean, corrupt = trace(model, given(name, IDS)), trace(model, given(name, OTHER))
    found = {}
    for at, site in list(cells_of(kind, name).items())[::every]:
        chosen = {"position": site.position, "head": site.head, "kv_head": site.head}
        part = {axis: [chosen[axis]] for axis in clean.axes(site.name) if chosen.get(axis) is not None}
        here, there = corrupt.read(site.name, **part), clean.read(site.name, **part)

        def along(step: float, site: Any = site, here: Tensor = here, there: Tensor = there) -> float:
            patch = Patch(site, here + step * (there - here))
            return float(metric(trace(model, given(name, OTHER), capture=(), interventions=[patch]).logits).mean())

        found[at] = slope(along, name)
    return found


FIRST_ORDER = [kind for kind in KINDS if kind != "patterns"]


@pytest.mark.parametrize("kind", FIRST_ORDER)
@pytest.mark.parametrize("name", ["gpt2", "llama", "qwen3", "phi", "phi3", "granite", "gemma2", "bert", "falcon", "t5"])
def test_attribution_is_the_slope_of_exact_patching(name: str, kind: str) -> None:
    if not has(name, kind):
        pytest.skip("a parallel block has no stream in its middle")
    metric = METRICS["probability"] if name in ("gpt2", "llama") else AT_THE_END
    found = attribution_patching(double(name), given(name, IDS), given(name, OTHER), metric, kind)
    assert found.kind == kind
    right = slope_of_patches(name, kind, metric, 19 if kind == "heads_by_position" else 3)
    effects, wrong = found.effects(), []
    largest = max(abs(each) for each in right.values())
    for at, each in right.items():
        if not abs(float(effects[at]) - each) <= accuracy(name) * max(largest, 0.05):
            wrong.append(f"{at}: {float(effects[at]):.6g}, not {each:.6g}")
    assert not wrong, f"{len(wrong)} of {len(right)}: " + "; ".join(wrong[:6])
    assert largest > 1e-4


def test_both_ends_are_those_of_the_runs() -> None:
    model = models.shared("gpt2", "sdpa")
    found, exact = (f(model, IDS, OTHER, AT_THE_END, "mlp_out") for f in (attribution_patching, activation_patching))
    assert_close(found.before, exact.before)
    assert found.source is not None
    assert exact.source is not None
    assert_close(found.source, exact.source)
    assert (
        found.axes == exact.axes
        and found.values.shape == exact.values.shape
        and found.values.dtype == exact.values.dtype
    )


def straight() -> Any:
    """GPT-2 without its last norm: the logits are linear in what is added to the stream last."""
    model = models.build("gpt2", "sdpa")
    model.transformer.ln_f = nn.Identity()
    return model


@pytest.mark.parametrize("kind", ["resid_post", "mlp_out"])
def test_where_the_metric_is_linear_attribution_is_exact(kind: str) -> None:
    model, metric = straight(), AT_THE_END
    found = attribution_patching(model, IDS, OTHER, metric, kind)
    exact = activation_patching(model, IDS, OTHER, metric, kind)
    assert_close(found.values[-1], exact.values[-1], 2e-5)
    assert (found.values[0] - exact.values[0]).abs().max() > 1e-2  # and elsewhere it is an approximation
    assert exact.effects()[-1, -1].abs() > 1e-2
    error = found.error(exact)
    assert error["largest"] == pytest.approx(float((found.values - exact.values).abs().max()), abs=1e-5)


class Linear(nn.Module):
    """Blocks whose MLPs are linear and whose patterns do not depend on the text: all is linear but q and k."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Embedding(models.VOCAB, models.WIDTH)
        self.blocks = nn.ModuleList(LinearBlock() for _ in range(2))
        self.head = nn.Linear(models.WIDTH, models.VOCAB)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.tokens(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class LinearAttention(nn.Module):
    """Queries are zero, so every pattern is even."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(models.WIDTH, models.WIDTH) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (m(x).view(*x.shape[:2], 4, 6).transpose(1, 2) for m in (self.q, self.k, self.v))
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(mixed.transpose(1, 2).flatten(2))


class LinearBlock(nn.Module):
    """No norms."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = LinearAttention()
        self.mlp = nn.Sequential(nn.Linear(models.WIDTH, models.NEURONS), nn.Linear(models.NEURONS, models.WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x + self.mlp(x)


@pytest.mark.parametrize("kind", ["resid_pre", "resid_post", "attn_out", "mlp_out", "heads", "v", "heads_by_position"])
def test_in_a_linear_model_attribution_is_exact_everywhere(kind: str) -> None:
    with models.seeded(0):
        model = models.randomise(Linear(), gain=0.6)
    names = trace(model, OTHER).names
    with torch.no_grad():
        for block in model.blocks:  # after the parts are known by random weights
            block.attention.q.weight.zero_()
            block.attention.q.bias.zero_()
    assert "blocks.1.attn.z" in names
    found = attribution_patching(model, IDS, OTHER, AT_THE_END, kind)
    exact = activation_patching(model, IDS, OTHER, AT_THE_END, kind)
    assert exact.effects().abs().max() > 1e-2
    assert_close(found.values, exact.values, 3e-5)
    assert found.error(exact)["correlation"] == pytest.approx(1.0, abs=1e-4)


def test_patterns_have_no_first_order() -> None:
    with pytest.raises(TraceError, match="patterns are recomputed.*take sites='heads'"):
        attribution_patching(models.shared("gpt2"), IDS, OTHER, AT_THE_END, "patterns")


@pytest.mark.parametrize(
    ("clean", "corrupt"), [((3, 6), (2, 6)), ((1, 6), (2, 6)), ((2, 7), (2, 6))], ids=["texts", "one text", "tokens"]
)
def test_texts_that_do_not_fit_are_refused(clean: tuple[int, int], corrupt: tuple[int, int]) -> None:
    for kind in ("resid_pre", "heads"):
        with pytest.raises(TraceError):
            attribution_patching(
                models.shared("gpt2"), models.ids(*clean), models.ids(*corrupt, seed=5), LogProbability(5), kind
            )


def test_attribution_of_smooth_metrics_of_everything() -> None:
    found = attribution_patching(models.shared("llama", "sdpa"), IDS, OTHER, everything, "mlp_out")
    assert found.values.isfinite().all() and found.effects().abs().max() > 1e-4
