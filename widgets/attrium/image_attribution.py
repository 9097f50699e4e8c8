"""ImageAttribution: a picture and which parts of it made the model answer so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import traitlets as t
from torch import Tensor

from attrium_kernel.arrays import Frame, fit_heat, make_frame, sum_channels, to_picture
from attrium_kernel.attribution import Attribution, Method

from .base import AttriumWidget
from .captions import caption_of, interpolation
from .channel import Source
from .drawing import CaptionTrait, PictureTraits
from .errors import DataError
from .frames import FrameTrait, SourcedFrame, sourced
from .jobs import LOCK, Job
from .live import Question
from .selection import RegionTrait
from .tensors import one_tensor, picture_scores

MOST_PIXELS = (512, 512)
"""Pictures up to this size travel whole; larger ones are pooled and read by region when the reader zooms in."""


def _picture_frame(widget: ImageAttribution, image: Any) -> Frame:
    return widget._read_picture(image)


def _drawn_size(widget: ImageAttribution) -> tuple[int, int] | None:
    return widget._size()


class ImageAttribution(PictureTraits, AttriumWidget):
    """A picture with signed scores over it.

    ```python
    w = ImageAttribution(image, values)
    w.values[w.selection]      # the scores inside the rectangle that the reader drew
    w.values = other           # redraws
    ```

    Args:
        image: PIL image, tensor or array: `(h, w, 3)`, `(3, h, w)`, `(1, h, w)` or `(h, w)`, uint8 or floats in [0, 1].
        values: scores `(c, h, w)`, `(h, w)` or `(1, c, h, w)`. Channels are summed; a smaller map than the image, such
            as Grad-CAM's, is interpolated (bilinear), and the caption says so.
        mean, std: what a normalised image was normalised with, a number or one for each channel.
        traits: any trait, for example `mode="heatmap"`.

    Raises:
        PictureError: if the image is none or the values do not fit it.
        TypeError: for an unknown keyword.
    """

    bundle: ClassVar[str] = "image_attribution"

    image = FrameTrait(_picture_frame, help="The picture; set it to anything that the constructor takes.")
    heat = FrameTrait(help="What is drawn over it, (height, width); set `values` to change it.")
    title = t.Unicode("", help="Heading.").tag(sync=True)
    split = t.Float(
        None, allow_none=True, min=0.0, max=1.0, help="Share of the width that stays bare; None for no slider."
    ).tag(sync=True)
    selection = RegionTrait(_drawn_size, help="The reader's rectangle, in pixels of the picture.")
    caption = CaptionTrait()

    def __init__(
        self,
        image: Any = None,
        values: Any = None,
        *,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        **traits: Any,
    ) -> None:
        self._mean, self._std = mean, std
        self._picture_size: tuple[int, int] | None = None
        self._scores: Tensor | None = None
        self._drawn: Tensor | None = None
        self._question: Question | None = None
        self._attribution: Attribution | None = None
        self._own_caption: dict[str, Any] = {}
        selection = traits.pop("selection", None)
        super().__init__(**traits)
        if image is not None:
            self.image = image
        if values is not None:
            self.values = values
        if selection is not None:
            self.selection = selection

    @classmethod
    def from_attribution(
        cls,
        attribution: Attribution,
        image: Any,
        *,
        example: int = 0,
        part: int | str | None = None,
        classes: Sequence[str] | None = None,
        **traits: Any,
    ) -> ImageAttribution:
        """Draw one example of an attribution.

        Args:
            attribution: what a method's `attribute` returned.
            image: the picture of that example, in any form that the constructor takes.
            example: which row.
            part: which of several inputs, by position or name.
            classes: class names for the caption.
            traits: more keywords of the constructor.
        """
        scores = picture_scores(one_tensor(attribution, part)[example], attribution.method)
        widget = cls(image, scores, **traits)
        widget._attribution = attribution
        widget._caption_for(caption_of(attribution, example, classes))
        return widget

    @classmethod
    def explain(
        cls,
        model: Callable[..., Any],
        inputs: Tensor,
        *,
        image: Any = None,
        method: Method | type[Method] | str | None = None,
        target: Any = None,
        classes: Sequence[str] | None = None,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
        at: Any = None,
        baselines: Any = None,
        mask: Any = None,
        seed: int | None = 0,
        **traits: Any,
    ) -> ImageAttribution:
        """Show the picture at once and the attribution when the worker has it.

        Args:
            model, inputs: one example as the model takes it, `(c, h, w)` or `(1, c, h, w)`.
            image: what to show; by default the inputs, un-normalised with `mean` and `std`.
            method: a method, or its name; by default `IntegratedGradients()`.
            target: as for `Method.attribute`, or a name of `classes`; by default the class that the model predicts.
            classes: class names for the caption.
            at, baselines, mask, seed: as for `Method.attribute`; a method that needs a layer gets the last convolution,
                and one that uses no baselines or mask gets none.
            traits: more keywords of the constructor.

        Raises:
            DataError: for more than one example, an input that is no float tensor, or a class name that there is not.
            SettingError: for a method that there is not.
        """
        batch = _one_example(inputs)
        target = class_index(target, classes)
        widget = cls(batch[0] if image is None else image, mean=mean, std=std, **traits)
        question = Question(model, batch, None, target, at, baselines, mask, seed).changed(method=method)
        widget._ask(question, classes)
        return widget

    def explain_again(self, **changes: Any) -> None:
        """Explain with another `method`, `target`, `at`, `baselines`, `mask` or `seed`; what runs now is given up.

        Raises:
            TypeError: if the widget was not made by `explain`, or for another keyword.
        """
        if self._question is None:
            raise TypeError("this widget shows given values; make it with ImageAttribution.explain(model, inputs)")
        if "target" in changes:
            changes["target"] = class_index(changes["target"], self._classes)
        self._ask(self._question.changed(**changes), self._classes)

    @property
    def values(self) -> Tensor | None:
        """The scores on screen, `(height, width)` of the picture, channels summed; None before there are any.

        Setting it drops the attribution, and a caption that came with the old scores.
        """
        return self._drawn

    @values.setter
    def values(self, values: Any) -> None:
        with LOCK:
            scores = None if values is None else sum_channels(values)
            drawn = self._fitted(scores)  # raises before anything changes
            self._attribution = None
            if scores is None or self.caption == self._own_caption:
                self.caption = {}
            self._draw(scores, drawn)

    @property
    def attribution(self) -> Attribution | None:
        """The whole attribution, where the widget was made from one or by `explain`."""
        return self._attribution

    def _ask(self, question: Question, classes: Sequence[str] | None) -> None:
        self._question, self._classes = question, classes

        def work(job: Job) -> None:
            if self._question is not question:  # a retry, after another picture was set
                return
            attribution = question.answer(job)
            scores = sum_channels(picture_scores(one_tensor(attribution, None)[0], attribution.method))
            with job.turn():
                self._draw(scores, self._fitted(scores))
                self._attribution = attribution
                self._caption_for(caption_of(attribution, 0, classes))

        self.submit(question.label, work)

    def _caption_for(self, caption: dict[str, Any]) -> None:
        """Set the caption, with a word on interpolation where there was any."""
        if self._scores is not None and self._drawn is not None and (words := interpolation(self._scores, self._drawn)):
            caption["method"] = (caption.get("method") or "Scores") + words
        self._own_caption = self.caption = caption

    def _size(self) -> tuple[int, int] | None:
        if self._picture_size is not None:
            return self._picture_size
        return None if self._drawn is None else (self._drawn.shape[0], self._drawn.shape[1])

    def _read_picture(self, image: Any) -> Frame:
        picture = to_picture(image, mean=self._mean, std=self._std)
        frame = make_frame(picture, "image", pixels=MOST_PIXELS, axes=(0, 1), pooling="mean")
        return sourced(frame, Source(picture, axes=(0, 1), pooling="mean"))

    @t.observe("image")
    def _image_changed(self, change: Any) -> None:
        old, new = change["old"], change["new"]
        size = self._size()
        self._picture_size = None if new is None else _size_of(new)
        self.register("image", new.source if isinstance(new, SourcedFrame) else None)
        if old is not None:  # all there is belongs to another picture
            self._jobs.cancel()
            self._question = None
            self.values = None
        elif self._scores is not None:
            fits = self._picture_size is None or _fits(self._scores, self._picture_size)
            scores = self._scores if fits else None
            self._draw(scores, self._fitted(scores))
        if self._size() != size:
            self.selection = None

    def _fitted(self, scores: Tensor | None) -> Tensor | None:
        """The scores spread over the picture."""
        if scores is None:
            return None
        return fit_heat(scores, self._picture_size or (scores.shape[0], scores.shape[1]))

    def _draw(self, scores: Tensor | None, drawn: Tensor | None) -> None:
        """Send the scores as they were fitted to the picture."""
        self._scores, self._drawn = scores, drawn
        self.register("heat", None if drawn is None else Source(drawn))
        if scores is not None and drawn is not None and not self.caption and drawn.shape != scores.shape:
            self._caption_for({})
        self.heat = None if drawn is None else make_frame(drawn, "heat", pixels=MOST_PIXELS)


def _fits(scores: Tensor, size: tuple[int, int]) -> bool:
    return scores.shape[0] <= size[0] and scores.shape[1] <= size[1]


def _size_of(picture: Frame) -> tuple[int, int]:
    """Height and width before pooling."""
    height, width = (round(length * factor) for length, factor in zip(picture.shape[:2], picture.pooled.factor))
    return height, width


def _one_example(inputs: Any) -> Tensor:
    """`inputs` as a batch of one; raises `DataError` for what a model would not take."""
    if not isinstance(inputs, Tensor):
        raise DataError(
            f"inputs is a {type(inputs).__name__}; pass the tensor that the model takes, (channels, height, width), "
            "and the picture as image="
        )
    batch = inputs if inputs.dim() == 4 else inputs[None]
    if batch.dim() != 4 or not batch.is_floating_point():
        raise DataError(
            f"inputs is a {inputs.dtype} tensor of shape {tuple(inputs.shape)}; pass floating-point numbers, "
            "(channels, height, width), as the model takes them"
        )
    if len(batch) > 1:
        raise DataError(f"inputs has {len(batch)} examples; pass one, inputs[0] say, or look at all with Insights")
    return batch


def class_index(target: Any, classes: Sequence[str] | None) -> Any:
    """A class name as its index; any other target as it is."""
    if not isinstance(target, str):
        return target
    names = list(classes or ())
    if names.count(target) != 1:
        known = f"the classes are {', '.join(names)}" if names else "pass classes= to name them"
        raise DataError(f"target={target!r} is not the name of one class; {known}")
    return names.index(target)
