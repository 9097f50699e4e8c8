"""What the notebook says in words, checked in its own kernel after its last cell: a name is one of the notebook's."""

from __main__ import (  # the notebook's kernel runs this
    alone,
    difference,
    endings,
    error,
    guess,
    hand_error,
    head_patches,
    induction_heads,
    lens,
    looks,
    mlp_patches,
    pairs,
    parts,
    path_scores,
    path_shares,
    places,
    push,
    right,
    scores,
    t,
    tokenizer,
    whole,
    without_induction,
    without_others,
    words,
    wrong,
)
from attrium_kernel.zoo.data import task_text

LAST, AGAIN = len(words) - 1, words.index("B/A")

# one sentence
assert tokenizer.decode([t.logits[0, -1].argmax().item()]) == " Mary"
assert hand_error < 1e-5

# which heads continue a pattern
assert induction_heads == [(3, 0), (3, 2), (3, 3)]
assert sum(score > 0.1 for score in scores["induction"].flatten().tolist()) == 3
assert scores["previous_token"].argmax() == 4 * 2 + 2 and scores["previous_token"][2, 2] > 0.8

# do they do the work
assert whole > 0.99
for way in ("zero", "mean"):
    assert without_induction[way] < 0.05
    assert sum(without_others[way]) / len(without_others[way]) > 0.8
    assert min(without_others[way]) > without_induction[way] + 0.3
effects = alone.effects()
assert effects.argmin() == 4 * 2 + 2
assert max(-effects[i, j] for i, j in induction_heads) < 0.5 < -effects[2, 2]

# the path from the head that looks one back to the keys
kept, from_q, from_k = (path_scores[name][[0, 2, 3]] for name in ("as it is", "2.2 cut from q", "2.2 cut from k"))
assert (from_q > kept - 0.05).all() and (from_k > 0.3).all() and (from_k < kept - 0.1).all()

# who gets the drink
assert all(task_text.held_out(*sorted(pair)) for pair in pairs)
recovered = places.recovered()
for layer, position, others_below in ((0, AGAIN, 0.01), (3, LAST, 0.01)):
    row = recovered[layer].clone()
    assert row[position] > 0.95
    row[position] = 0
    assert row.abs().max() < others_below
assert recovered[1, AGAIN] > 0.8 > 0.2 > recovered[1, LAST]
assert recovered[2, LAST] > 0.8 > 0.2 > recovered[2, AGAIN]
assert (head_patches.recovered() > 0.5).nonzero().tolist() == [[1, 2]]
assert looks.argmax() == AGAIN and looks.max() > 0.8
exact, first_order = head_patches.effects().flatten(), guess.effects().flatten()
assert exact.argsort(descending=True)[:3].tolist() == first_order.argsort(descending=True)[:3].tolist()
assert error["correlation"] > 0.99 and first_order.max() < 0.8 * exact.max()

# who says the name
of = {name: dict(zip(parts, values.tolist())) for name, values in push.items()}
for run in ("clean", "corrupt"):
    assert of[run]["blocks.3.attn.head.3"] > 3 and of[run]["blocks.3.attn.head.2"] < -3
assert of["clean"]["blocks.3.mlp"] > 3 and of["corrupt"]["blocks.3.mlp"] < -3
assert mlp_patches[3, LAST] > 0.5 and head_patches.recovered()[3].max() < 0.1
assert max(path_shares, key=path_shares.get) == "blocks.2.mlp"
assert path_shares["blocks.3.attn"] < 0.05
assert sum(v for k, v in path_shares.items() if "mlp" in k) > 0.6 * sum(path_shares.values())
by_point = {name.removeprefix("blocks."): (float(r), float(w)) for name, r, w in zip(lens.names, right, wrong)}
assert by_point["2.resid_post"][0] < 0.2
assert min(by_point["3.resid_mid"]) > 0.1
assert by_point["3.resid_post"][0] > 0.95 and by_point["3.resid_post"][1] < 0.05
assert difference.position == -1

# change its mind
for text, singular, plural in (
    ("The cat near the window", "is", "are"),
    ("The king that the bird likes", "has", "have"),
):
    assert endings[text, 0.0].startswith(f"{text} {singular} ")
    assert endings[text, 1.0].startswith(f"{text} {plural} ")
