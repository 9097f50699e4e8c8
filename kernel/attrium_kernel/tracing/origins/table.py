"""How each quantity is made: one table, read by whoever asks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..names import Entry
from . import attention, entrance, feed_forward, logits, norms, stream
from .facts import Made
from .place import Place
from .rotation import rotated

Rule = Callable[[Place], Made]

RULES: Mapping[str, Rule] = {
    "embed": entrance.embedding,
    "pos_embed": entrance.position_embedding,
    "resid_pre": stream.resid_pre,
    "scale": norms.norm_scale_of,
    "norm": norms.norm_out,
    "q": attention.projection,
    "k": attention.projection,
    "v": attention.projection,
    "rot_q": rotated,
    "rot_k": rotated,
    "scores": attention.scores,
    "masked_scores": attention.masked_scores,
    "pattern": attention.pattern,
    "z": attention.mixed,
    "result": attention.result,
    "out": attention.heads_out,
    "attn_out": stream.attention_out,
    "cross_out": stream.attention_out,
    "resid_mid": stream.stream_sum,
    "resid_cross": stream.stream_sum,
    "mlp.router": feed_forward.router,
    "mlp.pre": feed_forward.hidden_before,
    "mlp.pre_linear": feed_forward.hidden_before,
    "mlp.post": feed_forward.hidden_after,
    "mlp.out": feed_forward.down,
    "mlp_out": feed_forward.mlp_out,
    "resid_post": stream.stream_sum,
    "unembed": logits.unembedded,
    "logits": logits.logit,
}


def rule_of(entry: Entry) -> Rule:
    """The rule for a name."""
    if entry.kind == "scale":
        return RULES["scale"]
    return RULES[entry.quantity or entry.name]
