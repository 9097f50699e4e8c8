"""Compression: against the original where nothing is squeezed, against finite differences, and against plain Python."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from attrium_kernel import rasp
from attrium_kernel.rasp.craft import Craft
from attrium_kernel.rasp.decode import decode_batch
from attrium_kernel.rasp.errors import RaspError
from attrium_kernel.rasp.model import assemble
from attrium_kernel.rasp.superposition import (
    CompressedTransformer,
    compress,
    measures,
    samples,
    tracr_frac_prevs,
    tracr_sort_unique,
)
from attrium_kernel.running import Cancelled


def orthogonal(size: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64))[0]


def small() -> rasp.Compiled:
    """Shares of "a" so far, as our own compiler has it: 7 dimensions."""
    so_far = rasp.select(rasp.indices, rasp.indices, "<=")
    share = rasp.numerical(rasp.aggregate(so_far, rasp.numerical(rasp.tokens == "a"), 0))
    return rasp.compile(share, "ab", 2)


def every_id(length: int, tokens: range) -> torch.Tensor:
    return torch.tensor([[0, *xs] for xs in itertools.product(tokens, repeat=length)])


# Tracr's models


def test_tracr_frac_prevs_has_the_papers_size_and_says_the_shares():
    craft = tracr_frac_prevs()
    assert len(craft.space) == 14  # 5 indices, 4 tokens with BOS and PAD, is_x, frac_prevs, one
    ids = every_id(5, range(2, 6))
    found = decode_batch(craft, assemble(craft, dtype=torch.float64)(ids).logits)
    for xs, row in zip(ids[:, 1:].tolist(), found, strict=True):
        assert row == pytest.approx([xs[: i + 1].count(3) / (i + 1) for i in range(5)], abs=1e-6)


@pytest.mark.parametrize("vocabulary", [(1, 2, 3, 4), (2, 3, 5, 7, 11)])
def test_tracr_sort_unique_sorts(vocabulary):
    craft = tracr_sort_unique(vocabulary)
    assert len(craft.space) == 2 * len(vocabulary) + 2 * 5 + 5  # Tracr: 2V + 2n + 5
    model = assemble(craft, dtype=torch.float64)
    for length in range(1, len(vocabulary) + 1):
        xs = list(itertools.permutations(vocabulary, length))
        ids = torch.tensor([[0, *(2 + vocabulary.index(x) for x in each)] for each in xs])
        assert decode_batch(craft, model(ids).logits) == [sorted(each) for each in xs]


# The compressed forward


@pytest.mark.parametrize(
    "craft", [tracr_frac_prevs(), tracr_sort_unique(), small().craft], ids=["frac", "sort", "ours"]
)
def test_a_rotation_of_the_whole_stream_changes_nothing(craft):
    size = len(craft.space)
    found = compress(craft, size, steps=0, start=orthogonal(size))
    assert found.accuracy.tolist() == [1.0]
    assert torch.allclose(found.overlaps[0], torch.eye(size, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(found.faithfulness, torch.ones_like(found.faithfulness), atol=1e-9)
    assert torch.allclose(found.stream_faithfulness, torch.ones_like(found.stream_faithfulness), atol=1e-9)
    ids = every_id(2, range(2, 4))
    whole = assemble(craft, dtype=torch.float64)(ids).logits
    assert torch.allclose(found.model()(ids).logits, whole, atol=1e-7)


def by_hand(craft, w, ids):
    """The compressed stream of one input, half-layer by half-layer, from the craft's own parts."""
    size = len(craft.space)
    stream = craft.embed(ids) @ w
    for layer in craft.layers:
        x = stream @ w.T
        change = torch.zeros(size, dtype=torch.float64)
        for dimension, amount in layer.offsets.items():
            change[dimension] += amount
        stream = stream + sum((head(x) for head in layer.heads), change) @ w
        if layer.mlp is not None:
            stream = stream + layer.mlp(stream @ w.T) @ w
    return craft.unembedding(stream @ w.T)


@pytest.mark.parametrize(
    "craft", [tracr_frac_prevs(), tracr_sort_unique(), small().craft], ids=["frac", "sort", "ours"]
)
def test_all_seeds_at_once_and_the_folded_model_say_what_the_parts_say_one_by_one(craft):
    w = torch.randn(3, len(craft.space), 5, dtype=torch.float64) / 3
    model = CompressedTransformer.of(craft, w)
    ids = every_id(2, range(2, 4))
    found = model(ids).logits
    for seed in range(3):
        wanted = torch.stack([by_hand(craft, w[seed], each) for each in ids])
        scale = wanted.abs().max().item()
        assert torch.allclose(found[seed], wanted, atol=1e-9 * scale)
        folded = model.folded(seed)
        assert folded.config.d_model == 5
        assert torch.allclose(folded(ids).logits, wanted, atol=1e-9 * scale)


def test_padding_changes_nothing_where_there_are_tokens():
    craft = tracr_sort_unique()
    model = CompressedTransformer.of(craft, torch.randn(2, len(craft.space), 7, dtype=torch.float64) / 3)
    ids = torch.tensor([[0, 4, 2, 3]])
    padded = torch.tensor([[0, 4, 2, 3, 1, 1]])
    assert torch.allclose(model(ids).logits, model(padded, padded != 1).logits[:, :, :4], atol=1e-12)


