"""A run that starts in the middle computes what comes after and nothing else, and gives what the whole run gives."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # torch's own habit
from torch import Tensor, nn

from attrium_kernel.tracing import (
    Edge,
    LogitDifference,
    LogProbability,
    Mean,
    Patch,
    Replace,
    Scale,
    Site,
    Steer,
    Trace,
    Zero,
    activation_patching,
    sweep,
    trace,
)
from attrium_kernel.tracing.restart import fused_activations

from . import models
from .closeness import assert_close
from .test_hygiene import untouched_all
from .test_sweeps import (
    AT_THE_END,
    BATCH,
    LENGTH,
    OTHER,
    assert_is_loop,
    everything,
    given,
    loop,
    prefix,
    source,
)

FAMILIES = [(name, subject.implementations[-1]) for name, subject in models.SUBJECTS.items() if name != "vit"]


class Calls:
    """How often, and with how many tokens, each part of each block ran: from hooks on what is inside the blocks."""

    def __init__(self, name: str, model: Any) -> None:
        self.model, self.stack = model, models.SUBJECTS[name].stacks[-1]
        self.tokens: dict[tuple[int, str], list[int]] = {}

    @contextlib.contextmanager
    def counted(self) -> Iterator[Calls]:
        self.tokens = {}
        handles = []
        for i in range(self.stack.layers):
            for role, path in self.paths().items():
                module = self.model.get_submodule(f"{self.stack.blocks.format(i=i)}.{path}")
                handles.append(module.register_forward_hook(self._hook((i, role))))
        try:
            yield self
        finally:
            for handle in handles:
                handle.remove()

    def paths(self) -> dict[str, str]:
        """Modules inside a block by what they are for."""
        a, s = self.stack.attention, self.stack
        found = {"v": a.v, "o": a.o, "up": s.up or s.gate_up, "down": s.down}
        return {role: path for role, path in found.items() if path is not None}

    def _hook(self, key: tuple[int, str]) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            self.tokens.setdefault(key, []).append(output.numel() // output.shape[-1])

        return hook

    def calls(self, role: str) -> list[int]:
        """How often it ran, by layer."""
        return [len(self.tokens.get((i, role), [])) for i in range(self.stack.layers)]


def counts(name: str, run: Callable[[Any], Any]) -> Calls:
    """Calls of the parts of a family's model in one run."""
    implementation = models.SUBJECTS[name].implementations[-1]
    model = models.shared(name, implementation)
    calls = Calls(name, model)
    with calls.counted():
        run(model)
    return calls


# ---- blocks before the start do not run

STARTING = ["gpt2", "llama", "gemma3", "phi", "gpt-neox", "opt", "granite", "olmo2", "falcon"]


@pytest.mark.parametrize("name", STARTING)
@pytest.mark.parametrize("metric", [AT_THE_END, everything], ids=["one position", "all"])
def test_blocks_before_the_change_do_not_run(name: str, metric: Any) -> None:
    last = models.SUBJECTS[name].stacks[0].layers - 1
    trace(models.shared(name, models.SUBJECTS[name].implementations[-1]), OTHER, capture=())
    variations = [Scale(f"blocks.{last}.attn.q", n / 4) for n in range(6)]
    calls = counts(name, lambda model: sweep(model, OTHER, [], metric))
    base = [calls.calls(role) for role in calls.paths()]
    assert all(n <= 2 for row in base for n in row)
    calls = counts(name, lambda model: sweep(model, OTHER, variations, metric, batch_size=1))
    for role in calls.paths():
        before, at_last = calls.calls(role)[0], calls.calls(role)[last]
        assert before <= 2, f"{role} of block 0 ran {before} times for 6 changes after it"
        assert at_last >= 6, f"{role} of the changed block ran {at_last} times"


@pytest.mark.parametrize("name", STARTING)
def test_a_change_after_the_attention_does_not_run_it_again(name: str) -> None:
    last = models.SUBJECTS[name].stacks[0].layers - 1
    for part in ("attn.z", "mlp_out", "mlp.post", "attn_out"):
        variations = [Scale(f"blocks.{last}.{part}", n / 4) for n in range(6)]
        calls = counts(name, lambda model, v=variations: sweep(model, OTHER, v, everything, batch_size=1))
        assert calls.calls("v")[last] <= 2, f"attention of the changed block ran {calls.calls('v')[last]} times"
        assert calls.calls("down")[last] >= 6


