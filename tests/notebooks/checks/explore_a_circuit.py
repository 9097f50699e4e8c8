"""What the notebook says in words, checked in its own kernel after its last cell: a name is one of the notebook's."""

from pathlib import Path

import torch

from __main__ import compared, difference, effect, effects, explorer, llama, output, patched, raw, stripe

# all heads at once
assert stripe > 0.9

# two prompts, one selection
assert compared.last_error is None
assert list(compared.selection) == list(explorer.selection) == [3, 9]
mary_then_paul = torch.as_tensor(compared.values)[-1]
assert mary_then_paul[1] > 0.3 and mary_then_paul[3] < -0.3, "head 3.0 turns from Mary to Paul"

# from the pattern to the answer
assert abs(effect - effects[1][2].item()) < 1e-3, "the widget's number is the engine's"
order = effects.flatten().argsort().tolist()
assert order[:2] == [4 * 3 + 3, 4 * 1 + 2], "3.3 counts for most, then 1.2"
assert difference(explorer.base.logits).item() > 15 and patched < 0, "the patch turns the answer round"

# other models, other tensors
llama.wait()
assert llama.last_error is None and (llama.model["heads"], llama.model["kv_heads"]) == (8, 2)
assert torch.allclose(torch.as_tensor(raw.values), output.attentions[raw.layer][0, raw.head].detach(), atol=1e-6)
assert Path("head.npz").stat().st_size > 0 and Path("two_prompts.html").stat().st_size < 12e6
