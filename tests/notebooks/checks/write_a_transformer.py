"""What the notebook says in words, checked in its own kernel after its last cell: a name is one of the notebook's."""

from pathlib import Path

import torch

from __main__ import (  # the notebook's kernel runs this
    ablated,
    backwards,
    cases,
    causal,
    compiled,
    decode,
    dyck,
    embedding,
    explorer,
    far,
    hist,
    induction,
    inputs,
    library,
    logits,
    module,
    near,
    opened,
    opposite,
    previous,
    rasp,
    reverse,
    run,
    same,
    sort,
    sorting,
    without,
    wrong,
)

# the language
assert hist("hello") == [1, 1, 2, 2, 1] and reverse("hello") == list("olleh") and opposite("abc") == [2, 1, 0]
assert same("aba").tolist() == [[True, False, True], [False, True, False], [True, False, True]]

# the transformer: one layer, one head, which writes the count as a number; the MLP makes one dimension each of it
assert compiled("hello") == [1, 1, 2, 2, 1]
assert (compiled.forecast.layers, compiled.forecast.heads) == (1, 1)
stages = {stage.place: stage.values for stage in compiled.craft.run(compiled.ids(["hello"])[0])}
labels = compiled.craft.space.labels
number, one, two = (labels.index(label) for label in ("hist", "hist:1", "hist:2"))
offset = compiled.craft.space.directions[number].offset
assert stages["embedding"][:, number].abs().max() == 0 == stages["0.attention"][:, [one, two]].abs().max()
counts = stages["0.attention"][1:, number] - offset
assert torch.allclose(counts, torch.tensor([1, 1, 2, 2, 1], dtype=torch.float64), atol=1e-2)
assert torch.allclose(stages["0.mlp"][3, [one, two]], torch.tensor([0.0, 1.0], dtype=torch.float64), atol=1e-6)
looked = compiled.craft.layers[0].heads[0].pattern(stages["embedding"])
assert looked[:, 0].min() > 0.999, "nearly all attention rests on the BOS"
assert torch.allclose(looked[3, 3], looked[3, 4]) and looked[3, 1] < 1e-12 < looked[3, 3], "the same share for each l"

# is it right
assert len(inputs) == 4 + 16 + 64 + 256 + 1024 and wrong == []

# longer programs
assert len(library.PROGRAMS) >= 48, "dozens"
assert dyck("({})") == list("PPPT") and dyck("({)}") == list("PPFF")
assert sorting([3, 1, 4, 1, 5, 9, 2, 6]) == sort([3, 1, 4, 1, 5, 9, 2, 6]) == [1, 1, 2, 3, 4, 5, 6, 9]

# what cannot be compiled says so; what can is right, and Tracr's answer is not
(problem,) = rasp.validate(rasp.numerical(previous), "ab", 8)
assert problem.node == "previous" and "default" in problem.reason
for what, program, vocabulary, xs, tracr in cases:
    model = rasp.compile(program, vocabulary, max(5, len(xs)))
    assert model.check(xs) is None, what
    assert all(abs(here - meant) < 1e-3 for here, meant in zip(model(xs), program(xs), strict=True)), what
    assert tracr != program(xs) and len(tracr) == len(xs), what

# look inside
assert run["blocks.1.attn.pattern"][0, 0].argmax(-1).tolist() == [0, 4, 3, 2, 1]
assert explorer.last_error is None
explorer.wait()
assert explorer.last_error is None and explorer.trace.logits.shape[-1] == len(backwards.craft.outputs)
assert decode(backwards.craft, without.logits[0]) == ["a"] * 4

# a ground truth for attribution
assert ablated.values[0].tolist() == [0, 0, 0, 20, 0]
assert torch.allclose(near.values.sum(-1)[0], ablated.values[0].float(), atol=1e-3) and abs(near.gap.item()) < 1e-3
assert far.values.sum(-1).abs().max() < 1 and far.gap.item() < -19
assert embedding is backwards.model.token_embedding

# text, files, GPT-2
assert module["reverse"]("abc") == list("cba") and module["vowels"]("audio") == [4] * 5
assert opened.same_as(sort) and Path("sort.json").exists()
assert causal("abacab") == decode(causal.craft, logits[0]) == induction("abacab", causal=True)
assert causal("abacab") == [None, None, "b", None, "c", "a"] and Path("induction/config.json").exists()
