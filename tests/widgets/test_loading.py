"""The public face of tracing: models by name, and the same names as the kernel's."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest
import torch
from torch import nn

import attrium
import attrium.analysis
import attrium.rasp
import attrium.tracing
from attrium import zoo
from attrium_kernel import rasp, tracing
from attrium_kernel.tracing import LoadError, analysis

PROMPT = "The keys near the door"


def test_a_language_model_of_the_zoo_loads_by_its_name():
    model, tokenizer = attrium.load("tiny_gpt2")
    bundle = zoo.tiny_gpt2()
    ids = bundle.encode(PROMPT).input_ids
    assert tokenizer(PROMPT)["input_ids"] == ids[0].tolist()
    assert not model.training
    assert torch.equal(model(ids).logits, bundle.model(ids).logits)
    assert attrium.load("tiny_gpt2").name == "tiny_gpt2"


def test_it_draws_no_bar(capfd):
    attrium.load("tiny_gpt2")
    assert capfd.readouterr() == ("", "")


def test_a_name_of_the_zoo_takes_the_options_of_any_other():
    seen = []
    loaded = attrium.load("tiny_gpt2", dtype="float16", tokenizer=False, progress=lambda *told: seen.append(told))
    assert loaded.model.dtype == torch.float16 and loaded.tokenizer is None
    assert seen[-1] == (1, 1, "ready")


@pytest.mark.parametrize("name", sorted(set(zoo.names()) - {"tiny_gpt2"}))
def test_what_is_no_transformer_is_refused_with_the_way_to_have_it(name):
    with pytest.raises(LoadError, match=rf"'{name}' in .* no transformer.*\(tiny_gpt2\).*zoo\.load\('{name}'\)"):
        attrium.load(name)


def test_a_folder_with_the_name_of_a_zoo_model_is_given_as_a_path(tmp_path, monkeypatch):
    (tmp_path / "tiny_gpt2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert attrium.load("tiny_gpt2").tokenizer is not None
    with pytest.raises(LoadError, match=r"config\.json"):
        attrium.load("./tiny_gpt2")


def test_a_name_that_is_nearly_one_of_the_zoo_s_is_told_so():
    with pytest.raises(LoadError, match="tiny-gpt2 is not on this machine.*Did you mean 'tiny_gpt2'"):
        attrium.load("tiny-gpt2", local_files_only=True)
    with pytest.raises(LoadError, match="some/gpt is not on this machine") as caught:
        attrium.load("some/gpt", local_files_only=True)
    assert "Did you mean" not in str(caught.value)


def test_everything_else_goes_to_the_kernel():
    model = nn.Linear(2, 2)
    assert attrium.load((model, None)).model is model
    assert attrium.load(zoo.path("tiny_gpt2")).name == "tiny_gpt2"
    with pytest.raises(LoadError, match="expected a name on the hub, a folder, a model"):
        attrium.load(3)
    with pytest.raises(LoadError, match="got device for a model that is loaded already"):
        attrium.load(model, device="cpu")


def test_it_shows_the_options_of_the_kernel_and_its_own_words():
    assert inspect.signature(attrium.load) == inspect.signature(tracing.load)
    assert "of the zoo" in inspect.getdoc(attrium.load)


@pytest.mark.parametrize(
    ("alias", "home"), [(attrium.tracing, tracing), (attrium.analysis, analysis), (attrium.rasp, rasp)]
)
def test_an_alias_offers_the_very_names_of_the_kernel(alias, home):
    assert alias.__all__ == home.__all__
    others = {name for name in home.__all__ if getattr(alias, name) is not getattr(home, name)}
    assert others == ({"load"} if alias is attrium.tracing else set())
    assert attrium.tracing.load is attrium.load


def test_the_main_names_are_the_kernel_s():
    shared = set(attrium.__all__) & set(tracing.__all__) - {"Cancelled", "load"}
    assert shared >= {"trace", "Trace", "Capture", "Architecture", "Site", "Edge", "Patch", "generate", "sweep"}
    assert all(getattr(attrium, name) is getattr(tracing, name) for name in shared)
    assert attrium.Cancelled is tracing.Cancelled


def test_a_first_trace_needs_one_import():
    code = (
        "from attrium import Site, Zero, load, trace\n"
        "model, tokenizer = load('tiny_gpt2')\n"
        f"plain = trace(model, {PROMPT!r}, tokenizer)\n"
        f"cut = trace(model, {PROMPT!r}, tokenizer, interventions=Zero(Site('blocks.3.attn.z', head=0)))\n"
        "print(plain['blocks.3.attn.pattern'].shape[-1], bool((plain.logits != cut.logits).any()))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "5 True\n", run.stderr


def test_modules_of_tracing_can_be_imported_from():
    code = "from attrium.tracing import Weights, load; from attrium.analysis import head_scores; print('fine')"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "fine\n", run.stderr


def test_a_compiled_program_needs_one_import():
    code = (
        "from attrium.rasp import compile, library, select, selector_width, text, tokens\n"
        "from attrium.rasp import ExportError, superposition, to_gpt2\n"
        "hist = compile(selector_width(select(tokens, tokens)), 'ehlo', 5)\n"
        "print(hist('hello'), library.reverse()('ab'), text.load('x = indices;')['x']('ab'))\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.stdout == "[1, 1, 2, 2, 1] ['b', 'a'] [0, 1]\n", run.stderr
