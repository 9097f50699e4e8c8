"""What the notebook says in words, checked in its own kernel after its last cell: a name is one of the notebook's."""

from __main__ import (  # the notebook's kernel runs this
    backwards,
    broken,
    counting,
    different,
    downwards,
    dyck1,
    dyck2,
    dyck2_is_right,
    first_step,
    following,
    found,
    hist,
    hist_so_far,
    itertools,
    judge,
    layers,
    length,
    level,
    module,
    nested,
    one_kind,
    partner,
    rasp,
    reverse,
    shorter,
    sort,
    sorting,
    tempting,
    tempting_is_right,
    tokens,
    turn,
    versus,
    wanted_different,
    wanted_down,
    wanted_dyck2,
    wanted_next,
    wanted_so_far,
    written,
)
from attrium.rasp import library

# every widget has its program compiled, and the model says what the program says on the input that is on show
shown = {
    first_step: "hello",
    counting: "hello",
    backwards: "abcde",
    sorting: [3, 1, 4, 1, 5],
    written: "abbccddd",
    one_kind: "(())())(",
    nested: "({}{)}",
    versus: found,
}
for widget, xs in shown.items():
    widget.wait()
    assert widget.last_error is None and widget.problem is None, widget.title
    assert widget.input == list(xs) and widget.compiled.check(xs) is None, widget.title
    assert widget.node == "" or widget.node in widget.program.labels, widget.title

# the judge tells right from wrong, and a wrong program from its task
assert not judge(tokens, lambda xs: list(xs)[::-1], "ab") and judge(reverse, lambda xs: list(xs)[::-1], "ab")

# the answers are right, the programs to begin with are not, and the examples are as the tasks say
tasks = [
    (hist_so_far, hist, wanted_so_far, "abaa", [1, 1, 2, 3]),
    (following, reverse, wanted_next, "abca", ["b", "c", "a", "-"]),
    (downwards, sort, wanted_down, [3, 1, 4, 1, 5], [5, 4, 3, 1, 1]),
    (different, length, wanted_different, "abca", [3, 3, 3, 3]),
    (shorter, tempting, wanted_dyck2, "({)}", list("PPFF")),
]
for answer, before, wanted, xs, said in tasks:
    assert answer(xs) == wanted(xs) == said != before(xs), answer
    assert rasp.validate(answer, sorted(set(xs), key=str), 6) == [], "an answer compiles too"
assert layers == {"dyck2": 5, "shorter": 4}

# the transformer: one layer counts; backwards takes two, and nothing can be fetched without the place to look
assert counting.compiled.forecast.layers == 1 and backwards.compiled.forecast.layers == 2
assert broken != reverse("abcde") and backwards.model_values["reverse"] == reverse("abcde") and not backwards.ablated

# text
assert module["hist"]("hello") == [1, 1, 2, 2, 1]
assert written.values["most_frequent"] == ["d", "b", "c", "a", "-", "-", "-", "-"] and written.language == "rasp"

# brackets: the library has its own programs for these, and the words of the text are theirs
assert dyck1("())(") == list("PTFF")
for size in range(1, 6):
    for xs in itertools.product("()", repeat=size):
        assert dyck1(xs) == library.dyck1_ptf()(xs) == wanted_dyck2(xs)
assert not tempting_is_right and dyck2_is_right
assert tempting("({})") == wanted_dyck2("({})") and tempting("(}") == wanted_dyck2("(}")
assert tempting(found) != dyck2(found) == wanted_dyck2(found) and len(found) == 3, "the shortest there is"
assert partner("({}{)}") == ["-", "-", "{", "}", "{", "("] and level("({}{)}") == [1, 2, 2, 2, 2, 1]
assert turn("({}{)}") == [0, 0, 1, 2, 3, 1]
assert nested.compiled("({}{)}") == wanted_dyck2("({}{)}") == list("PPPPFF")
assert {"long_addition", "induction", "is_dyck2"} <= set(library.PROGRAMS)
