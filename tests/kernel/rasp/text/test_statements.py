"""Every kind of statement."""

from __future__ import annotations

from pathlib import Path

import pytest

from attrium_kernel.rasp import Program, select, selector_width, tokens
from attrium_kernel.rasp.text import Text, TextError, load, parse
from attrium_kernel.rasp.text.tree import Assign, Define, Draw, For, Load, Return, Say, SetExample


def test_the_tree_has_every_statement_with_its_place() -> None:
    text = 'a = 1;\ndef f(x) { return x; }\nfor i in [1] { i; }\ndraw(tokens);\nload "m";\nset example "ab"\nf(a);'
    tree = parse(text)
    assert isinstance(tree, Text)
    assert [type(statement) for statement in tree.statements] == [Assign, Define, For, Draw, Load, SetExample, Say]
    assert [tree.source.line_and_column(statement.at) for statement in tree.statements] == [(i, 1) for i in range(1, 8)]
    define = tree.statements[1]
    assert isinstance(define, Define) and isinstance(define.body[0], Return)


def test_the_same_graph_as_in_python() -> None:
    module = load("same = select(tokens, tokens, ==); hist = selector_width(same);")
    assert Program(module["hist"]).same_as(selector_width(select(tokens, tokens, "==")))
    assert Program(module["hist"]).labels == ("tokens", "same", "hist")


def test_comments_spaces_and_empty_statements_do_not_matter() -> None:
    assert dict(load("# nothing\n;;a=1;# one\n\n  b\t=\n2 ; # last")) == {"a": 1, "b": 2, "out": 2}
    assert dict(load("")) == {}
    assert dict(load("# only this")) == {}


def test_several_names_are_assigned_at_once() -> None:
    module = load("a, b = 1, 2; b, a = a, b; c = 3, 4; d, e = c;")
    assert [module[name] for name in "abde"] == [2, 1, 3, 4]
    assert module["c"] == [3, 4]


def test_out_is_the_last_value() -> None:
    assert load("1 + 1; x = out + 1; out * 2;")["out"] == 6


def test_a_function_returns_one_or_several_values() -> None:
    module = load("def two(x) { y = x + 1; return y, y * 2; } a, b = two(indices); def one() { return 7; } c = one();")
    assert module["a"]("ab") == [1, 2]
    assert module["b"]("ab") == [2, 4]
    assert module["c"] == 7


def test_a_function_has_names_of_its_own() -> None:
    module = load("y = 1; def f(x) { y = x; return y; } z = f(5);")
    assert module["y"] == 1 and module["z"] == 5


def test_a_function_sees_names_around_it_when_it_is_called() -> None:
    assert load("def f() { return y; } y = 3; z = f();")["z"] == 3


def test_functions_are_values_and_comparisons_can_be_passed() -> None:
    module = load(
        "def twice(f, x) { return f(f(x)); } def up(x) { return x + 1; } a = twice(up, 1);"
        "def width(sign) { return selector_width(select(indices, indices, sign)); } b = width(<=);"
    )
    assert module["a"] == 3
    assert module["b"]("abc") == [1, 2, 3]


def test_arguments_have_defaults_and_names() -> None:
    module = load("def f(a, b = 10, c = 100) { return a + b + c; } x = f(1); y = f(1, c=0); z = f(b=1, a=0, c=0);")
    assert [module[name] for name in "xyz"] == [111, 11, 1]


def test_return_ends_a_function_from_within_a_loop() -> None:
    assert load("def f(xs) { for x in xs { return x; } return 0; } a = f([4, 5]); b = f([]);")["a"] == 4


def test_a_function_can_be_called_from_python() -> None:
    f = load("def f(x, n = 2) { return x * n; }")["f"]
    assert f(tokens)([1, 2]) == [2, 4]
    assert f(3) == 6 and f(3, n=5) == 15
    with pytest.raises(ValueError, match=r"f\(x, n\) was not given x"):
        f()


