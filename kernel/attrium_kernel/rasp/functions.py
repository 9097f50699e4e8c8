"""Functions and predicates inside a program: something to call, with a text to show, save and compare it by.

Written as a string they are in a small expression language, a safe part of Python's expressions, so that a program can
be saved and opened again without running anybody's code. A Python function works as well; its source is shown.
"""

from __future__ import annotations

import ast
import functools
import inspect
import types
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from .errors import RaspError

CALLS: dict[str, Callable[..., Any]] = {
    "abs": abs, "all": all, "any": any, "bool": bool, "chr": chr, "float": float, "int": int, "len": len, "max": max,
    "min": min, "ord": ord, "round": round, "sorted": sorted, "str": str, "sum": sum, "tuple": tuple,
}  # fmt: skip
OPERATORS = (
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.Not, ast.USub, ast.UAdd, ast.Eq, ast.NotEq,
    ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn, ast.Is, ast.IsNot,
)  # fmt: skip
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "true", "false")
LARGEST_POWER = 10_000
LONGEST_REPEAT = 10_000
MOST_BITS = 50_000


@dataclass(frozen=True, eq=False)
class Function:
    """A function of one or more values, or a predicate of a key and a query.

    Attributes:
        call: what is called, with one value per argument.
        text: how it is written, in terms of `arguments`.
        arguments: names of its arguments, such as `("x", "y")` or `("key", "query")`.
        portable: whether the text is in the expression language, so that the function can be saved.
        key: equal for functions that are written alike; what two programs are compared by.
    """

    call: Callable[..., Any]
    text: str
    arguments: tuple[str, ...]
    portable: bool
    key: Hashable

    def __call__(self, *values: Any) -> Any:
        """The function's value."""
        return self.call(*values)

    def __repr__(self) -> str:
        return self.text

    def __reduce__(self) -> Any:
        """Text can be pickled, whatever it was made of; a Python function if its module is found again."""
        if self.portable:
            return (function, (self.text, *self.arguments))
        return (Function, (self.call, self.text, self.arguments, False, self.key))


def function(given: Function | str | Callable[..., Any], *arguments: str) -> Function:
    """A `Function` from text in the expression language, from a Python function, or as it is.

    Raises:
        RaspError: the text is not an expression of the language, or the given thing cannot be called.
    """
    if isinstance(given, Function):
        return given
    if isinstance(given, str):
        return _written(given, arguments)
    if callable(given):
        return _python(given, arguments)
    raise RaspError(
        f"a {type(given).__name__} was given as a function of {', '.join(arguments)}; pass a Python function or an "
        f"expression as text, such as {' + '.join(arguments)!r}"
    )


def exactly(value: Any) -> Hashable:
    """A key that tells apart what Python takes for equal: 1, True and 1.0, and 0.0 and -0.0."""
    if isinstance(value, (tuple, list)):
        return (type(value).__name__, tuple(map(exactly, value)))
    if isinstance(value, types.CodeType):
        return (value.co_code, value.co_names, value.co_varnames, value.co_freevars, exactly(value.co_consts))
    if isinstance(value, (int, float, str, bytes, type(None))):
        return (type(value).__name__, repr(value))
    return ("object", id(value))


def predicate(given: Function | str | Callable[..., Any]) -> Function:
    """A predicate of key and query: one of `== != < <= > >= true false` (key first), an expression, or a function."""
    if isinstance(given, str) and given.strip() in COMPARISONS:
        return _comparison(given.strip())
    return function(given, "key", "query")


@functools.cache
def _comparison(sign: str) -> Function:
    text = {"true": "True", "false": "False"}.get(sign, f"key {sign} query")
    return _written(text, ("key", "query"))


@functools.lru_cache(maxsize=4096)
def _written(text: str, arguments: tuple[str, ...]) -> Function:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise RaspError(f"{text!r} is not an expression ({getattr(error, 'msg', error)})") from None
    _check(tree.body, frozenset(arguments), text)
    key = (ast.dump(tree.body), arguments)
    header = ast.parse(f"lambda {', '.join(arguments)}: 0", mode="eval")
    assert isinstance(header.body, ast.Lambda)
    header.body.body = _Guarded().visit(tree.body)
    code = compile(ast.fix_missing_locations(header), "<rasp>", "eval")
    call = eval(code, {"__builtins__": {}, **CALLS, "_times": _times, "_power": _power, "_rest": _rest})
    return Function(call, text.strip(), arguments, True, key)


