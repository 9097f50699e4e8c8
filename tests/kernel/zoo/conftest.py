"""One copy of each model and of its held-out data for all tests of the zoo."""

from __future__ import annotations

import pytest

from attrium_kernel import zoo


@pytest.fixture(scope="session")
def scenes() -> zoo.ImageBundle:
    return zoo.scenes()


@pytest.fixture(scope="session")
def reviews() -> zoo.TextBundle:
    return zoo.reviews()


@pytest.fixture(scope="session")
def tabular() -> zoo.TableBundle:
    return zoo.tabular()


@pytest.fixture(scope="session")
def tiny_gpt2() -> zoo.LanguageBundle:
    return zoo.tiny_gpt2()