@pytest.mark.parametrize("name", STARTING)
def test_changes_at_the_end_run_no_block(name: str) -> None:
    last = models.SUBJECTS[name].stacks[0].layers - 1
    variations = [
        Scale(each, n / 4) for n in range(3) for each in ("ln_final.out", "unembed", f"blocks.{last}.resid_post")
    ]
    calls = counts(name, lambda model: sweep(model, OTHER, variations, everything, batch_size=1))
    for role in calls.paths():
        assert all(n <= 2 for n in calls.calls(role)), f"{role}: {calls.calls(role)}"


@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_a_change_of_the_embedding_runs_all_blocks(name: str) -> None:
    calls = counts(
        name, lambda model: sweep(model, OTHER, [Scale("embed", n / 4) for n in range(6)], everything, batch_size=1)
    )
    assert all(n >= 6 for role in calls.paths() for n in calls.calls(role))


def test_patching_a_whole_table_runs_each_block_for_what_is_before_it_only() -> None:
    """12 layers would cost 12 times 12 blocks; half of it and less is what is needed."""
    calls = counts(
        "gpt2",
        lambda model: activation_patching(
            model, models.ids(BATCH, LENGTH), OTHER, everything, "resid_pre", batch_size=1
        ),
    )
    ran = calls.calls("down")
    cells = LENGTH * BATCH  # one batch may hold one cell only
    assert ran[0] <= LENGTH + 4
    assert ran[1] <= 2 * LENGTH + 4
    assert ran[2] <= 3 * LENGTH + 4
    assert cells


# ---- only the position that is read


@pytest.mark.parametrize("name", ["gpt2", "llama", "gemma3", "phi", "gpt-neox", "granite", "olmo2"])
@pytest.mark.parametrize("position", [-1, 0, 3, -4])
def test_the_last_block_runs_for_the_position_that_is_read(name: str, position: int) -> None:
    last = models.SUBJECTS[name].stacks[0].layers - 1
    metric = LogitDifference(5, 6, position)
    variations = [Scale("blocks.0.mlp_out", n / 4) for n in range(6)]
    calls = counts(name, lambda model: sweep(model, OTHER, variations, metric, batch_size=2))
    for role in ("o", "up", "down"):
        if role in calls.paths():
            assert set(calls.tokens[last, role]) == {BATCH, 2 * BATCH}, f"{role}: {calls.tokens[last, role]}"
    assert max(calls.tokens[0, "down"]) >= 2 * BATCH


SPARING: dict[str, Callable[[str, Trace], list[Any]]] = {
    "early": lambda last, there: (
        [Patch(Site("blocks.0.attn.z", head=h), there) for h in range(4)] + [Zero("blocks.0.mlp_out")]
    ),
    "stream into the last": lambda last, there: [
        Patch(Site(f"{last}.resid_pre", position=p), there) for p in (0, 2, -1)
    ],
    "inside the last": lambda last, there: [
        Scale(Site(f"{last}.{part}", position=p), -0.5)
        for part in (
            "attn.q",
            "attn.k",
            "attn.v",
            "attn.z",
            "attn_out",
            "mlp_out",
            "mlp.post",
            "resid_mid",
            "ln2.out",
            "attn.result",
        )
        for p in (1, -1)
        if f"{last}.{part}" in there.names
    ],
    "end": lambda last, there: (
        [Scale(Site(f"{last}.resid_post", position=p), 0.5) for p in (1, -1)]
        + [Scale(Site("unembed", position=p), 0.5) for p in (1, -1)]
    ),
}


@pytest.mark.parametrize("where", SPARING)
@pytest.mark.parametrize(("name", "implementation"), FAMILIES)
def test_what_is_read_at_one_position_is_what_the_whole_computation_gives(
    name: str, implementation: str, where: str
) -> None:
    stack = models.SUBJECTS[name].stacks[-1]
    if stack.name and where == "early":
        pytest.skip("named otherwise in an encoder-decoder")
    last = f"{stack.prefix}blocks.{stack.layers - 1}"
    there = source(name, implementation)
    variations = SPARING[where](last, there)
    model, inputs = models.shared(name, implementation), given(name, OTHER)
    for position in (-1, 1) if where == "inside the last" else (-1,):
        metric = LogitDifference((5, 6), 7, position)
        found, right = sweep(model, inputs, variations, metric), loop(model, inputs, variations, metric)
        assert_close(found, right)