def test_a_for_goes_over_lists_dicts_and_texts() -> None:
    module = load(
        "a = 0; for i in range(4) { a = a + i; }"
        'b = 0; for k in {2: "x", 3: "y"} { b = b + k; }'
        'c = ""; for x in "abc" { c = x + c; }'
        "d = []; for x, y in zip([1, 2], [3, 4]) { d = d + [x * y]; }"
    )
    assert [module[name] for name in "abcd"] == [6, 5, "cba", [3, 8]]


def test_a_loop_builds_a_graph_of_thousands_of_nodes() -> None:
    x = load("x = indices; for i in range(3000) { x = x + 1; }")["x"]
    assert x("ab") == [3000, 3001]


def test_draw_asks_for_a_drawing_with_or_without_an_input() -> None:
    module = load(
        'r = aggregate(select(indices, length - 1 - indices, ==), tokens); draw(r); draw(r, "abc"); draw(tokens, [1]);'
    )
    assert [(draw.name, draw.input) for draw in module.draws] == [("r", None), ("r", "abc"), ("tokens", [1])]
    assert module.draws[0].sop is module["r"]


def test_the_example_is_hello_until_it_is_set() -> None:
    assert load("a = 1;").example == "hello"
    assert load("a = 1;", example=(1, 2)).example == [1, 2]
    module = load('set example "abc"; set s-op example [1, 2]; set selector example "xy"')
    assert module.example == [1, 2] and module.selector_example == "xy"
    assert load("set = 3; b = set;")["b"] == 3  # `set` is a word only before example


def test_texts_are_loaded_by_name_without_their_private_names() -> None:
    modules = {"other": "_hidden = 2; seen = _hidden + 1; def f(x) { return x + _hidden; }"}
    module = load('load "other"; a = seen; b = f(1);', modules=modules)
    assert module["a"] == 3 and module["b"] == 3
    assert "_hidden" not in module
    with pytest.raises(TextError, match="'_hidden' is not defined"):
        load('load "other"; a = _hidden;', modules=modules)


def test_texts_are_loaded_from_a_folder_and_from_nowhere_else(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "one.rasp").write_text('load "two"; a = b + 1;', encoding="utf-8")
    (folder / "two.rasp").write_text("b = 1;", encoding="utf-8")
    (tmp_path / "secret.rasp").write_text("c = 1;", encoding="utf-8")
    (folder / "link.rasp").symlink_to(tmp_path / "secret.rasp")
    assert load('load "one";', modules=folder)["a"] == 2
    assert load('load "one.rasp";', modules=str(folder))["a"] == 2
    for name in ("../secret", str(tmp_path / "secret.rasp"), "link", "three", ""):
        with pytest.raises(TextError, match="is no text in the folder 'texts'"):
            load(f'load "{name}";', modules=folder)


def test_a_text_that_loads_itself_is_refused() -> None:
    with pytest.raises(TextError, match="'a' is being loaded already: a -> b -> a\n"):
        load('load "a";', modules={"a": 'load "b";', "b": 'load "a";'})


def test_an_error_in_a_loaded_text_is_shown_there() -> None:
    with pytest.raises(TextError, match=r"^other, line 2, column 5: 'y' is not defined") as caught:
        load('load "other";', modules={"other": "a = 1;\nx = y;"})
    assert caught.value.path == "other"


def test_a_module_is_a_mapping_that_names_what_it_has() -> None:
    module = load("hist = selector_width(full_s); n = 3;")
    assert sorted(module) == ["hist", "n", "out"] and len(module) == 3
    assert list(module.sops) == ["hist"]
    with pytest.raises(KeyError, match="does not define 'hits'; did you mean 'hist'"):
        module["hits"]


def test_names_of_the_library_and_the_language_are_taken() -> None:
    for text in (
        "length = 1;",
        "def sort(x) { return x; }",
        "for count in [1] { }",
        "select = 1;",
        "tokens = indices;",
    ):
        with pytest.raises(TextError, match="is a name of the language or its library"):
            load(text)
    for text in ("if = 1;", "def not(x) { return x; }", "x = and;"):
        with pytest.raises(TextError, match="a word of the language"):
            load(text)