def test_a_causal_model_sees_nothing_that_comes_later():
    so_far = rasp.selector_width(rasp.select(rasp.tokens, rasp.tokens, "=="))
    craft = rasp.compile(so_far, "ab", 3, causal=True, dtype=torch.float64).craft
    model = CompressedTransformer.of(craft, orthogonal(len(craft.space)))
    one, other = model(torch.tensor([[0, 2, 2, 2]])).logits, model(torch.tensor([[0, 2, 2, 3]])).logits
    assert torch.equal(one[:, :, :3], other[:, :, :3])
    assert not torch.allclose(one[:, :, 3], other[:, :, 3])


def test_gradients_are_those_of_finite_differences():
    craft = tracr_frac_prevs(("x", "y"), "x", 2)
    generator = torch.Generator().manual_seed(3)
    w = torch.randn(2, len(craft.space), 4, generator=generator, dtype=torch.float64) * 0.3
    model = CompressedTransformer.of(craft, w)
    identity = CompressedTransformer.of(craft, torch.eye(len(craft.space)))
    ids = every_id(2, range(2, 4))
    valid = (ids > 1).expand(2, *ids.shape)
    with torch.no_grad():
        whole = identity(ids)

    def loss(directions: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            model.directions.copy_(directions)
        found = model(ids)
        wanted = tuple(each[0] for each in whole.written)
        return (
            measures.output_loss(found.logits, whole.logits[0], valid, True) + measures.layer_loss(found, wanted, valid)
        ).sum()

    (gradient,) = torch.autograd.grad(loss(w), model.directions)
    step = 1e-6
    for place in itertools.product(range(2), range(len(craft.space)), range(4)):
        shift = torch.zeros_like(w)
        shift[place] = step
        with torch.no_grad():
            slope = (loss(w + shift) - loss(w - shift)) / (2 * step)
        assert gradient[place].item() == pytest.approx(slope.item(), rel=1e-4, abs=1e-6)


# Measures


def test_the_measures_are_those_of_plain_loops():
    found, wanted = torch.randn(2, 3, 4, 5), torch.randn(3, 4, 5)
    valid = torch.rand(3, 4) < 0.6
    places = [(b, t) for b in range(3) for t in range(4) if valid[b, t]]
    for seed in range(2):
        right = [found[seed][p].argmax() == wanted[p].argmax() for p in places]
        assert measures.accuracy(found, wanted, valid, False)[seed].item() == pytest.approx(sum(right) / len(places))
        cosines = [torch.dot(found[seed][p], wanted[p]) / found[seed][p].norm() / wanted[p].norm() for p in places]
        mean = sum(cosines).item() / len(places)
        assert measures.similarity(found, wanted, valid)[seed].item() == pytest.approx(mean, abs=1e-6)
        errors = [sum((found[seed][p] - wanted[p]) ** 2) for p in places]
        squared = measures.output_loss(found, wanted, valid.expand(2, 3, 4), True)[seed].item()
        assert squared == pytest.approx(sum(errors).item() / len(places), rel=1e-5)
        entropies = [-(wanted[p].softmax(-1) * found[seed][p].log_softmax(-1)).sum() for p in places]
        crossed = measures.output_loss(found, wanted, valid.expand(2, 3, 4), False)[seed].item()
        assert crossed == pytest.approx(sum(entropies).item() / len(places), rel=1e-5)


def test_a_number_is_right_where_the_nearest_of_the_originals_numbers_is():
    wanted = torch.tensor([[0.0, 0.5, 1.0, 1.0]])[..., None]
    found = torch.tensor([[[0.2, 0.3, 0.8, 0.7]]])[..., None]
    assert measures.accuracy(found, wanted, torch.ones(1, 4, dtype=torch.bool), True).tolist() == [0.75]


def test_positions_where_the_original_writes_nothing_do_not_count_as_unlike():
    wanted = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    found = torch.tensor([[[[1.0, 1.0], [5.0, 5.0]]]])
    valid = torch.ones(1, 2, dtype=torch.bool)
    assert measures.similarity(found, wanted, valid).item() == pytest.approx(math.sqrt(0.5))


def test_features_are_dropped_superposed_or_by_themselves():
    w = torch.tensor([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -0.8, 0.8], [0.1, 0.1, 0.0]])
    found = measures.features(w, ("a", "b", "c", "d"))
    assert [each.fate for each in found] == ["own", "superposed", "superposed", "dropped"]
    assert [each.other for each in found][1:3] == ["c", "b"]
    assert found[1].overlap == pytest.approx(math.sqrt(0.5))
    assert [each.norm for each in found] == pytest.approx([1, 1, 1.28, 0.02])


# Inputs