def other_positions(there: Trace) -> dict[str, list[Any]]:
    """Changes that look at positions other than the one that is read."""
    last = [name.rpartition(".")[0] for name in there.names if name.endswith("resid_post")][-1]
    roll = lambda value: value.roll(1, 1)  # noqa: E731
    names = [
        f"{last}.{part}"
        for part in ("attn.v", "attn.z", "attn_out", "resid_mid", "ln2.out", "mlp.post", "mlp_out", "resid_post")
    ]
    names = [name for name in [*names, "ln_final.out", "unembed"] if name in there.names]
    return {
        name: [Replace(name, roll), Mean(name, over="position"), Mean(name), Replace(name, lambda v: v.cumsum(1))]
        for name in names
    }


@pytest.mark.parametrize("position", [-1, 2])
@pytest.mark.parametrize("name", ["gpt2", "llama", "phi", "gemma3", "gpt-j", "bert"])
def test_what_looks_at_other_positions_sees_them(name: str, position: int) -> None:
    implementation = models.SUBJECTS[name].implementations[-1]
    model, wrong = models.shared(name, implementation), []
    metric = LogitDifference(5, 6, position)
    for each, variations in other_positions(source(name, implementation)).items():
        off = (
            (sweep(model, OTHER[:1], variations, metric, batch_size=1) - loop(model, OTHER[:1], variations, metric))
            .abs()
            .max()
        )
        if not off <= 1e-5:
            wrong.append(f"{each}: off by {off:.2g}")
    assert not wrong, "; ".join(wrong)


@pytest.mark.parametrize("position", [-1, 2])
def test_a_base_that_looks_at_other_positions_sees_them(position: int) -> None:
    model, metric = models.shared("gpt2", "sdpa"), LogitDifference(5, 6, position)
    variations = [Scale("blocks.0.mlp_out", 0.5), Scale("blocks.2.attn.z", 0.5), Scale("unembed", 0.5)]
    for each in ("blocks.2.mlp_out", "ln_final.out", "unembed"):
        assert_is_loop(
            model, OTHER[:1], variations, metric, base=[Replace(each, lambda value: value.roll(1, 1))], batch_size=1
        )


@pytest.mark.parametrize("name", ["gpt2", "llama", "phi"])
def test_a_path_to_the_end_reads_the_senders_whole(name: str) -> None:
    implementation = models.SUBJECTS[name].implementations[-1]
    last = models.SUBJECTS[name].stacks[0].layers - 1
    there = source(name, implementation)
    variations = [
        Patch(Edge(Site(f"blocks.{last}.{part}"), Site("unembed", position=p)), there)
        for part in ("mlp_out", "attn_out")
        for p in (None, -1, 2)
    ]
    for position in (-1, 2):
        metric = LogitDifference(5, 6, position)
        model = models.shared(name, implementation)
        assert_close(sweep(model, OTHER, variations, metric), loop(model, OTHER, variations, metric))


def test_a_model_that_reads_another_position_is_left_to() -> None:
    """A classifier picks its own position: nothing may be left out for the metric's."""
    import transformers as hf

    for made in (
        models.of(hf.GPT2ForSequenceClassification, lambda: models.gpt2_config(num_labels=5, pad_token_id=1)),
        models.of(hf.LlamaForSequenceClassification, lambda: hf.LlamaConfig(**models.LLAMA_LIKE, num_labels=5)),
        models.of(
            hf.BertForSequenceClassification, lambda: models.bert_config(hf.BertConfig, num_labels=5, pad_token_id=1)
        ),
    ):
        model = made()
        ids = OTHER.clone()
        variations = [Scale(f"blocks.{i}.{part}", 0.5) for i in (0, 1) for part in ("attn.z", "mlp_out", "resid_pre")]
        for metric in (LogitDifference(0, 3), LogProbability((1, 2))):
            assert_is_loop(model, {"input_ids": ids}, variations, metric)


def test_a_picture_is_read_where_the_model_reads_it() -> None:
    model = models.shared("vit", "sdpa")
    variations = [Scale(f"blocks.{i}.{part}", 0.5) for i in (0, 1) for part in ("attn.z", "mlp_out", "resid_pre")]
    for metric in (LogitDifference(0, 3), LogProbability((1, 2))):
        assert_is_loop(model, given("vit", OTHER), variations, metric)


