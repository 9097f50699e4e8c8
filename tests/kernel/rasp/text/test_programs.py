"""The paper's programs against plain Python on all short inputs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from attrium_kernel.rasp import Program
from attrium_kernel.rasp.text import PROGRAMS, Module, load, program, program_text

from .inputs import every


def hist(xs: str) -> list[int]:
    return [xs.count(x) for x in xs]


def hist_bos(xs: str) -> list[int]:
    return [0, *hist(xs[1:])]


def hist2_bos(xs: str) -> list[int]:
    counts = Counter(xs[1:])
    return [0, *(sum(count == counts[x] for count in counts.values()) for x in xs[1:])]


def sort_by_most_freq(xs: str) -> list[str]:
    found = sorted(dict.fromkeys(xs), key=lambda x: (-xs.count(x), xs.index(x)))
    return found + ["§"] * (len(xs) - len(found))


def dyck(*pairs: str) -> Callable[[str], list[str]]:
    def expected(xs: str) -> list[str]:
        found: list[str] = []
        stack: list[str] = []
        failed = False
        for x in xs:
            for opener, closer in pairs:
                if x == opener:
                    stack.append(closer)
                elif x == closer:
                    failed = failed or not stack or stack.pop() != closer
            found.append("F" if failed else "P" if stack else "T")
        return found

    return expected


def long_addition(xs: str) -> list[int]:
    first, second = xs.split("+")
    return [int(digit) for digit in str(int(first) + int(second)).zfill(len(xs))]


def rover(xs: str) -> list[bool]:
    *facts, question = xs.split(",")
    start, goal = question.split("?")
    reached = {start}
    for _ in range(3):
        reached |= {fact[2] for fact in facts if fact[0] in reached}
    return [goal in reached] * len(xs)


def sums() -> Iterator[str]:
    for digits in ("059", "19"):
        for first in every(digits, 3):
            yield from (f"{first}+{second}" for second in every(digits, 2))


def questions() -> Iterator[str]:
    rng = random.Random(0)
    for facts in range(6):
        for _ in range(60):
            said = [f"{rng.choice('abcde')}<{rng.choice('abcde')}" for _ in range(facts)]
            yield ",".join([*said, f"{rng.choice('abcde')}?{rng.choice('abcde')}"])


CASES: dict[str, tuple[Callable[[str], list[object]], Callable[[], Iterator[str]]]] = {
    "hist_nobos": (hist, lambda: every("abc", 5)),
    "hist_bos": (hist_bos, lambda: every("abc", 5, "§")),
    "hist2_bos": (hist2_bos, lambda: every("abc", 6, "§")),
    "reverse": (lambda xs: list(xs[::-1]), lambda: every("abc", 5)),
    "sort_bos": (lambda xs: ["§", *sorted(xs[1:])], lambda: every("abc", 5, "§")),
    "sort_by_most_freq": (sort_by_most_freq, lambda: every("abc", 6)),
    "dyck1_ptf": (dyck("()"), lambda: every("()x", 6)),
    "dyck2_ptf": (dyck("()", "{}"), lambda: every("(){}x", 5)),
    "dyck3_ptf": (dyck("()", "{}", "[]"), lambda: every("(){}[]", 4)),
    "long_addition": (long_addition, sums),
    "rover": (rover, questions),
}  # type: ignore[assignment]  # each reference gives one type of value


@pytest.mark.parametrize("name", CASES)
def test_a_program_agrees_with_plain_python_on_all_short_inputs(name: str) -> None:
    expected, inputs = CASES[name]
    graph = Program(program(name)[name])
    count = 0
    for xs in inputs():
        assert graph.output(xs) == expected(xs), xs
        count += 1
    assert count > 100


def test_long_brackets_agree_too() -> None:
    rng = random.Random(1)
    x = program("dyck2_ptf")["dyck2_ptf"]
    for _ in range(100):
        xs = "".join(rng.choice("({") for _ in range(10))
        xs += "".join(rng.choice(")}x") for _ in range(rng.randrange(12)))
        assert x(xs) == dyck("()", "{}")(xs), xs
    nested = "({}{(())})" * 3
    assert x(nested)[-1] == "T" and x(nested) == dyck("()", "{}")(nested)


def test_there_is_a_text_for_every_name_and_all_but_the_function_are_tested() -> None:
    assert set(PROGRAMS) == {*CASES, "dyckk_ptf"}


@pytest.mark.parametrize("name", CASES)
def test_a_program_can_be_saved_and_opened_again(name: str) -> None:
    mine = Program(program(name)[name])
    assert Program.from_json(mine.to_json()).same_as(mine)


@pytest.mark.parametrize("name", CASES)
def test_the_example_in_a_programs_comment_is_true(name: str) -> None:
    """A comment says `name("input") = [..]` as `show` prints it, or names no example."""
    from attrium_kernel.rasp.text import show

    module: Module = program(name)
    comments = [line[1:].strip() for line in program_text(name).splitlines() if line.startswith("#")]
    text = " ".join(comments)
    call = text.index(f'{name}("')
    given = text[call:].split('"')[1]
    said = text[call:].split(" = ", 1)[1].split(". ")[0].rstrip(".")
    assert show(module[name], given).rsplit(" (", 1)[0] == said


def test_dyckk_is_a_function_of_pairs() -> None:
    module = load('load "dyckk_ptf"; x = dyckk_ptf(["<>"]);', modules={"dyckk_ptf": program_text("dyckk_ptf")})
    assert module["x"]("<<>>>") == ["P", "P", "P", "T", "F"]
