"""TextAttribution: tokens coloured by how much each made the model answer so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
import traitlets as t
from torch import Tensor

from attrium_kernel.arrays import Frame, make_frame
from attrium_kernel.attribution import Attribution

from .base import AttriumWidget
from .captions import caption_of
from .channel import Source
from .drawing import CaptionTrait, ScoreTraits
from .errors import LengthError
from .frames import FrameTrait, SourcedFrame, sourced
from .selection import IndicesTrait
from .tensors import one_tensor


def _score_frame(widget: TextAttribution, scores: Any) -> Frame:
    return widget._read_scores(scores)


def _length(widget: TextAttribution) -> tuple[int]:
    return (len(widget.tokens),)


class TextAttribution(ScoreTraits, AttriumWidget):
    """A text whose tokens are coloured by signed scores, or a matrix of them: one row of scores per output token.

    ```python
    w = TextAttribution(["a", "fine", "film"], scores)
    w.values[..., w.selection]      # the scores of the tokens that the reader picked
    w.scores = other                # redraws
    ```

    Args:
        tokens: what the reader sees, one text per token; shown as it is, never as markup.
        scores: `(tokens,)`, or `(outputs, tokens)` for a matrix.
        words: for each token the number of its word, -1 for none; lets the reader merge the tokens of a word.
        outputs: what each row of a matrix explains, for example the generated tokens.
        special: for each token whether the tokenizer added it.
        traits: any trait, for example `show_values=True`.

    Raises:
        LengthError: if lists and scores do not have the same length.
        TypeError: for an unknown keyword.
    """

    bundle: ClassVar[str] = "text_attribution"

    tokens = t.List(t.Unicode(), help="The tokens as the reader sees them.").tag(sync=True)
    words = t.List(t.Int(), help="Word number of each token, -1 for none.").tag(sync=True)
    special = t.List(t.Bool(), help="Whether the tokenizer added the token.").tag(sync=True)
    scores = FrameTrait(_score_frame, help="Scores (tokens,) or (outputs, tokens); set it to any array of them.")
    outputs = t.List(t.Unicode(), help="What each row of a matrix explains; empty for one row.").tag(sync=True)
    row = t.Int(0, min=0, help="The row of a matrix that colours the text.").tag(sync=True)
    merge_words = t.Bool(False, help="Whether tokens of a word are drawn as one, scores summed.").tag(sync=True)
    show_values = t.Bool(False, help="Whether the scores stand under the tokens.").tag(sync=True)
    selection = IndicesTrait(_length, help="Positions of the tokens that the reader picked, ascending.")
    title = t.Unicode("", help="Heading.").tag(sync=True)
    caption = CaptionTrait()

    def __init__(
        self,
        tokens: Sequence[str] = (),
        scores: Any = None,
        *,
        words: Sequence[int] | None = None,
        outputs: Sequence[str] | None = None,
        special: Sequence[bool] | None = None,
        **traits: Any,
    ) -> None:
        self._values: Tensor | None = None
        tokens = list(tokens)
        selection = traits.pop("selection", None)
        lists = {
            "tokens": tokens,
            "words": _matching(words, list(range(len(tokens))), "words"),
            "special": _matching(special, [False] * len(tokens), "special"),
            "outputs": list(outputs or []),
        }
        super().__init__(**lists, **traits)
        if scores is not None:
            self.scores = scores
        if selection is not None:
            self.selection = selection

    @classmethod
    def from_attribution(
        cls,
        attribution: Attribution,
        tokens: Sequence[str],
        *,
        example: int = 0,
        part: int | str | None = None,
        classes: Sequence[str] | None = None,
        **traits: Any,
    ) -> TextAttribution:
        """Draw one example of an attribution.

        Args:
            attribution: what a method's `attribute` returned, at the tokens `(n, tokens)` or at their embedding
                `(n, tokens, width)`, whose width is summed.
            tokens: the tokens of that example.
            example: which row.
            part: which of several inputs, by position or name.
            classes: class names for the caption.
            traits: more keywords of the constructor.
        """
        values = one_tensor(attribution, part)[example]
        widget = cls(tokens, values.sum(-1) if values.dim() == 2 else values, **traits)
        widget.caption = caption_of(attribution, example, classes)
        return widget

    @property
    def values(self) -> Tensor | None:
        """The scores on screen, `(tokens,)` or `(outputs, tokens)`; None before there are any."""
        return self._values

    def _read_scores(self, scores: Any) -> Frame:
        values = scores.detach().cpu() if isinstance(scores, Tensor) else torch.as_tensor(np.asarray(scores))
        expected = f"({len(self.tokens)},) or (outputs, {len(self.tokens)})"
        if values.dim() not in (1, 2) or values.shape[-1] != len(self.tokens):
            raise LengthError(
                f"scores have shape {tuple(values.shape)} for {len(self.tokens)} tokens; expected {expected}: sum over "
                "the embedding's width, and cut padding off"
            )
        if values.dim() == 2 and len(self.outputs) != len(values):
            raise LengthError(
                f"scores have {len(values)} rows but there are {len(self.outputs)} outputs; pass outputs=, one per row"
            )
        return sourced(make_frame(values.to(torch.float32), "scores"), Source(values))

    @t.observe("scores")
    def _scores_changed(self, change: Any) -> None:
        source = change["new"].source if isinstance(change["new"], SourcedFrame) else None
        self._values = None if source is None else source.tensor
        self.register("scores", source)

    @t.observe("tokens")
    def _tokens_changed(self, change: Any) -> None:
        """What belonged to another number of tokens goes."""
        count = len(self.tokens)
        if self._values is not None and self._values.shape[-1] != count:
            self.scores = None
            self.caption = {}
        if len(change["old"] or ()) != count:
            self.selection = []
        if len(self.words) != count:
            self.words = list(range(count))
        if len(self.special) != count:
            self.special = [False] * count

    @t.validate("row")
    def _row_exists(self, proposal: Any) -> int:
        row: int = proposal["value"]
        last = max(0, len(self.outputs) - 1)
        if row > last:
            raise t.TraitError(f"row={row}, but there are {len(self.outputs)} outputs; pass 0 <= row <= {last}")
        return row


def _matching(given: Sequence[Any] | None, default: list[Any], name: str) -> list[Any]:
    if given is None:
        return default
    if len(given) != len(default):
        raise LengthError(f"there are {len(given)} {name} for {len(default)} tokens; pass one for each token")
    return list(given)