# ---- positions that nothing changes are taken over


def shares(name: str, length: int) -> tuple[Tensor, Tensor]:
    """Two pairs of texts that begin alike: 5 and 7 tokens of 11."""
    clean = models.ids(BATCH, length, seed=11)
    corrupt = models.ids(BATCH, length, seed=12)
    corrupt[0, :5], corrupt[1, :7] = clean[0, :5], clean[1, :7]
    return clean, corrupt


@pytest.mark.parametrize(("name", "implementation"), [case for case in FAMILIES if case in models.TEXT_ONLY])
def test_texts_that_begin_alike_give_what_the_loop_gives(name: str, implementation: str) -> None:
    model = models.shared(name, implementation)
    clean, corrupt = shares(name, 11)
    there = trace(model, clean)
    parts = [("attn.k", "attn.v", "attn.pattern", "mlp_out"), ("resid_pre", "attn.q", "attn.z", "attn.result")]
    names = [f"blocks.{i}.{part}" for i in (0, 1) for part in parts[i]]
    names = [each for each in ["embed", *names] if each in there.names]
    variations: list[Any] = [Patch(each, there) for each in names]
    variations += [Patch(Site(each, position=(0, 5, 8, -1)[n % 4]), there) for n, each in enumerate(names)]
    for position in (-1, -2):
        metric = LogitDifference((5, 6), 7, position)
        assert_close(sweep(model, corrupt, variations, metric, batch_size=5), loop(model, corrupt, variations, metric))


LATE: dict[str, Callable[[Site, Trace], Any]] = {
    "zero": lambda site, there: Zero(site),
    "own mean over positions": lambda site, there: Mean(site, over="position"),
    "own mean": lambda site, there: Mean(site, over="all"),
    "mean of a trace": lambda site, there: Mean(site, there, over="position"),
    "mean of a trace over texts": lambda site, there: Mean(site, there, over="batch"),
    "function": lambda site, there: Replace(site, lambda value: value.tanh() * 2),
    "from another position": lambda site, there: Patch(site, there, position=(0, 1)),
    "tensor": lambda site, there: Patch(site, there.read(site.name)[:, [3, 4]]),
    "vector": lambda site, there: Steer(site, models.randn(there.read(site.name).shape[-1])),
}


@pytest.mark.parametrize("how", LATE)
@pytest.mark.parametrize("name", ["gpt2", "llama"])
def test_changes_of_late_positions_only(name: str, how: str) -> None:
    model = models.shared(name, "sdpa")
    clean, corrupt = shares(name, 11)
    there = trace(model, clean)
    parts = ("resid_pre", "attn.q", "attn.k", "attn.v", "attn.z", "mlp_out", "ln1.out")
    names = ["embed", *(f"blocks.{i}.{part}" for i in (0, 1) for part in parts)]
    variations = [LATE[how](Site(each, position=p), there) for each in names for p in ((7, 9), (8, -1))]
    wrong = []
    for position, sizes in ((-1, (1,)), (-4, (10,))):
        metric = LogitDifference((5, 6), 7, position)
        for size in sizes:
            off = (
                (sweep(model, corrupt, variations, metric, batch_size=size) - loop(model, corrupt, variations, metric))
                .abs()
                .amax(1)
            )
            wrong += [
                f"{v.at} read at {position}, {size} a batch: off by {o:.2g}"
                for v, o in zip(variations, off)
                if not o <= 1e-5
            ]
    assert not wrong, f"{len(wrong)}: " + "; ".join(wrong[:6])


@pytest.mark.parametrize("position", [-1, -2, -3, -6])
def test_a_change_after_what_is_read_changes_nothing(position: int) -> None:
    model = models.shared("gpt2", "sdpa")
    metric = LogitDifference(5, 6, position)
    found = sweep(model, OTHER, [Zero(Site("blocks.0.mlp_out", position=LENGTH - 1))] * 2, metric)
    right = (
        metric(trace(model, OTHER).logits)
        if position < -1
        else loop(model, OTHER, [Zero(Site("blocks.0.mlp_out", position=LENGTH - 1))] * 2, metric)
    )
    assert_close(found, right.expand(2, -1))


