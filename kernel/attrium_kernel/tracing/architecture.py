"""Where the parts of a transformer are: blocks, norms, projections, embeddings, by module path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from .errors import ArchitectureError


@dataclass(frozen=True)
class Part:
    """A module, and which of the tensors that pass through it is meant.

    Args:
        path: of the module, as `model.get_submodule` takes it.
        side: `"output"` or `"input"` of that module.
        columns: which features of that tensor, in `(head, d_head)` order; None for all.
        heads_first: the tensor is `(batch, head, position, d_head)` rather than `(batch, position, features)`.
        keyword: name of the argument, where an input is passed by name.
        position_first: the tensor is `(position, batch, features)`, torch's old order.
        flat: the tensor is `(batch * position, features)`.
        call: which of the module's calls in one forward, where several stacks share it (T5's embedding); None for all.
    """

    path: str
    side: str = "output"
    columns: tuple[int, ...] | None = None
    heads_first: bool = False
    keyword: str | None = None
    position_first: bool = False
    flat: bool = False
    call: int | None = None

    def describe(self) -> str:
        """One line for a reader."""
        text = self.path if self.side == "output" else f"input of {self.path}"
        return text if self.columns is None else f"{text}[..., {_ranges(self.columns)}]"


@dataclass(frozen=True)
class Heads:
    """The shape of one attention, and what is known of how it can be recomputed.

    Args:
        n_heads: query heads.
        n_kv_heads: key and value heads; fewer than `n_heads` with grouped-query attention.
        d_head: features of a query or key.
        d_value: features of a value.
        path: the module that calls the attention function.
        repeats: how often the model repeats each key and value head before its attention function.
        rotary: what enters the dot product differs from the projections.
        interface: seen through the attention interface of transformers, else through torch's functions.
        returns: how its module hands out the result: the length of a tuple whose other items nothing depends on, 0 for
            a bare tensor, None for anything else (then it can't be skipped).
        reproduced: the pattern recomputed from query and key explains the layer's output; else only a pattern that the
            model computes itself can be read.
    """

    n_heads: int
    n_kv_heads: int
    d_head: int
    d_value: int
    path: str
    rotary: bool = False
    interface: bool = True
    reproduced: bool = True
    returns: int | None = None
    repeats: int = 1


@dataclass(frozen=True)
class Block:
    """One layer.

    Args:
        name: prefix of its names in a trace, `"blocks.3"` or `"decoder.blocks.3"`.
        path: of its module.
        form: `"sequential"` (attention, then MLP), `"parallel"` (both read the same stream) or `"post-norm"` (each sum
            is normed, as in BERT); `"unknown"` where no outputs of modules were found that add up to the stream.
        parts: role to place. Roles that name a module: `ln1`, `ln1_post`, `attn`, `ln2`, `ln2_post`, `mlp`, `ln_cross`,
            `cross`; roles that name a tensor: `resid_pre`, `attn.q`, `mlp.post`, ... as in a trace.
        attention: its self-attention, or None.
        cross: its cross-attention, or None.
        factors: what some writers (`attn_out`, `mlp_out`, ...) are multiplied by before they are added to the stream.
        returns: how the block hands out the stream, as in `Heads`.
        overwritten: names whose tensors the model writes over later on; they are copied when captured.
    """

    name: str
    path: str
    form: str
    parts: Mapping[str, Part]
    attention: Heads | None = None
    cross: Heads | None = None
    factors: Mapping[str, float] = field(default_factory=dict)
    returns: int | None = None
    overwritten: frozenset[str] = frozenset()

    def part(self, role: str) -> Part:
        """The place of a role, or an error that names it."""
        try:
            return self.parts[role]
        except KeyError:
            raise ArchitectureError(
                f"{self.name} has no part {role!r}; known are {', '.join(sorted(self.parts))}. If the model has one, "
                f"say where: architecture.corrected({{{role!r}: 'path.of.module'}})"
            ) from None

    @property
    def sublayers(self) -> tuple[str, ...]:
        """What writes to the stream, in order: names without the block's prefix."""
        return tuple(w for w in ("attn_out", "cross_out", "mlp_out") if w in self.parts)


@dataclass(frozen=True)
class Stack:
    """A run of blocks on one residual stream.

    Args:
        name: `""` for a model with one stack, else `"encoder"`, `"decoder"` or the module's name.
        blocks: in order.
        path: of the list of blocks.
        embed: what gives each position its first vector; None if not found.
        pos_embed: the learned positions added to it, or None.
        ln_final: the norm after the last block, or None.
        causal: no position attends to later ones.
        batch_first: its blocks take `(batch, position, d_model)`; False for `(position, batch, d_model)`.
    """

    name: str
    blocks: tuple[Block, ...]
    path: str
    embed: Part | None = None
    pos_embed: Part | None = None
    ln_final: Part | None = None
    batch_first: bool = True
    causal: bool = True

    @property
    def prefix(self) -> str:
        """What the names of this stack begin with."""
        return f"{self.name}." if self.name else ""


@dataclass(frozen=True, repr=False)
class Architecture:
    """The parts of one model, found by running it once (`Architecture.of`), printable and correctable.

    Args:
        model_name: the class of the model.
        stacks: one, or encoder and decoder.
        unembed: the module whose output are the logits (before a softcap or scale), or None.
        d_model: width of the stream whose logits are read.
        notes: what was not found, and why, by name.
        per_position: the logits of a position are read from the stream at that position, not from a pooled one.
    """

    model_name: str
    stacks: tuple[Stack, ...]
    unembed: Part | None
    d_model: int
    notes: Mapping[str, str] = field(default_factory=dict)
    per_position: bool = True

    @classmethod
    def of(cls, model: nn.Module, inputs: Any = None) -> Architecture:
        """Find the parts by running the model once on a few tokens; the answer is kept for this model.

        Args:
            model: any module whose forward runs attention.
            inputs: as for `trace`; a short made-up input where the model's configuration tells what it takes.

        Raises:
            ArchitectureError: no attention was seen, or a block does not add up; says which.
        """
        from .discover import discover

        return discover(model, inputs)

    @property
    def main(self) -> Stack:
        """The stack whose logits are read: the last."""
        return self.stacks[-1]

    @property
    def n_layers(self) -> int:
        """Blocks of the main stack."""
        return len(self.main.blocks)

    def stack(self, name: str | None = None) -> Stack:
        """A stack by name; the main one by default."""
        if name is None:
            return self.main
        for stack in self.stacks:
            if stack.name == name:
                return stack
        raise ArchitectureError(f"no stack {name!r}; this model has {[s.name for s in self.stacks]}")

    def blocks(self) -> Iterator[Block]:
        """All blocks of all stacks."""
        for stack in self.stacks:
            yield from stack.blocks

    def corrected(self, parts: Mapping[str, str | Part | None]) -> Architecture:
        """The same with some parts placed by hand.

        Args:
            parts: role to module path, `{i}` standing for the number of the block, or to a `Part`, or None to take
                the role away: `{"mlp.post": Part("transformer.h.{i}.mlp.c_proj", "input")}`. Roles of the model itself
                are `embed`, `pos_embed`, `ln_final` and `unembed`. A stack's name before a role limits it to that
                stack: `"decoder.ln1"`.

        Raises:
            ArchitectureError: for a role that no part of the picture has.
        """
        stacks, unembed = list(self.stacks), self.unembed
        for key, given in parts.items():
            where, role = _stack_and_role(key, self.stacks)
            part = Part(given, _usual_side(role)) if isinstance(given, str) else given
            if role == "unembed":
                unembed = part
                continue
            for n, stack in enumerate(stacks):
                if where is None or stack.name == where:
                    stacks[n] = _with_part(stack, role, part)
        return replace(self, stacks=tuple(stacks), unembed=unembed)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_catalog"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def __repr__(self) -> str:
        return str(self)

    def __str__(self) -> str:
        lines = [f"{self.model_name}, width {self.d_model}"]
        for stack in self.stacks:
            lines += _described(stack)
        if self.unembed is not None:
            lines.append(_line("unembed", self.unembed.describe()))
        lines += [_line(name, f"not found: {why}") for name, why in self.notes.items()]
        return "\n".join(lines)


def submodule(model: nn.Module, path: str) -> nn.Module:
    """The module at a path.

    Raises:
        ArchitectureError: there is none, since the model was changed or the architecture is another model's.
    """
    module: nn.Module | None = model
    for name in path.split(".") if path else ():
        module = module._modules.get(name) if module is not None else None
    if module is None:
        raise ArchitectureError(
            f"{type(model).__name__} has no module {path!r}; the architecture says there should be one. See "
            "model.named_modules(), and correct it with architecture.corrected({role: path}), or find it afresh with "
            "forget(model)"
        )
    return module


ROLES = set(
    "ln1 ln1_post attn attn.q attn.k attn.v attn.o attn.z attn.out attn_out resid_pre resid_mid resid_cross resid_post "
    "ln2 ln2_post mlp mlp.gate mlp.up mlp.down mlp.pre mlp.pre_linear mlp.post mlp.out mlp.router mlp_out ln_cross "
    "ln_cross_post cross cross.q cross.k cross.v cross.o cross.z cross.out cross_out".split()
)
INPUTS = {"resid_pre", "resid_mid", "resid_cross", "attn.z", "cross.z", "mlp.post"}
# A correction of a module moves the tensors that are read there.
FOLLOWERS = {
    "attn.o": ("attn.z", "attn.out"),
    "cross.o": ("cross.z", "cross.out"),
    "mlp.down": ("mlp.post",),
    "mlp.up": ("mlp.pre",),
    "mlp.gate": ("mlp.pre",),
}


def _usual_side(role: str) -> str:
    return "input" if role in INPUTS else "output"


def _stack_and_role(key: str, stacks: tuple[Stack, ...]) -> tuple[str | None, str]:
    head, _, rest = key.partition(".")
    if rest and head in {stack.name for stack in stacks}:
        where, role = head, rest
    else:
        where, role = None, key
    role = role.removeprefix("blocks.*.").removeprefix("blocks.{i}.")
    if role not in ROLES | {"embed", "pos_embed", "ln_final", "unembed"}:
        raise ArchitectureError(
            f"no role {key!r}; roles are {', '.join(sorted(ROLES))}, embed, pos_embed, ln_final, unembed"
        )
    return where, role


def _with_part(stack: Stack, role: str, part: Part | None) -> Stack:
    if role in ("embed", "pos_embed", "ln_final"):
        fields: dict[str, Any] = {role: part}
        return replace(stack, **fields)
    blocks = []
    for i, block in enumerate(stack.blocks):
        parts = dict(block.parts)
        for name in (role, *FOLLOWERS.get(role, ())):
            parts.pop(name, None)
            if part is not None:
                side = part.side if name == role else _usual_side(name)
                parts[name] = replace(part, path=part.path.replace("{i}", str(i)), side=side)
        blocks.append(replace(block, parts=parts))
    return replace(stack, blocks=tuple(blocks))


def _described(stack: Stack) -> list[str]:
    """A stack as lines: what all blocks share is said once."""
    lines = [f"{stack.name or 'blocks'}: {len(stack.blocks)} x {stack.path}.{{i}}"]
    lines += [
        _line(stack.prefix + role, part.describe())
        for role in ("embed", "pos_embed")
        if (part := getattr(stack, role)) is not None
    ]
    seen: dict[tuple[str, str], list[int]] = {}
    for i, block in enumerate(stack.blocks):
        for role, text in _facts(block):
            inside = re.sub(rf"(^|(?<=\s)){re.escape(block.path)}(?=[.\s\[]|$)", "{block}", text)
            seen.setdefault((role, inside), []).append(i)
    for (role, text), at in seen.items():
        where = "" if len(at) == len(stack.blocks) else f"  (blocks {_ranges(tuple(at))})"
        lines.append(_line(role, text + where))
    if stack.ln_final is not None:
        lines.append(_line(stack.prefix + "ln_final", stack.ln_final.describe()))
    return lines


def _facts(block: Block) -> Iterator[tuple[str, str]]:
    yield "form", block.form + "".join(f", {name} times {factor:g}" for name, factor in block.factors.items())
    for role, heads in (("attention", block.attention), ("cross-attention", block.cross)):
        if heads is not None:
            grouped = "" if heads.n_kv_heads == heads.n_heads else f" on {heads.n_kv_heads} key-value heads"
            rotary = ", rotary" if heads.rotary else ""
            yield role, f"{heads.n_heads} heads of {heads.d_head}{grouped}{rotary}, by {heads.path}"
    for role, part in block.parts.items():
        yield role, part.describe()


def _line(role: str, text: str) -> str:
    return f"  {role:<16} {text}"


def _ranges(numbers: tuple[int, ...]) -> str:
    """Numbers as runs: `0:64, 192:256`; many runs are cut."""
    runs: list[list[int]] = []
    for n in numbers:
        if runs and n == runs[-1][1]:
            runs[-1][1] = n + 1
        else:
            runs.append([n, n + 1])
    shown = [f"{a}:{b}" if b - a > 1 else str(a) for a, b in runs[:4]]
    return ", ".join(shown + (["..."] if len(runs) > 4 else []))