class _Guarded(ast.NodeTransformer):
    """Operators that cannot fill the memory: no text repeated or padded without end, no giant powers."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        name = {ast.Mult: "_times", ast.Pow: "_power", ast.Mod: "_rest"}.get(type(node.op))
        return node if name is None else ast.Call(ast.Name(name, ast.Load()), [node.left, node.right], [])


def _power(x: Any, y: Any) -> Any:
    if isinstance(y, (int, float)) and abs(y) > LARGEST_POWER:
        raise OverflowError(f"power {y} is above {LARGEST_POWER}")
    if isinstance(x, int) and isinstance(y, int) and y > 0 and x.bit_length() * y > MOST_BITS:
        raise OverflowError(f"a number with {x.bit_length()} bits to the power {y} has more than {MOST_BITS} bits")
    return x**y


def _rest(x: Any, y: Any) -> Any:
    if isinstance(x, str):
        raise TypeError("% is for numbers here, not for formatting text")
    return x % y


def _times(x: Any, y: Any) -> Any:
    for sequence, times in ((x, y), (y, x)):
        long = isinstance(sequence, (str, tuple, list)) and isinstance(times, int)
        if long and len(sequence) * times > LONGEST_REPEAT:
            raise OverflowError(f"a sequence repeated {times} times is longer than {LONGEST_REPEAT}")
    return x * y


def _check(node: ast.expr, names: frozenset[str], text: str) -> None:
    """Refuse whatever is not in the language, before anything is run."""
    kind = type(node)
    if isinstance(node, ast.Name):
        if node.id not in names:
            raise RaspError(f"{text!r}: unknown name {node.id!r}; the names here are {', '.join(sorted(names))}")
        return
    if isinstance(node, ast.Constant):
        if not isinstance(node.value, (int, float, str, bool, type(None))):
            raise RaspError(f"{text!r}: a {type(node.value).__name__} is not a value of the language")
        return
    if isinstance(node, ast.Call):
        if not (isinstance(node.func, ast.Name) and node.func.id in CALLS) or node.keywords:
            raise RaspError(f"{text!r}: only these can be called: {', '.join(CALLS)} (and without keywords)")
        children: list[ast.expr] = list(node.args)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, OPERATORS):
        children = [node.left, node.right]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, OPERATORS):
        children = [node.operand]
    elif isinstance(node, ast.Compare) and all(isinstance(sign, OPERATORS) for sign in node.ops):
        children = [node.left, *node.comparators]
    elif isinstance(node, ast.Dict) and all(key is not None for key in node.keys):
        children = [*(key for key in node.keys if key is not None), *node.values]
    elif isinstance(node, (ast.BoolOp, ast.Tuple, ast.List, ast.Set)):
        children = list(node.values if isinstance(node, ast.BoolOp) else node.elts)
    elif isinstance(node, ast.IfExp):
        children = [node.test, node.body, node.orelse]
    elif isinstance(node, ast.Subscript):
        children = [node.value, node.slice]
    elif isinstance(node, ast.Starred):
        children = [node.value]
    else:
        raise RaspError(
            f"{text!r}: {kind.__name__} is not in the expression language; it has numbers, strings, tuples, lists, "
            "dicts, + - * / // % **, comparisons, and or not, x if c else y, indexing, and calls of " + ", ".join(CALLS)
        )
    for child in children:
        _check(child, names, text)


def _lambda(given: Callable[..., Any]) -> ast.Lambda | None:
    """The lambda expression a function was written as, None if its source cannot be found or told from another."""
    if getattr(given, "__name__", "") != "<lambda>":
        return None
    try:
        lines = inspect.getsource(given).strip()
    except (OSError, TypeError):
        return None
    for end in range(len(lines), max(0, len(lines) - 40), -1):  # the line may go on after the lambda's call
        try:
            tree = ast.parse(lines[:end])
        except (SyntaxError, ValueError):
            continue
        mine = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda) and _same_code(node, given)]
        return mine[0] if len({ast.dump(node) for node in mine}) == 1 else None
    return None


def _python(given: Callable[..., Any], arguments: tuple[str, ...]) -> Function:
    """A Python function with its source; a lambda that is in the expression language can be saved as well."""
    node = _lambda(given)
    if node is None:
        name = str(getattr(given, "__name__", type(given).__name__))
        return Function(given, "lambda" if name == "<lambda>" else name, arguments, False, _identity(given))
    text, own = ast.unparse(node.body), tuple(argument.arg for argument in node.args.args)
    if len(own) != len(arguments) or ast.unparse(node.args) != ", ".join(own):  # defaults, or more arguments
        return Function(given, text, own[: len(arguments)] or arguments, False, _identity(given))
    try:
        written = _written(text, own)
    except RaspError:
        return Function(given, text, own, False, _identity(given))
    return Function(given, text, own, True, written.key)


def _same_code(node: ast.Lambda, given: Callable[..., Any]) -> bool:
    """Whether a lambda in the source is this function: compiled, both do the same steps."""
    try:
        code = compile(ast.fix_missing_locations(ast.Expression(node)), "<source>", "eval").co_consts[0]
        return bool(code.co_code == given.__code__.co_code and code.co_consts == given.__code__.co_consts)
    except (AttributeError, TypeError, ValueError, SyntaxError):
        return False


def _identity(given: Callable[..., Any]) -> Hashable:
    """What tells two Python functions apart: code, defaults and what they close over; others by being the same."""
    if not isinstance(given, types.FunctionType):
        return ("object", id(given))  # the Function keeps it alive, so that no other gets its id
    closed = tuple(cell.cell_contents for cell in given.__closure__ or ())
    named = tuple(sorted((given.__kwdefaults__ or {}).items()))
    return ("code", exactly(given.__code__), exactly((closed, given.__defaults__ or (), named)), id(given.__globals__))
