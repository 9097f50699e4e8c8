"""Readings of a run: logits of a position, the lens, direct contributions, scores of heads, what made a number."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from torch import Tensor

from attrium_kernel.arrays import make_frame
from attrium_kernel.tracing import Origins, Trace
from attrium_kernel.tracing.analysis import direct_logits, logit_lens
from attrium_kernel.tracing.errors import TraceError

from ..attention.comparison import Address, Comparison
from ..attention.head_marks import head_marks
from ..attention.overview import overview
from ..attention.runs import make_run
from ..channel import Answer
from ..errors import AttriumError
from .subject import Subject

LISTED = 200
"""Tokens of a position that are sent with their texts."""
EFFECT = "What the head adds directly to the followed token's logit at the position looked at."


def row_of_logits(trace: Trace, position: int) -> Tensor:
    """`(vocab,)` of one position, float32 on the CPU; a classifier's one row whatever the position.

    Raises:
        AttriumError: if the model returns none.
    """
    if trace.logits is None:
        raise AttriumError("this model returns no logits: there are no probabilities to show")
    logits = trace.logits[0] if trace.logits.dim() == 2 else trace.logits[0, position]
    return logits.detach().float().cpu()


def texts_of(trace: Trace, subject: Subject, ids: list[int]) -> Answer:
    """How tokens read, by id, as the model's outputs."""
    return Answer(dict(zip(map(str, ids), subject.said(ids, _outputs(trace)))))


def _outputs(trace: Trace) -> int:
    return 0 if trace.logits is None else trace.logits.shape[-1]


def logits(trace: Trace, subject: Subject, position: int, which: str, following: list[int], ids: Any) -> Answer:
    """`LogitsFacts`; `following` are tokens whose texts are wanted too, `ids` those of the prompt."""
    row = row_of_logits(trace, position)
    by_class = trace.logits is not None and trace.logits.dim() == 2
    order = row.argsort(descending=True, stable=True)[:LISTED]
    after = None if by_class else _following(subject, ids, position, len(row))
    named = list(dict.fromkeys([*following, *([after] if after is not None else [])]))
    texts = _classes(trace) if by_class else None

    def listed(tokens: list[int]) -> list[dict[str, Any]]:
        words = [texts[i] for i in tokens] if texts is not None else subject.said(tokens, len(row))
        return [{"id": i, "text": word} for i, word in zip(tokens, words)]

    facts = {
        "position": position,
        "which": which,
        "top": listed(order.tolist()),
        "named": listed([i for i in named if 0 <= i < len(row)]),
        "next": after,
        "kind": "class" if by_class else "token",
    }
    return Answer(facts, {"logits": make_frame(row, "logits"), "order": make_frame(order.int(), "order")})


def _following(subject: Subject, ids: Sequence[int], position: int, count: int) -> int | None:
    """The next token of the text, if there is one and the logit of its number stands for it."""
    following = [i for i in ids[position + 1 : position + 2] if 0 <= i < count]
    return following[0] if following and subject.said(following, count) == subject.texts(following) else None


def _classes(trace: Trace) -> dict[int, str]:
    assert trace.logits is not None
    named = getattr(getattr(trace.model, "config", None), "id2label", None) or {}
    return {i: str(named.get(i, f"class {i}")) for i in range(trace.logits.shape[-1])}


def lens(trace: Trace, subject: Subject, start: int, stop: int, token: int) -> Answer:
    """`LensFacts` of the positions from `start` up to `stop`."""
    architecture = trace.architecture
    assert architecture is not None
    blocks = architecture.main.blocks
    if blocks[0].form == "post-norm":
        names = [name for b in blocks if (name := f"{b.name}.ln2.out") in trace]
    else:
        names = [f"{blocks[0].name}.resid_pre", *(f"{b.name}.resid_post" for b in blocks)]
    found = logit_lens(trace, names, positions=list(range(start, stop)), top=5)
    ids = sorted(set(found.top_tokens.flatten().tolist()))
    place = {b.name: n for n, b in enumerate(blocks)}
    count = _outputs(trace)
    points = [{"name": n, "block": _block_of(n, place)} for n in found.names]
    facts = {
        "points": points,
        "start": start,
        "stop": stop,
        "token": {"id": token, "text": subject.said([token], count)[0]},
        "texts": dict(zip(map(str, ids), subject.said(ids, count))),
    }
    values = {
        "top": found.top_tokens[:, 0].int(),
        "top_probability": found.top_probabilities[:, 0],
        "probability": found.probability(token)[:, 0],
        "rank": found.rank(token)[:, 0].int() + 1,
        "entropy": found.entropy[:, 0],
    }
    return Answer(facts, {name: make_frame(value.contiguous(), name) for name, value in values.items()})