def test_a_source_that_was_changed_itself_shares_no_beginning() -> None:
    model = models.shared("gpt2", "sdpa")
    clean, corrupt = shares("gpt2", 11)
    there = trace(model, clean, interventions=[Steer("embed", models.randn(models.WIDTH))])
    variations = [Patch(f"blocks.{i}.{part}", there) for i in (0, 1, 2) for part in ("resid_pre", "attn.z", "mlp_out")]
    assert_is_loop(model, corrupt, variations, AT_THE_END)


def test_a_source_of_other_weights_shares_no_beginning() -> None:
    model = models.build("gpt2", "sdpa")
    clean, corrupt = shares("gpt2", 11)
    there = trace(model, clean)
    with torch.no_grad():
        model.transformer.h[0].mlp.c_proj.bias += 1.0  # type: ignore[operator, union-attr]
    variations = [Patch(f"blocks.{i}.{part}", there) for i in (0, 1, 2) for part in ("resid_pre", "mlp_out")]
    assert_is_loop(model, corrupt, variations, AT_THE_END)


# ---- only the heads that change are written again


def heads(layer: int, *each: Any) -> Site:
    """Some heads of a block's mix."""
    return Site(f"blocks.{layer}.attn.z", head=each if len(each) > 1 else each[0])


@pytest.mark.parametrize(
    "name", ["gpt2", "llama", "falcon", "falcon multi-query", "phi", "gemma3", "olmo2", "granite", "bert"]
)
def test_only_heads_of_one_block(name: str) -> None:
    """One and the same head named twice, by two interventions or by two numbers, is one head."""
    model, there = models.shared(name, "sdpa"), source(name, "sdpa")
    variations: list[Any] = [
        Zero(heads(1, 0)),
        Zero(heads(1, -1)),
        Zero(heads(1, 1, 3)),
        Zero(heads(1, 2, 2)),
        Zero(heads(1, 3, -1)),
        [Zero(heads(1, 0)), Zero(heads(1, 0))],
        [Scale(heads(1, 0), 2.0), Patch(heads(1, 0, 1), there)],
        [Zero(heads(1, 0)), Zero(heads(1, 2))],
        [Scale(heads(1, 1), 0.5), Scale(heads(1, 1), 0.5)],
        Patch(Site("blocks.1.attn.z", head=2, position=(1, -1)), there),
        Zero(Site("blocks.1.attn.z", head=1, rows=1)),
        [Zero(Site("blocks.1.attn.z", head=1, rows=1)), Zero(Site("blocks.1.attn.z", head=1, rows=0))],
    ]
    assert_is_loop(model, OTHER, variations, LogitDifference((5, 6), 7, 2), batch_size=1)
    for metric in (AT_THE_END, everything):
        assert_is_loop(model, OTHER, variations, metric, batch_size=100)


@pytest.mark.parametrize(
    "base", [Scale("blocks.1.attn.z", 1.5), Scale(heads(1, 0), 3.0), Scale("blocks.1.mlp_out", 2.0)], ids=str
)
def test_only_heads_of_one_block_with_something_on_in_every_run(base: Any) -> None:
    variations = [Zero(heads(1, h)) for h in range(4)]
    for metric in (AT_THE_END, everything):
        assert_is_loop(models.shared("gpt2", "sdpa"), OTHER, variations, metric, base=[base])


@pytest.mark.parametrize("what", ["hook before", "hook after", "forward"])
def test_what_a_user_does_at_the_output_projection_is_done_for_single_heads_too(what: str) -> None:
    model = models.build("llama", "sdpa")
    projection = model.get_submodule("model.layers.1.self_attn.o_proj")
    if what == "hook before":
        projection.register_forward_pre_hook(lambda module, args: (args[0].tanh(),))
    elif what == "hook after":
        projection.register_forward_hook(lambda module, args, output: output * 1.5)
    else:
        wrapped(projection, 1.5)
    trace(model, OTHER, capture=())
    for metric in (AT_THE_END, everything):
        assert_is_loop(model, OTHER, [Zero(heads(1, h)) for h in range(4)], metric)


# ---- activations as one kernel


@functools.cache
def activations() -> dict[str, nn.Module]:
    """Those of transformers."""
    from transformers.activations import ACT2FN

    return {
        name: ACT2FN[name]
        for name in ("gelu_new", "gelu_fast", "gelu", "gelu_pytorch_tanh", "quick_gelu", "relu", "silu")
    }


