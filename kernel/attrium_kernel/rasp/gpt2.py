"""A compiled program as a GPT-2 of transformers, for tools that only know that.

GPT-2 has layer norms, scaled scores and no bias at its logits. The norms are made to do nothing:

* Their epsilon is so large (2^80) that the variance is lost beside it, and their weight is its root, a power of two, so
  they only subtract the mean.
* The mean is zero: a dimension `balance`, which nothing reads, holds minus the sum of the others.
* What float32 leaves of the mean is taken out again: a dimension `zero`, into which nothing is written, comes out of
  the norm as minus the mean, and is read with minus the sum of the other weights.

Scores are multiplied by the root of the head's size before GPT-2 divides by it, and a dimension `one`, which the last
norm's bias sets, carries the bias of the logits.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from .craft import Craft
from .errors import CompileError
from .model import CompiledBlock, CompiledConfig, CompiledTransformer, assemble

if TYPE_CHECKING:
    from transformers import GPT2LMHeadModel, PreTrainedTokenizerFast

EPSILON_ROOT = 2.0**40
"""The square root of the norms' epsilon."""

SAMPLES = 16
"""Inputs on which an export is compared with what it was made from."""

TOLERANCE = 2.0
"""How far a logit may be off; a value that is certain has 20."""

EXTRA = ("balance", "zero", "one")
"""Dimensions that the export adds to the residual stream."""

ROOMY = 1024
"""Width up to which heads are made a power of four wide, so that the root of their size is exact."""


class ExportError(CompileError):
    """A compiled program that has no equal in the other format; says why, and what to do."""


class Compiled(Protocol):
    """What is exported: a compiled program."""

    @property
    def craft(self) -> Craft:
        """The labelled weights."""
        ...

    @property
    def model(self) -> nn.Module:
        """The torch module."""
        ...

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        ...


class Gpt2Export(NamedTuple):
    """A GPT-2 and its tokenizer, both to `save_pretrained`."""

    model: GPT2LMHeadModel
    tokenizer: PreTrainedTokenizerFast


def to_gpt2(compiled: Compiled) -> Gpt2Export:
    """The same function as a GPT-2: for every input, its logits decode to the same values.

    Args:
        compiled: a causal program with a categorical output, compiled with soft attention.

    Returns:
        The model, in float32 on the CPU and in eval mode, and its tokenizer. Its first residual dimensions are those
        of the compiled model, by the names in `config.residual_labels`.

    Raises:
        ExportError: the program is not causal, its output is a number, or its attention is hard; or, on a sample of
            inputs, float32 does not carry it through layer norm.
    """
    craft = compiled.craft
    if not craft.causal:
        raise ExportError("GPT-2 sees only earlier positions; compile with causal=True, if the program means the same")
    if craft.numerical:
        raise ExportError("GPT-2 gives a logit for each token, but the output is a number; make it categorical")
    attention = getattr(getattr(compiled.model, "config", None), "attention", "soft")
    if attention != "soft":
        raise ExportError(f"GPT-2 has no {attention} attention; compile with attention='soft'")
    from .tokenizer import plain_tokenizer  # transformers is heavy, and only this needs it

    source = assemble(craft, dtype=torch.float64)
    model = _Export(source).model
    _check(source, model)
    return Gpt2Export(model, plain_tokenizer(compiled.tokenizer.program_vocabulary))


def _check(source: CompiledTransformer, model: GPT2LMHeadModel) -> None:
    """Compare the logits on some inputs of full length.

    What layer norm leaves at the BOS is multiplied by the weight of the BOS in heads that count. In a causal model the
    BOS sees only itself and is the same in every input, so that this shows on any of them.
    """
    config = source.config
    inputs = [i for i, _ in enumerate(config.tokens) if i not in (config.bos_token_id, config.pad_token_id)]
    known = [i for i in inputs if bool(source.token_embedding.weight[i].any())] or inputs
    draw = random.Random(0)
    rows = [[config.bos_token_id, *draw.choices(known, k=config.max_position_embeddings - 1)] for _ in range(SAMPLES)]
    ids = torch.tensor(rows)
    with torch.no_grad():
        off = float((source(ids).logits - model(ids).logits.double()).abs().max())
    if off > TOLERANCE:
        raise ExportError(
            f"as a GPT-2 its logits are off by {off:.2g}: float32 rounds what layer norm leaves at the BOS, and a head "
            "that counts multiplies it; lower max_length, or compile with keep='needed'"
        )


