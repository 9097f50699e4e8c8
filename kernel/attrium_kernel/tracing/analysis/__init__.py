"""What a trace and its weights say: lenses, direct logit attribution, attention flow, head scores, composition.

logit_lens(t, "all").rank(token)             # what would the model say if it stopped here?
direct_logits(t, token, minus=other)         # which head, MLP or bias raised the logit?
head_scores(t)["previous_token"]             # (layer, head)
composition_scores(model).k                  # (layer, head, layer, head)
"""

from .circuits import copying_scores
from .composition import Composition, composition_scores
from .direct import DirectLogits, direct_logits, direct_neurons
from .flow import AttentionFlow, attention_flow, attention_rollout
from .head_scores import head_scores, induction_scores, induction_trace, repeated_tokens
from .lenses import Lens, logit_lens
from .tuned_lens import TunedLens
from .value_norms import ValueNorms, value_weighted_attention

__all__ = [
    "AttentionFlow",
    "Composition",
    "DirectLogits",
    "Lens",
    "TunedLens",
    "ValueNorms",
    "attention_flow",
    "attention_rollout",
    "composition_scores",
    "copying_scores",
    "direct_logits",
    "direct_neurons",
    "head_scores",
    "induction_scores",
    "induction_trace",
    "logit_lens",
    "repeated_tokens",
    "value_weighted_attention",
]