@pytest.mark.parametrize("name", ["gelu_new", "gelu_fast", "gelu", "gelu_pytorch_tanh", "quick_gelu", "relu", "silu"])
def test_fused_activations_are_the_same_functions(name: str) -> None:
    module = nn.Sequential(activations()[name])
    x = torch.cat([torch.linspace(-12, 12, 4001), torch.tensor([0.0, -0.0, 1e-20, -1e-20, 100.0, -100.0])])
    right = module(x)
    with contextlib.ExitStack() as within:
        fused_activations(module, within)
        fused = module(x)
    assert_close(fused, right, 2e-6)
    assert_close(module(x), right, 0.0)
    assert "forward" not in module[0].__dict__


def test_a_users_own_activation_of_that_name_is_not_replaced() -> None:
    module = nn.Sequential(activations()["gelu_new"])
    module[0].forward = lambda value: value * 3  # type: ignore[method-assign]
    mine = module[0].__dict__["forward"]
    with contextlib.ExitStack() as within:
        fused_activations(module, within)
        assert_close(module(torch.ones(2)), torch.full((2,), 3.0), 0.0)
    assert module[0].__dict__["forward"] is mine
    del module[0].forward


def test_a_hook_on_an_activation_still_sees_it() -> None:
    model = models.build("gpt2")
    seen: list[Tensor] = []
    model.transformer.h[2].mlp.act.register_forward_hook(
        lambda module, args, output: seen.append(output - F.gelu(args[0], approximate="tanh"))
    )  # type: ignore[union-attr, operator]
    sweep(model, OTHER, [Zero("blocks.2.attn.z")], everything)
    assert len(seen) >= 2
    assert all(off.abs().max() < 1e-5 for off in seen)


# ---- forwards that the user has put in the place of a module's own


def wrapped(module: nn.Module, factor: float = 1.0) -> Callable[..., Any]:
    """What accelerate does: another `forward` on the instance that calls the old one."""
    old, calls = module.forward, []

    def forward(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        output = old(*args, **kwargs)
        if isinstance(output, tuple):
            return (output[0] * factor, *output[1:])
        return output * factor if isinstance(output, Tensor) else output

    forward.calls = calls  # type: ignore[attr-defined]
    module.forward = forward  # type: ignore[method-assign]
    return forward


WRAPPED = {
    "gpt2": [
        "transformer.wte",
        "transformer.h.0",
        "transformer.h.1",
        "transformer.h.2",
        "transformer.h.1.attn",
        "transformer.h.2.attn",
        "transformer.h.1.mlp.act",
        "transformer.h.2.attn.c_proj",
        "transformer.h.2.mlp",
        "transformer.ln_f",
        "lm_head",
    ],
    "llama": [
        "model.layers.0",
        "model.layers.1",
        "model.layers.1.self_attn",
        "model.layers.1.self_attn.o_proj",
        "model.norm",
        "lm_head",
    ],
}


@pytest.mark.parametrize(("name", "path"), [(name, path) for name, paths in WRAPPED.items() for path in paths])
def test_a_users_forward_runs_and_is_put_back(name: str, path: str) -> None:
    model = models.build(name, "sdpa")
    is_block = path[-2] == "." and path[-1].isdigit()
    forward = wrapped(model.get_submodule(path), 1.0 if is_block else 1.3)  # a scaled block is no sum of its parts
    before = {key: module.__dict__.get("forward") for key, module in model.named_modules()}
    variations = [
        Scale(f"blocks.{i}.{part}", 0.5) for i in (0, 1) for part in ("attn.q", "attn.z", "mlp_out", "resid_post")
    ] + [Scale("unembed", 0.5)]
    trace(model, OTHER, capture=())
    with untouched_all(model):
        for metric in (AT_THE_END, everything):
            assert_is_loop(model, OTHER, variations, metric)
    assert forward.calls  # type: ignore[attr-defined]
    assert {key: module.__dict__.get("forward") for key, module in model.named_modules()} == before
    assert model.get_submodule(path).__dict__["forward"] is forward


def test_a_model_whose_every_module_has_a_forward_of_its_own() -> None:
    model = models.build("llama", "sdpa")
    for module in model.modules():
        if module is not model:
            wrapped(module)
    before = {key: module.__dict__.get("forward") for key, module in model.named_modules()}
    variations = [
        Scale(f"blocks.{i}.{part}", 0.5) for i in (0, 1) for part in ("attn.q", "attn.z", "mlp_out", "resid_pre")
    ]
    assert_is_loop(model, OTHER, variations, AT_THE_END)
    assert {key: module.__dict__.get("forward") for key, module in model.named_modules()} == before


def test_hooks_of_the_user_inside_blocks_still_take_part() -> None:
    """A hook that changes a sublayer changes the sweep as it changes the trace."""
    model = models.build("gpt2", "sdpa")
    blocks: Any = model.transformer.h  # type: ignore[union-attr]
    blocks[0].mlp.register_forward_hook(lambda module, args, output: output * 1.5)
    blocks[1].attn.register_forward_hook(lambda module, args, output: (output[0] * 1.5, *output[1:]))
    blocks[1].attn.c_proj.register_forward_pre_hook(lambda module, args: (args[0] * 0.7,))
    blocks[2].ln_1.register_forward_hook(lambda module, args, output: output + 0.2)
    variations = [
        Scale(f"blocks.{i}.{part}", 0.5)
        for i in (0, 1, 2)
        for part in ("attn.q", "attn.z", "mlp_out", "resid_pre", "resid_post")
    ]
    for metric in (AT_THE_END, everything):
        assert_is_loop(model, OTHER, variations, metric)


class Gained(nn.Module):
    """An attention that does more after its output projection."""

    def __init__(self, gain: str) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(models.WIDTH, models.WIDTH) for _ in range(4))
        self.norm = nn.LayerNorm(models.WIDTH)
        self.gain = gain

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (m(x).view(*x.shape[:2], 4, 6).transpose(1, 2) for m in (self.q, self.k, self.v))
        out = self.o(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        if self.gain == "factor":
            return out * 1.7
        if self.gain == "norm":
            return self.norm(out)
        return out * torch.sigmoid(x) if self.gain == "gate" else out


class GainedModel(nn.Module):
    """Two blocks of it."""

    def __init__(self, gain: str) -> None:
        super().__init__()
        self.embed = nn.Embedding(models.VOCAB, models.WIDTH)
        self.blocks = nn.ModuleList(GainedBlock(gain) for _ in range(2))
        self.ln = nn.LayerNorm(models.WIDTH)
        self.head = nn.Linear(models.WIDTH, models.VOCAB)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x))