def _head_size(config: CompiledConfig) -> int:
    """Numbers per head, for GPT-2's width is heads times these."""
    needed = max(config.d_head, math.ceil((config.d_model + len(EXTRA)) / config.n_head))
    roomy = 1
    while roomy < needed:
        roomy *= 4
    return roomy if config.n_head * roomy <= ROOMY else needed


class _Export:
    """Copies the weights over, with the extra dimensions."""

    def __init__(self, source: CompiledTransformer) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        config = source.config
        self.heads, self.d_head, self.d_model = config.n_head, config.d_head, config.d_model
        self.head_size = _head_size(config)
        self.width = self.heads * self.head_size
        self.balance, self.zero, self.one = (self.d_model + i for i in range(len(EXTRA)))
        made = GPT2Config(
            vocab_size=config.vocab_size,
            n_positions=config.max_position_embeddings,
            n_embd=self.width,
            n_layer=config.n_layer,
            n_head=self.heads,
            n_inner=config.d_mlp,
            activation_function="relu",
            layer_norm_epsilon=EPSILON_ROOT**2,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            resid_pdrop=0.0,
            tie_word_embeddings=False,
            bos_token_id=config.bos_token_id,
            pad_token_id=config.pad_token_id,
            eos_token_id=None,
        )
        made.residual_labels = [*config.labels, *EXTRA]
        made.axis_names = {**source.axis_names, "dimensions": made.residual_labels}
        self.model = GPT2LMHeadModel(made)
        self.model.train(False)
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.zero_()
            self._fill(source)

    def _fill(self, source: CompiledTransformer) -> None:
        inner: Any = self.model.transformer
        inner.wte.weight.copy_(self._written(source.token_embedding.weight))
        inner.wpe.weight.copy_(self._written(source.position_embedding.weight))
        for block, target in zip(source.blocks, inner.h, strict=True):
            assert isinstance(block, CompiledBlock)
            for norm in (target.ln_1, target.ln_2):
                norm.weight.fill_(EPSILON_ROOT)
            self._attention(block, target.attn)
            self._mlp(block, target.mlp)
        inner.ln_f.weight.fill_(EPSILON_ROOT)
        inner.ln_f.bias[self.one] = 1.0
        self.model.lm_head.weight.copy_(self._read(source.unembedding.weight, source.unembedding.bias).T)

    def _attention(self, block: CompiledBlock, target: Any) -> None:
        attention = block.attention
        factors = (math.sqrt(self.head_size), 1.0, 1.0)
        for n, (factor, part) in enumerate(
            zip(factors, (attention.query, attention.key, attention.value), strict=True)
        ):
            columns = slice(n * self.width, (n + 1) * self.width)
            target.c_attn.weight[:, columns] = self._in_heads(self._read(part.weight) * factor).float()
            target.c_attn.bias[columns] = self._in_heads(part.bias[None] * factor)[0].float()
        target.c_proj.weight.copy_(self._in_heads(self._written(attention.output.weight.T).T).T)
        target.c_proj.bias.copy_(self._written(attention.output.bias[None])[0])

    def _mlp(self, block: CompiledBlock, target: Any) -> None:
        target.c_fc.weight.copy_(self._read(block.mlp.input.weight))
        target.c_fc.bias.copy_(block.mlp.input.bias)
        target.c_proj.weight.copy_(self._written(block.mlp.output.weight.T))
        target.c_proj.bias.copy_(self._written(block.mlp.output.bias[None])[0])

    def _written(self, rows: Tensor) -> Tensor:
        """What is written, `(n, d_model)`, as `(n, width)` with its balance."""
        made = rows.new_zeros(len(rows), self.width)
        made[:, : self.d_model] = rows
        made[:, self.balance] = -rows.sum(1)
        return made

    def _read(self, weight: Tensor, constant: Tensor | None = None) -> Tensor:
        """A reader's weight `(n, d_model)` as `(width, n)`, blind to the mean; `constant` is read off `one`."""
        made = weight.new_zeros(self.width, len(weight))
        made[: self.d_model] = weight.T
        if constant is not None:
            made[self.one] = constant
        made[self.zero] = -made.sum(0)
        return made

    def _in_heads(self, rows: Tensor) -> Tensor:
        """`(n, heads * d_head)` as `(n, heads * head_size)`, each head's numbers first in its place."""
        made = rows.new_zeros(len(rows), self.heads, self.head_size)
        made[..., : self.d_head] = rows.reshape(-1, self.heads, self.d_head)
        return made.flatten(1)
