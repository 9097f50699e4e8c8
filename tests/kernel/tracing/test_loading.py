"""Loading from folders, caches and the caller's hands; what is missing is said by name."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch import nn
from transformers.utils import logging

from attrium_kernel import zoo
from attrium_kernel.tracing.errors import LoadError
from attrium_kernel.tracing.loading import load
from attrium_kernel.tracing.tokens import tokenize

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}


def gpt2() -> nn.Module:
    return transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            n_embd=16, n_head=2, n_layer=2, vocab_size=50, n_positions=20, bos_token_id=0, eos_token_id=0
        )
    )


def llama() -> nn.Module:
    return transformers.LlamaForCausalLM(transformers.LlamaConfig(**SMALL, num_key_value_heads=1, vocab_size=50))


def bert() -> nn.Module:
    return transformers.BertForMaskedLM(transformers.BertConfig(**SMALL, vocab_size=50))


def t5() -> nn.Module:
    return transformers.T5ForConditionalGeneration(
        transformers.T5Config(d_model=16, d_kv=8, d_ff=32, num_layers=2, num_heads=2, vocab_size=50)
    )


def vit() -> nn.Module:
    return transformers.ViTForImageClassification(transformers.ViTConfig(**SMALL, image_size=8, patch_size=4))


def inputs_of(model: Any) -> dict[str, torch.Tensor]:
    if model.main_input_name == "pixel_values":
        return {"pixel_values": torch.linspace(-1, 1, 3 * 64, dtype=model.dtype).reshape(1, 3, 8, 8)}
    ids = {"input_ids": torch.tensor([[5, 6, 7, 8]])}
    return ids | ({"decoder_input_ids": ids["input_ids"]} if model.config.is_encoder_decoder else {})


def logits_of(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(**inputs_of(model)).logits


@pytest.fixture(autouse=True)
def _without_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "_tqdm_active", False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A GPT-2 without a tokenizer."""
    gpt2().save_pretrained(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("make", [gpt2, llama, bert, t5, vit])
def test_a_saved_model_comes_back_in_its_class_with_its_weights(make: Any, tmp_path: Path) -> None:
    saved = make().eval()
    saved.save_pretrained(tmp_path / "tiny")
    random_state = torch.get_rng_state()
    loaded = load(tmp_path / "tiny")
    assert type(loaded.model) is type(saved) and loaded.name == "tiny" and loaded.tokenizer is None
    assert not any(module.training for module in loaded.model.modules())
    assert logits_of(loaded.model).equal(logits_of(saved))
    assert torch.get_rng_state().equal(random_state)


def test_it_unpacks_as_model_and_tokenizer() -> None:
    bundle = zoo.load("tiny_gpt2")
    model, tokenizer = load(str(bundle.folder))
    assert tokenize("the cat sat", tokenizer).ids.equal(bundle.encode("the cat sat").input_ids)
    assert logits_of(model).equal(logits_of(bundle.model))


def test_pictures_get_their_processor(tmp_path: Path) -> None:
    vit().save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}})
    )
    model, processor = load(tmp_path)
    pixels = processor(torch.zeros(3, 20, 20, dtype=torch.uint8).numpy(), return_tensors="pt")["pixel_values"]
    assert pixels.shape == (1, 3, 8, 8) and model(pixels).logits.shape == (1, 2)


@pytest.mark.parametrize("dtype", [torch.float16, "float16", "torch.float16"])
def test_dtype_by_value_and_by_name(folder: Path, dtype: Any) -> None:
    model = load(folder, dtype=dtype).model
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float16}


def test_the_dtype_of_the_file_is_kept(tmp_path: Path) -> None:
    llama().half().save_pretrained(tmp_path)
    assert load(tmp_path).model.dtype == torch.float16
    assert load(tmp_path, dtype="float32").model.dtype == torch.float32


def test_a_checkpoint_in_parts(tmp_path: Path) -> None:
    saved = llama()
    saved.save_pretrained(tmp_path, max_shard_size="10KB")
    parts = sorted(path.name for path in tmp_path.glob("model-*.safetensors"))
    assert len(parts) > 1
    assert logits_of(load(tmp_path).model).equal(logits_of(saved.eval()))
    (tmp_path / parts[1]).unlink()
    with pytest.raises(LoadError, match=f"lack {parts[1]}; there is config.json"):
        load(tmp_path)


def test_without_an_architecture_the_task_that_fits_is_found(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if k != "architectures"}))
    assert type(load(folder).model) is transformers.GPT2LMHeadModel


def test_device_map_on_the_cpu(folder: Path) -> None:
    assert logits_of(load(folder, device_map={"": "cpu"}).model).equal(logits_of(load(folder).model))


