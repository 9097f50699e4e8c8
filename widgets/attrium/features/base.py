"""What Insights must know of a kind of data."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor

from attrium_kernel.arrays import Frame
from attrium_kernel.attribution import Method

from ..channel import Source

Model = Callable[..., Any]


@dataclass(frozen=True, eq=False)
class Case:
    """How to explain some examples by some method: the arguments of `Method.attribute` but model and target."""

    inputs: Any
    options: Mapping[str, Any] = field(default_factory=dict)


class Feature(ABC):
    """A data set of one kind. Indices are positions in it; each example is one card."""

    kind: ClassVar[str]
    """The value of the `kind` trait, which tells the front end what to draw."""
    setting_defaults: ClassVar[Mapping[str, Any]] = {}
    """Defaults of settings, by name, that fit this kind better than the methods' own."""

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def batches(self, indices: Sequence[int], size: int) -> list[list[int]]:
        """The indices in groups of at most `size` that the model can take together."""

    @abstractmethod
    def scores(self, model: Model, indices: Sequence[int]) -> Tensor:
        """The model's output `(n, classes)` for a group, on the CPU."""

    @abstractmethod
    def card(self, index: int) -> dict[str, Any]:
        """What is drawn of an example: the fields of a card that belong to this kind."""

    @abstractmethod
    def case(self, model: Model, method: Method, indices: Sequence[int]) -> Case:
        """How to explain a group by a method.

        Raises:
            PlaceError: if the method needs a place in the model that is not there.
        """

    def picture(self, index: int) -> Source | None:
        """The whole of what a card shows pooled, for the front end to zoom into; None where nothing is."""
        return None

    @abstractmethod
    def scores_drawn(self, values: Tensor, index: int, method: Method) -> Tensor:
        """The scores of one example as they lie over its card, not yet pooled."""

    @abstractmethod
    def heat(self, drawn: Tensor, index: int) -> Frame:
        """What `scores_drawn` gave for an example, for the screen."""

    def applies(self, cls: type[Method]) -> bool:
        """Whether a method makes sense for this kind of data at all."""
        return True

    @abstractmethod
    def needs(self, model: Model, cls: type[Method]) -> str | None:
        """What a method needs of this model, in words for the reader; None for nothing."""