def _block_of(name: str, place: dict[str, int]) -> int:
    return place[name.rsplit(".", 2 if name.endswith("ln2.out") else 1)[0]] + (0 if name.endswith("resid_pre") else 1)


def contributions(trace: Trace, subject: Subject, position: int, token: int, versus: int | None) -> Answer:
    """`ContributionFacts` of one position."""
    found = direct_logits(trace, token, versus, positions=[position])
    values = found.values[:, 0, 0].tolist()
    texts = subject.said([token, *([] if versus is None else [versus])], _outputs(trace))
    architecture = trace.architecture
    assert architecture is not None
    place = {b.name: n for n, b in enumerate(architecture.main.blocks)}
    facts = {
        "position": position,
        "token": {"id": token, "text": texts[0]},
        "versus": None if versus is None else {"id": versus, "text": texts[1]},
        "items": [_item(label, value, place) for label, value in zip(found.labels, values)],
        "total": float(found.unembed[0, 0]),
        "gap": float(found.gap[0, 0]),
        "is_logits": found.is_logits,
    }
    return Answer(facts)


def _item(label: str, value: float, place: dict[str, int]) -> dict[str, Any]:
    block = next((n for name, n in place.items() if label.startswith(f"{name}.")), None)
    parts = label.split(".")
    head = int(parts[-1]) if len(parts) > 1 and parts[-2] == "head" else None
    if block is None:
        last = parts[-1] if parts[-1] != "bias" else ("norm" if "ln_final" in label else "bias")
        kind = last if last in ("embed", "pos_embed", "norm", "bias", "rest") else "rest"
    else:
        kind = "head" if head is not None else "mlp" if ".mlp" in label else "attn" if ".attn" in label else "norm"
    return {"label": label, "kind": kind, "block": block, "head": head, "value": value}


def heads(trace: Trace, which: str, position: int, token: int | None) -> Answer:
    """`HeadsFacts`: thumbnails of every head, and scores to sort them by, the effect on a token's logit among them.

    Raises:
        AttriumError: if no attention can be read from this run.
    """
    architecture = trace.architecture
    assert architecture is not None
    run = make_run(trace, "run")
    kind = next((k for k in run.kinds.values() if k.stack == architecture.main.name and k.role != "cross"), None)
    if kind is None:
        raise AttriumError("no attention pattern can be read from this run")
    comparison = Comparison([run])
    field = overview(comparison, Address(0, -1, kind.name, kind.layers[0]))
    marks = head_marks(comparison, 0, kind.name)
    frames = {**field.frames, **marks.frames}
    scores = list(marks.facts["scores"])
    if token is not None:
        with suppress(TraceError):  # not for post-norm models, nor where layers have different numbers of heads
            effect = direct_logits(trace, token, positions=[position]).heads()[..., 0, 0].float()
            frames["score:contribution"] = make_frame(effect.detach(), "contribution")
            scores.append({"name": "contribution", "title": "Logit effect", "doc": EFFECT, "high_first": True})
    facts = {"scores": scores, "layers": len(kind.layers), "heads": max(kind.heads), "which": which}
    return Answer({**facts, "every": field.facts["every"]}, frames)


def made_of(origins: Origins, name: str, index: list[int]) -> Answer:
    """`OriginFacts` of one number."""
    return Answer(asdict(origins.of(name, index)))