def test_a_block_left_on_disk_still_answers(folder: Path, tmp_path: Path) -> None:
    places = {"transformer.wte": "cpu", "transformer.wpe": "cpu", "transformer.h.0": "cpu", "transformer.h.1": "disk",
              "transformer.ln_f": "cpu", "lm_head": "cpu"}  # fmt: skip
    model = load(folder, device_map=places, offload_folder=str(tmp_path / "offload")).model
    assert next(model.transformer.h[1].parameters()).device.type == "meta"
    torch.testing.assert_close(logits_of(model), logits_of(load(folder).model))


def test_device_map_without_accelerate_says_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "accelerate" else find(name))
    with pytest.raises(LoadError, match="device_map='auto' needs the package accelerate.*`pip install accelerate`"):
        load(folder, device_map="auto")
    assert load(folder, device="cpu").model.device.type == "cpu"


def test_progress_counts_tensors_and_leaves_transformers_bar_alone(folder: Path) -> None:
    calls: list[tuple[int, int, str]] = []
    load(folder, progress=lambda *call: calls.append(call))
    tensors = len(load_file(folder / "model.safetensors"))
    loading = [(done, total) for done, total, text in calls if text == "loading the weights"]
    assert loading == [(done, tensors) for done in range(tensors + 1)]
    texts = list(dict.fromkeys(text for *_, text in calls))
    assert texts == ["reading the configuration", "loading the weights", "reading the tokenizer", "ready"]
    assert logging._tqdm_hook is None


def test_what_progress_raises_ends_the_load(folder: Path) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int, text: str) -> None:
        if done == 3:
            raise Stop

    with pytest.raises(Stop):
        load(folder, progress=stop)
    assert logging._tqdm_hook is None
    load(folder)


# From the caller's hands.


def test_a_model_in_hand_is_taken_as_it_is() -> None:
    bundle = zoo.load("tiny_gpt2")
    model = bundle.model.train()
    for source in (bundle, (model, bundle.tokenizer), [model, bundle.tokenizer]):
        loaded = load(source)
        assert loaded.model is model and loaded.tokenizer is bundle.tokenizer and loaded.name == "tiny_gpt2"
    assert model.training
    assert load(model).tokenizer is None
    assert load(model, tokenizer=bundle.tokenizer).tokenizer is bundle.tokenizer
    assert tokenize("the cat", load(model, tokenizer=bundle.folder).tokenizer).strings == [["th", "e", " cat"]]
    assert load(bundle, tokenizer=False).tokenizer is None
    assert load(nn.Linear(2, 2)).name == "Linear"
    assert load(zoo.load("digits")).name == "digits"


def test_a_model_in_hand_is_not_moved_or_converted() -> None:
    with pytest.raises(LoadError, match=r"got device, dtype for a model that is loaded already.*model.to"):
        load(nn.Linear(2, 2), device="cpu", dtype="float16")


@pytest.mark.parametrize("source", [None, 3, (1, 2), (nn.Linear(1, 1),), SimpleNamespace(model="gpt2")], ids=repr)
def test_what_is_no_source_is_refused(source: Any) -> None:
    with pytest.raises(LoadError, match="expected a name on the hub, a folder, a model, a pair"):
        load(source)


# What is missing.


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ("config.json", "lack config.json; there is generation_config.json, model.safetensors"),
        ("model.safetensors", r"lack weights \(model.safetensors, or an index.*; there is config.json"),
    ],
)
def test_a_folder_without_a_file_says_which(folder: Path, gone: str, words: str) -> None:
    (folder / gone).unlink()
    with pytest.raises(LoadError, match=words):
        load(folder)


def test_an_adapter_says_that_it_is_one(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(LoadError, match="lack config.json, weights .* .an adapter: load the model that it belongs to"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("config.json", "{not json", "config.json of model cannot be used .*not a valid JSON"),
        ("config.json", "{}", "config.json of model cannot be used .*model_type"),
        ("model.safetensors", "garbage", "model could not be loaded as GPT2LMHeadModel .SafetensorError"),
        ("tokenizer.json", "garbage", "the tokenizer or processor of model could not be loaded.*tokenizer=False"),
        ("tokenizer_config.json", '{"tokenizer_class": "GPT2Tokenizer"}', "has no vocabulary: .* lacks tokenizer.json"),
    ],
)
def test_damaged_files_are_named(folder: Path, file: str, content: str, words: str) -> None:
    (folder / file).write_text(content)
    with pytest.raises(LoadError, match=words):
        load(folder)