class GainedBlock(nn.Module):
    """Pre-norm."""

    def __init__(self, gain: str) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(models.WIDTH), nn.LayerNorm(models.WIDTH)
        self.attn = Gained(gain)
        self.mlp = nn.Sequential(nn.Linear(models.WIDTH, 40), nn.GELU(), nn.Linear(40, models.WIDTH))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


@pytest.mark.parametrize("gain", ["nothing", "factor", "norm", "gate"])
def test_what_an_attention_does_after_its_projection_is_not_left_out(gain: str) -> None:
    with models.seeded(0):
        model = models.randomise(GainedModel(gain))
    names = trace(model, OTHER).names
    wanted = [f"blocks.{i}.{part}" for i in (0, 1) for part in ("attn.z", "attn.out", "attn_out", "mlp_out", "attn.q")]
    for metric in (AT_THE_END, everything):
        assert_is_loop(model, OTHER, [Scale(each, 0.5) for each in wanted if each in names], metric)


# ---- the numbers, where a start differs


@pytest.mark.parametrize("metric", ["difference at the end", "callable"])
@pytest.mark.parametrize(
    "name", ["gpt2 scaled by layer", "gemma2", "mixtral", "bert", "t5 gated", "gpt-neox sequential", "cohere"]
)
def test_single_variations_of_every_start(name: str, metric: str) -> None:
    """One in a batch: nothing hides behind another one's earlier start."""
    implementation = models.SUBJECTS[name].implementations[-1]
    model, p = models.shared(name, implementation), prefix(name)
    there = source(name, implementation)
    for i in (0, 1):
        for part in ("resid_pre", "attn.k", "attn.z", "mlp_out", "resid_post"):
            site = Site(f"{p}blocks.{i}.{part}")
            variation = [Patch(site, there)]
            found = sweep(
                model,
                given(name, OTHER),
                variation,
                {"difference at the end": AT_THE_END, "callable": everything}[metric],
            )
            assert_close(
                found,
                loop(
                    model,
                    given(name, OTHER),
                    variation,
                    {"difference at the end": AT_THE_END, "callable": everything}[metric],
                ),
            )
