"""What the notebook says in words, checked in its own kernel after its last cell: a name is one of the notebook's."""

from __main__ import (  # the notebook's kernel runs this
    answers,
    between_indices,
    cosines,
    eight,
    labels,
    model,
    norms,
    ours,
    principal,
    six,
    sixteen,
)

# other processors round otherwise, and a seed may then end elsewhere: what holds is said of most seeds, not of each

# from 14 dimensions to 6
assert len(labels) == 14 and six.width == 6 and len(six.seeds) == 10
assert six.accuracy.mean() > 0.95 and six.accuracy.min() > 0.85
assert six.error.sqrt().median() < 0.03
assert six.layer_losses[-50:].median() < 0.01 < six.layer_losses[:50].median()
assert principal.accuracy < 0.75

# who shares with whom
assert (eight.accuracy > 0.95).sum() >= 8
median = dict(zip(labels, norms.median(0).values.tolist()))
assert median["frac_prevs"] > 0.9 and median["tokens:x"] > 0.75
assert (norms[:, labels.index("frac_prevs")] > 0.7).all()
for label in ("tokens:w", "tokens:y", "tokens:z", "pad", "one"):
    assert median[label] < 0.35, label
for i in range(5):
    assert 0.1 < median[f"indices:{i}"] < 0.6
assert 0.1 < between_indices.mean() < 0.5
assert median["is_x"] < 0.7
assert (cosines[:, 0, 1].abs() > 0.5).sum() >= 6
others = eight.directions[:, [labels.index(f"tokens:{token}") for token in "wyz"]]
others = others / others.norm(dim=-1, keepdim=True)
assert ((others @ others.transpose(1, 2)).amin((1, 2)) > 0.9).sum() >= 7  # they share one direction
leaning = [c for c in cosines if abs(c[0, 2]) > 0.3 and abs(c[1, 2]) > 0.3]
assert all(c[0, 2] * c[1, 2] < 0 for c in leaning)

# right answers, other work
assert sixteen.accuracy.median() > 0.95 and sixteen.accuracy.min() > 0.85
assert (six.faithfulness.mean(0) > 0.99).all()
assert sixteen.faithfulness.mean() < 0.8 and sixteen.faithfulness[:, sixteen.places.index("0.mlp")].mean() < 0.5

# our own compiler's model
assert len(ours.labels) == 12
assert ours.accuracy.max() > 0.8 > ours.accuracy.min()

# a transformer like any other
assert model.config.d_model == 6 and len(model.labels) == 6
assert max(abs(a - b) for a, b in zip(answers, [1, 1 / 2, 2 / 3, 3 / 4, 3 / 5])) < 0.06