def test_a_damaged_tokenizer_can_be_left_out(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("garbage")
    assert load(folder, tokenizer=False).tokenizer is None


def test_an_architecture_that_transformers_does_not_have(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "architectures": ["SomebodysModel"]}))
    with pytest.raises(LoadError, match="model is a SomebodysModel, which transformers .* pass trust_remote_code=True"):
        load(folder)


def test_weights_that_the_file_lacks_are_warned_of(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    name = next(name for name in weights if name.endswith("h.1.attn.c_attn.weight"))
    save_file({k: v for k, v in weights.items() if k != name}, folder / "model.safetensors", {"format": "pt"})
    with pytest.warns(UserWarning, match="lack 1 tensors of GPT2LMHeadModel, which are random now: .*c_attn.weight"):
        load(folder)


@pytest.mark.parametrize("path", ["./nowhere", "/nowhere/at/all", "a/b/c", "~/nowhere", Path("nowhere"), ""])
def test_a_path_to_nothing(path: Any) -> None:
    with pytest.raises(LoadError, match="does not exist; expected a folder with config.json, weights and tokenizer"):
        load(path)


def test_a_path_to_a_file(folder: Path) -> None:
    with pytest.raises(LoadError, match="config.json' is a file; expected a folder"):
        load(folder / "config.json")


def test_a_revision_of_a_folder_is_refused(folder: Path) -> None:
    with pytest.raises(LoadError, match="got revision='main' for the folder"):
        load(folder, revision="main")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtype": "int8"}, "dtype='int8' is no floating point type"),
        ({"dtype": "float17"}, "dtype='float17' is no floating point type"),
        ({"device": "nonsense"}, "model could not be loaded as GPT2LMHeadModel .RuntimeError"),
        ({"device": "cpu", "device_map": "auto"}, "device='cpu' and device_map='auto'; pass one of them"),
        ({"nonsense": 1}, "model could not be loaded as GPT2LMHeadModel .TypeError.*check the options"),
        ({"tokenizer": "tests"}, "tokenizer='tests' has no tokenizer; expected one of tokenizer.json"),
    ],
)
def test_options_that_do_not_fit(folder: Path, options: dict[str, Any], words: str) -> None:
    with pytest.raises(LoadError, match=words):
        load(folder, **options)


# The hub, without a hub.


def test_a_name_that_is_not_here_says_how_to_bring_it(tmp_path: Path) -> None:
    with pytest.raises(LoadError) as caught:
        load("someone/model", revision="v2", local_files_only=True, cache_dir=tmp_path)
    message = str(caught.value)
    for part in (
        "the model someone/model at revision 'v2' is not on this machine",
        "local_files_only or HF_HUB_OFFLINE is set",
        "hf download someone/model --local-dir model",
        "save_pretrained",
    ):
        assert part in message


def test_a_name_of_ours_points_to_the_zoo(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"pass zoo.load\('tiny_gpt2'\)"):
        load("tiny_gpt2", local_files_only=True, cache_dir=tmp_path)


@pytest.fixture
def cache(folder: Path, tmp_path: Path) -> Path:
    """A cache of the hub that has somebody's model."""
    repo = tmp_path / "cache" / "models--someone--tiny"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("0" * 40)
    shutil.copytree(folder, repo / "snapshots" / ("0" * 40))
    return tmp_path / "cache"


def test_a_model_in_the_cache_is_found_without_a_network(cache: Path, folder: Path) -> None:
    loaded = load("someone/tiny", local_files_only=True, cache_dir=cache)
    assert loaded.name == "someone/tiny"
    assert logits_of(loaded.model).equal(logits_of(load(folder).model))


def test_a_cache_that_lacks_a_file_says_which(cache: Path) -> None:
    next(cache.rglob("model.safetensors")).unlink()
    with pytest.raises(LoadError, match="the files of someone/tiny in .* lack weights"):
        load("someone/tiny", local_files_only=True, cache_dir=cache)


def test_a_download_tells_its_bytes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def snapshot_download(repo: str, **options: Any) -> str:
        asked.append(options)
        wire = options["tqdm_class"](total=100, unit="B", name="huggingface_hub.snapshot_download.transfer")
        bar = options["tqdm_class"](total=3000, unit="B", name="huggingface_hub.snapshot_download", mininterval=0)
        files = options["tqdm_class"](total=2)
        for _ in range(3):
            bar.update(1000)
            wire.update(10)
            files.update(1)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    calls: list[tuple[int, int, str]] = []
    load("someone/tiny", progress=lambda *call: calls.append(call), revision="v1", token="secret")
    downloading = list(dict.fromkeys(call for call in calls if call[2] == "downloading"))
    assert downloading == [(done, 3000, "downloading") for done in (0, 1000, 2000, 3000)]
    assert asked[0]["revision"] == "v1" and asked[0]["token"] == "secret"
