"""What the notebook says in words, checked in its own kernel after its last cell: a name is one of the notebook's."""

from __main__ import (  # the notebook's kernel runs this
    EACH,
    INPUTS,
    PROGRAMS,
    SIZE,
    adding_up,
    all_heads,
    at_k,
    auroc,
    beats,
    broken,
    chance,
    circuits,
    compiled,
    dependencies,
    gaps,
    graph,
    heads,
    inputs,
    largest,
    letters,
    looks_away,
    machine,
    machine_graph,
    mean,
    methods,
    nearest,
    not_adding_up,
    np,
    orders,
    overall,
    overall_at_k,
    precision,
    program,
    rasp,
    results,
    table,
)

# the truth: each place is tried with every letter; written out once more, in plain Python
by_brute_force = np.array([[False] * SIZE for _ in range(SIZE)])
text = "abcacbb"


def next_same(xs):
    return [next((i for i in range(q + 1, len(xs)) if xs[i] == xs[q]), None) for q in range(len(xs))]


for place in range(SIZE):
    for letter in "abc":
        other = text[:place] + letter + text[place + 1 :]
        by_brute_force[:, place] |= [a != b for a, b in zip(next_same(text), next_same(other))]
found = dependencies(rasp.Program(nearest.build(SIZE)), nearest, list(text))
assert (found == by_brute_force).all() and found[0].tolist() == [True] * 4 + [False] * 3
for widget in (graph, machine_graph):
    widget.wait()
    assert widget.last_error is None and widget.problem is None
assert graph.compiled.check(text) is None and machine_graph.compiled is compiled
facts = graph.answer("attribution", {"position": 0}).facts
assert facts["truth"] == found[0].tolist(), "the widget's truth is the notebook's"

# the scores: chance, ties, noise
one = np.array([True, False, True, False])
assert auroc(np.array([3, 2, 1, 1.0]), one) == (1 + 1 + 0 + 0.5) / 4
assert auroc(np.zeros(4), one) == 0.5 and precision(np.zeros(4), one) == 0.5
assert auroc(np.array([1e-9, 0, 0, 1]), one) == (0.5 + 0 + 0.5 + 0) / 4, "what is next to the same is a tie"
assert auroc(np.array([2e-13, 1e-13, 2e-13, 0]), one) == 1, "a small row is still a row"
assert precision(np.array([4, 4, 4, 0.0]), np.array([True, True, False, False])) == 2 / 3
assert len(PROGRAMS) == 13 and all(10 < each["cases"] <= INPUTS * EACH and each["right"] for each in results.values())
assert 0.45 < overall["dice"] < 0.55 and abs(overall_at_k["dice"] - chance) < 0.05

# what it says
auroc_of = {name: dict(zip(methods, row)) for name, row in zip(PROGRAMS, table)}
brackets = ("dyck1_ptf", "dyck2_ptf")
blind = ("dice", "own position", "up to it")
swap = "ablation, to others"
assert max(overall, key=overall.get) == max(overall_at_k, key=overall_at_k.get) == swap and overall[swap] > 0.9
assert all(each["auroc"][swap] > 0.8 for each in results.values()) and beats[swap] == max(beats.values())
for method in set(methods) - {swap}:
    assert min(each[method] for each in auroc_of.values()) < 0.8, method
assert overall[swap] > overall["ablation, to zero"] + 0.05
assert abs(overall["IG, from others"] - overall["IG, from zero"]) < 0.06
for name in brackets:
    assert auroc_of[name]["IG, from others"] > auroc_of[name]["IG, from zero"] + 0.05, name
    assert auroc_of[name]["up to it"] > max(auroc_of[name]["gradient"], auroc_of[name]["last attention"]), name
assert auroc_of["detect_pattern_abc"]["IG, from others"] < 0.6 < auroc_of["detect_pattern_abc"]["IG, from zero"]
for name in ("run_length", *brackets):
    assert abs(auroc_of[name]["input x gradient"] - 0.5) < 0.05, name
for name in ("shift_by_2", "reverse"):
    assert auroc_of[name]["last attention"] > 0.99, name
assert auroc_of["rotate"]["last attention"] < 0.7 < auroc_of["rotate"]["rollout"]
assert overall["rollout"] > overall["last attention"] + 0.05
better_at_k = [m for m in methods if overall_at_k[m] > overall_at_k["rollout"]]
better = [m for m in methods if overall[m] > overall["rollout"]]
assert len(better_at_k) >= len(better) + 3, "by precision at k it falls behind"
assert at_k.shape == table.shape == (13, 14) and set(blind) < set(methods)

# a warning light
assert len(adding_up) + len(not_adding_up) == len(gaps) and min(len(adding_up), len(not_adding_up)) > 100
assert mean(adding_up) > 0.85 and mean(a < 0.6 for a in adding_up) < 0.1
assert mean(not_adding_up) < 0.75 and mean(a < 0.6 for a in not_adding_up) > 0.3

# the truth has an edge
assert dependencies(program, largest, [1, 4, 2, 1, 3, 2, 1])[-1].nonzero()[0].tolist() == [1]
assert not dependencies(program, largest, [1, 4, 2, 4, 3, 2, 1])[-1].any()

# heads
assert all(compiled.check(xs) is None for xs in inputs) and set(heads) == set.union(*circuits.values())
assert machine("<abc") == ["a", "b", "c", "-"] and machine("=abc") == ["-", "c", "b", "a"]
for sign, circuit in circuits.items():
    for name, site in heads.items():
        assert (broken["resample"][name][sign] > 0.3) == (name in circuit), (sign, name)
        assert broken["resample"][name][sign] > 0 or name not in circuit
        if name not in circuit:
            assert broken["resample"][name][sign] == broken["zero"][name][sign] == 0
        elif (sign, name) == ("=", "order"):
            assert broken["zero"][name][sign] == 0, "zeros miss it"
        else:
            assert broken["zero"][name][sign] == 1
        away = looks_away(site, sign)
        assert away < 0.001 if name == "length" else away > 0.6
    for name in {"next", "previous", "opposite"} - circuit:
        assert broken["mean"][name][sign] > 0.9, "the mean finds too many"

# patching
assert machine("<abcca") == orders["order"] != machine(">abcca")
for name in ("next", "length", "opposite"):
    assert orders[name] == machine(">abcca"), name
differing = [i for i, (a, b) in enumerate(zip(orders["previous"], machine(">abcca"))) if a != b]
assert differing == [1], "where the order itself stands before"
assert letters["next"] == machine("<abcca")
assert all(letters[name] == machine("<abbca") for name in heads if name != "next")

# the library
assert set(all_heads) == set(PROGRAMS) and all(count > 0 and idle == [] for count, idle in all_heads.values())