def test_all_inputs_are_there_once_if_they_are_few():
    ids = samples.some_inputs(tracr_frac_prevs(), torch.Generator().manual_seed(0))
    assert len({tuple(row) for row in ids.tolist()}) == len(ids) == sum(4**n for n in range(1, 6))
    train, held = samples.split(ids, torch.Generator().manual_seed(0))
    rows = [{tuple(row) for row in each.tolist()} for each in (train, held)]
    assert not rows[0] & rows[1] and len(rows[0] | rows[1]) == len(ids) and len(rows[1]) == len(ids) // 4


def test_random_inputs_are_a_bos_then_tokens_then_padding():
    ids = samples.some_inputs(tracr_frac_prevs(max_length=9), torch.Generator().manual_seed(0))
    assert 2000 < len(ids) <= 4096 and set(ids[:, 0].tolist()) == {0}
    tokens = ids[:, 1:] > 1
    assert (tokens.int().diff(dim=1) <= 0).all() and tokens[:, 0].all()
    assert set(tokens.sum(1).tolist()) == set(range(1, 10))


# Training


def shares() -> Craft:
    """Tracr's `frac_prevs` at the smallest size that is interesting: 10 dimensions."""
    return tracr_frac_prevs(("x", "y"), "x", 3)


@pytest.fixture(scope="module")
def squeezed():
    return compress(shares(), 4, steps=1500, seeds=6)


def test_a_small_program_fits_in_fewer_dimensions(squeezed):
    assert len(squeezed.labels) == 10 and squeezed.width == 4
    assert (squeezed.accuracy == 1).sum() >= 3 and squeezed.error.min() < 1e-3
    best = squeezed.best
    assert squeezed.output_losses[-50:, best].mean() < 0.01 * squeezed.output_losses[:50, best].mean()
    assert (squeezed.faithfulness[best] > 0.99).all()
    for length in range(1, 4):
        for xs in itertools.product("xy", repeat=length):
            wanted = [xs[: i + 1].count("x") / (i + 1) for i in range(length)]
            assert squeezed(xs) == pytest.approx(wanted, abs=0.15)


def test_what_is_never_used_is_dropped(squeezed):
    fates = {each.label: each for each in squeezed.features()}
    assert fates["frac_prevs"].norm > 0.8 > 0.2 > fates["pad"].norm


def test_one_dimension_is_too_few_for_it():
    found = compress(shares(), 1, steps=600, seeds=6)
    assert found.accuracy.max() < 0.7 and found.error.min() > 0.05


def test_more_layer_weight_is_more_faithful_work():
    def final(layer_weight: float) -> torch.Tensor:
        return compress(shares(), 3, steps=500, seeds=4, layer_weight=layer_weight).layer_losses[-50:].mean()

    assert final(1.0) < 0.5 * final(0.0)


def test_a_seed_gives_the_same_alone_and_beside_others():
    together = compress(small(), 4, steps=40, seeds=(7, 3))
    again = compress(small(), 4, steps=40, seeds=(7, 3))
    alone = compress(small(), 4, steps=40, seeds=[3])
    assert torch.equal(together.directions, again.directions)
    assert torch.allclose(together.directions[1], alone.directions[0], atol=1e-9)
    assert not torch.allclose(together.directions[0], together.directions[1], atol=0.1)


def test_the_callers_random_state_and_model_are_as_before():
    compiled = small()
    before = {name: value.clone() for name, value in compiled.model.state_dict().items()}
    state, threads = torch.random.get_rng_state(), torch.get_num_threads()
    found = compress(compiled, 4, steps=3)
    found.model()
    assert torch.equal(torch.random.get_rng_state(), state) and torch.get_num_threads() == threads
    assert all(torch.equal(value, before[name]) for name, value in compiled.model.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in compiled.model.parameters())


def test_progress_is_told_and_cancel_stops_it():
    told = []
    compress(small(), 4, steps=3, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]
    asked = iter([False, False, True])
    with pytest.raises(Cancelled, match="cancelled after 2 of 9 steps"):
        compress(small(), 4, steps=9, cancel=lambda: next(asked))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"width": 0}, "width=0, but the stream has 7 dimensions; pass 1 <= width <= 7"),
        ({"width": 8}, "width=8, but the stream has 7"),
        ({"steps": -1}, "steps=-1"),
        ({"lr": 0.0}, "lr=0.0; pass a number above 0"),
        ({"seeds": 0}, "seeds=0; pass how many"),
        ({"seeds": (1, 1)}, "different whole numbers"),
        ({"layer_weight": -1.0}, "layer_weight=-1.0"),
        ({"start": torch.zeros(3, 3)}, r"start has the shape \(3, 3\); pass \(7, 4\)"),
        ({"start": torch.zeros(2, 7, 4)}, "2 matrices for 1 seeds"),
        ({"inputs": ["a", "b"]}, "2 different inputs; 4 or more"),
        ({"inputs": ["ab", "c"]}, "'c' in input 1 is no input"),
        ({"inputs": ["aab"]}, "input 0 has 3 tokens; pass from 1 to 2"),
        ({"lr": 1e200, "steps": 5}, "not finite after"),
    ],
)
def test_what_is_wrong_is_said(options, words):
    with pytest.raises(RaspError, match=words):
        compress(small(), **{"width": 4, "steps": 1, **options})
