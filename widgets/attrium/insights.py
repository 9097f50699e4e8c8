"""Insights: page through a data set, see what the model predicts and why, by any method."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, cast

import traitlets as t

from attrium_kernel.attribution import Attribution, Method, SettingError

from . import methods as offering
from .base import AttriumWidget
from .channel import Source
from .drawing import PictureTraits
from .errors import DataError
from .explanations import Explanations, Key
from .features import feature_of
from .features.base import Model
from .frames import FramesTrait
from .jobs import Job
from .predictions import Predictions, probabilities
from .tensors import one_tensor
from .wishes import read_filter, read_targets

BATCH = 64
"""Examples predicted together."""
_BUNDLE_OPTIONS = {"preprocess": "preprocess", "grad_cam": "layer", "encode": "encode", "baseline_ids": "baselines"}


class Insights(PictureTraits, AttriumWidget):
    """A data set in pages of cards: prediction, target, and which parts of the example speak for it.

    Everything is computed in a worker: predictions of the page first, then its explanations, then the other
    predictions. Each change gives up what runs and starts anew from what is known. While it works, the model is in eval
    mode, and frozen for methods that need gradients: call `w.wait()` before training it.

    ```python
    w = Insights(model, images, classes, labels=labels, preprocess=preprocess)
    w.filter = {"outcome": "wrong"}
    w.attribution(w.selection)      # of the card that the reader opened
    ```

    Args:
        model: a classifier, from a batch of inputs to scores `(n, classes)`.
        data: images (see `ImageFeature`), texts (see `TextFeature`), an object with `images` or `texts` and `labels`,
            or a `Feature` of your own.
        classes: names by class index; numbers if not given.
        labels: true class of each example.
        method: what explains, a name or an instance with its settings.
        methods: the methods to choose from, names or classes; by default every one there is, your own too.
        options: for the kind of data. Images: `preprocess`, `layer`, `baselines`, `patch`, `mean`, `std`. Texts:
            `tokenizer` or `encode`, `at`, `baselines`. Any trait, for example `page_size=8`.

    Raises:
        DataError: for an empty data set, or labels that do not fit it.
        SettingError: for an unknown method.
        TypeError: for an unknown keyword.
    """

    bundle: ClassVar[str] = "insights"
    _needs_kernel = t.List(
        t.Unicode(), default_value=["page", "page_size", "filter", "targets", "method", "settings"]
    ).tag(sync=True)

    kind = t.Unicode("image", help="Kind of data: image or text.").tag(sync=True)
    classes = t.List(t.Unicode(), help="Class names.").tag(sync=True)
    total = t.Int(0, help="Examples that pass the filter.").tag(sync=True)
    count = t.Int(0, help="Examples in the data set.").tag(sync=True)
    page = t.Int(0, min=0, help="Page shown, from 0.").tag(sync=True)
    page_size = t.Int(12, min=1, max=100, help="Cards on a page.").tag(sync=True)
    filter = t.Dict(
        {"outcome": "all", "classes": [], "predicted": []},
        help="What is shown: outcome, true classes, predicted classes (indices; names are taken too).",
    ).tag(sync=True)
    cards = FramesTrait(help="The page's examples.")
    heats = FramesTrait(help="Their explanations, in the same order.")
    targets = t.Dict(help="Targets chosen by hand: class by the example's index (kept as text).").tag(sync=True)
    methods = t.List(t.Dict(), help="The methods to choose from, with their settings.").tag(sync=True)
    method = t.Unicode("", help="Name of the method.").tag(sync=True)
    settings = t.Dict(help="Settings of the method by name.").tag(sync=True)
    selection = t.Int(None, allow_none=True, help="Index of the open example; None for the page.").tag(sync=True)
    summary = t.Dict(help="accuracy, correct, wrong and how many are done.").tag(sync=True)

    def __init__(
        self,
        model: Model,
        data: Any,
        classes: Sequence[str] | None = None,
        *,
        labels: Sequence[int] | None = None,
        method: str | Method = "IntegratedGradients",
        methods: Sequence[str | type[Method]] | None = None,
        **options: Any,
    ) -> None:
        traits = {name: options.pop(name) for name in list(options) if name in self.class_trait_names()}
        self._feature, found = feature_of(data, options, self.class_trait_names())
        labels = found if labels is None else labels
        count = len(self._feature)
        if labels is not None and len(labels) != count:
            raise DataError(f"there are {len(labels)} labels for {count} examples; pass one for each")
        self._model = model
        self._chosen = methods
        self._known = self._offered()
        self._predictions = Predictions(labels, count)
        self._explanations = Explanations(model, self._feature)
        name = method if isinstance(method, str) else type(method).__name__
        own = {} if isinstance(method, str) else offering.values_of(method)
        settings = {**self._defaults(name), **own, **traits.pop("settings", {})}
        with self._quietly():
            super().__init__(
                kind=self._feature.kind,
                classes=[str(name) for name in classes or ()],
                count=count,
                total=count,
                methods=self._described(),
                method=name,
                settings=settings,
                summary=self._predictions.summary(),
                **traits,
            )
        self.refresh()

    @classmethod
    def from_bundle(cls, bundle: Any, **options: Any) -> Insights:
        """Look at a model of `attrium.zoo` on its held-out data.

        Args:
            bundle: `zoo.scenes()`, `zoo.digits()`, `zoo.reviews()`, or an object with the same fields.
            options: more keywords of the constructor.
        """
        known: dict[str, Any] = {}
        for field, keyword in _BUNDLE_OPTIONS.items():
            if (value := getattr(bundle, field, None)) is not None:
                known[keyword] = value
        if not hasattr(bundle, "test") or not hasattr(bundle, "classes"):
            raise DataError(
                f"{type(bundle).__name__} is no classifier with held-out data; Insights looks at zoo.scenes(), "
                "zoo.digits() and zoo.reviews()"
            )
        return cls(bundle.model, bundle.test, bundle.classes, **{**known, **options})

    def refresh(self) -> None:
        """Bring the page up to date: predictions, cards, explanations, then the predictions still missing."""
        self.submit("Predicting", self._work)

    def refresh_methods(self) -> None:
        """Offer methods that were defined after this widget."""
        self._known = self._offered()
        self.methods = self._described()

    @property
    def results(self) -> list[Attribution | None]:
        """The attributions of the page's cards; None where there is none yet."""
        return [self._result(card) for card in self.cards]

    def attribution(self, index: int) -> Attribution | None:
        """The attribution of the example at this place in the data set, if it is on the page and explained."""
        return next((self._result(card) for card in self.cards if card["index"] == index), None)

    def find_source(self, name: str) -> Source | None:
        """The tensors behind the cards of the page: `image/<index>` and `heat/<index>`."""
        kind, _, number = name.partition("/")
        card = next((card for card in self.cards if str(card["index"]) == number), None)
        if card is None or kind not in ("image", "heat"):
            return None
        if kind == "image":
            return self._feature.picture(card["index"])
        found = self._result(card)
        if found is None:
            return None
        return Source(self._feature.scores_drawn(one_tensor(found, None)[0], card["index"], found.method))

    def _result(self, card: dict[str, Any]) -> Attribution | None:
        key = self._key(card["index"], self._method())
        found = self._explanations.get(key)
        return None if found is None else found.attribution

    # Work, in the worker

    def _work(self, job: Job) -> None:
        """What a refresh does; it picks up where the last one was stopped."""
        indices = self._page_indices(job)
        self._predict(self._predictions.missing(indices), job)
        try:
            method = self._method()
        except SettingError:
            job.label = f"Settings of {self.method}"
            self._show(indices, None, job)  # what the model says can be seen all the same
            raise
        self._explain(self._show(indices, method, job), job)
        self._predict(self._predictions.missing(range(self.count)), job)

    def _predict(self, indices: Sequence[int], job: Job) -> None:
        """Ask the model about examples, in batches, and show how it does."""
        if not indices:
            return
        done = 0
        for batch in self._feature.batches(indices, BATCH):
            job.check()
            job.progress(done, len(indices), "Predicting")
            found = probabilities(self._feature.scores(self._model, batch))
            with job.turn():
                self._check_classes(found.shape[1])
                self._predictions.record(batch, found)
                self.summary = self._predictions.summary()
            done += len(batch)

    def _page_indices(self, job: Job) -> list[int]:
        """The examples of the page; a filter needs all predictions first."""
        wanted = read_filter(self.filter, self.classes)
        if any(wanted[name] for name in ("classes", "predicted")) or wanted["outcome"] != "all":
            if wanted["predicted"] or wanted["outcome"] != "all":
                self._predict(self._predictions.missing(range(self.count)), job)
            passing: list[int] = self._predictions.select(**wanted).tolist()
        else:
            passing = list(range(self.count))
        last = max(0, (len(passing) - 1) // self.page_size)
        with job.turn():
            self.total = len(passing)
            if self.page > last:
                with self._quietly():
                    self.page = last
            start = self.page * self.page_size
        return passing[start : start + self.page_size]

    def _show(self, indices: Sequence[int], method: Method | None, job: Job) -> list[Key]:
        """Show the cards, with the explanations that are known already; gives the key of each."""
        drawn = {card["index"]: card for card in self.cards}
        cards = [self._card(index, drawn.get(index)) for index in indices]
        keys = [] if method is None else [(card["index"], card["target"], method) for card in cards]
        with job.turn(), self.hold_sync():
            self.cards = cards
            self.heats = [self._known_heat(key) for key in keys] or [None] * len(cards)
        return keys

    def _known_heat(self, key: Key) -> dict[str, Any] | None:
        found = self._explanations.get(key)
        return None if found is None else found.heat

    def _card(self, index: int, known: dict[str, Any] | None) -> dict[str, Any]:
        drawn = self._feature.card(index) if known is None else known
        found = self._predictions
        facts = {
            "index": index,
            "label": found.label(index),
            "predicted": int(found.predicted[index]),
            "top": [[column, share] for column, share in found.top(index)],
            "target": self._target(index),
        }
        return {**drawn, **facts}

    def _explain(self, keys: Sequence[Key], job: Job) -> None:
        """Explain the cards that are not yet, and show each group as it comes."""
        heats = list(self.heats)
        place = {key: at for at, key in enumerate(keys)}
        missing = [key for key, heat in zip(keys, heats) if heat is None]
        for group in self._explanations.explain(missing, job):
            for key, explanation in group:
                heats[place[key]] = explanation.heat
            with job.turn():
                self.heats = list(heats)

    # State

    _quiet: int | None = None

    def _offered(self) -> dict[str, type[Method]]:
        found = offering.offered(self._chosen)
        return {name: cls for name, cls in found.items() if self._chosen or self._feature.applies(cls)}

    def _method(self) -> Method:
        return offering.build(self.method, self.settings, self._known)

    def _key(self, index: int, method: Method) -> Key:
        return index, self._target(index), method

    def _target(self, index: int) -> int:
        chosen = self.targets.get(str(index))
        return int(self._predictions.predicted[index]) if chosen is None else int(chosen)

    def _check_classes(self, given: int) -> None:
        if not self.classes:
            self.classes = [str(number) for number in range(given)]
        elif len(self.classes) != given:
            raise DataError(f"there are {len(self.classes)} class names, but the model has {given} classes")

    def _described(self) -> list[dict[str, Any]]:
        feature = self._feature
        return [
            offering.describe(cls, feature.setting_defaults, feature.needs(self._model, cls))
            for cls in self._known.values()
        ]

    def _defaults(self, name: str) -> dict[str, Any]:
        cls = self._known.get(name)
        if cls is None:
            offering.build(name, {}, self._known)  # raises with the names there are
        return offering.defaults(cast(type[Method], cls), self._feature.setting_defaults)

    @t.validate("filter")
    def _filter_is_known(self, proposal: Any) -> dict[str, Any]:
        return read_filter(proposal["value"], self.classes)

    @t.validate("targets")
    def _targets_are_known(self, proposal: Any) -> dict[str, int]:
        return read_targets(proposal["value"], len(self._feature), self.classes)

    @t.observe("method")
    def _method_changed(self, _change: Any) -> None:
        if self._quiet != threading.get_ident() and self.method in self._known:
            defaults = self._defaults(self.method)
            if set(self.settings) != set(defaults):
                self.settings = defaults

    @t.observe("page", "page_size", "filter", "targets", "method", "settings")
    def _wish_changed(self, change: Any) -> None:
        if self._quiet == threading.get_ident():
            return
        if change["name"] == "filter":
            with self._quietly():
                self.page = 0
        self.refresh()

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Set traits without asking for a refresh; other threads are still heard."""
        self._quiet = threading.get_ident()
        try:
            yield
        finally:
            self._quiet = None
