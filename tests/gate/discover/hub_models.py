"""Models of Hugging Face transformers: random weights, tiny configurations, nothing downloaded.

Each comes with the dimension of its algebra derived by hand; docs/discover.md has the reasoning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from torch import nn

WORDS = 11


@dataclass(frozen=True, slots=True)
class Model:
    """A model and what discovery must find: members by row and kind.

    Args:
        make: the model.
        inputs: keyword arguments of its forward pass from a generator.
        found: members by row and kind, all of them.
        near: rows of the near-laws.
        padded: whether a row of the embedding has no gradient although the function depends on it.
    """

    name: str
    make: Callable[[], Any]
    inputs: Callable[[Any], Mapping[str, Any]]
    found: Mapping[str, int]
    near: tuple[str, ...] = ()
    padded: bool = False


def _text(generator: Any) -> dict[str, Any]:
    torch: Any = import_module("torch")

    return {"input_ids": torch.randint(0, WORDS, (4, 6), generator=generator), "use_cache": False}


def _plain_text(generator: Any) -> dict[str, Any]:
    return {"input_ids": _text(generator)["input_ids"]}


def _images(size: int) -> Callable[[Any], dict[str, Any]]:
    def inputs(generator: Any) -> dict[str, Any]:
        torch: Any = import_module("torch")

        return {"pixel_values": torch.randn(6, 2, size, size, generator=generator, dtype=torch.float64)}

    return inputs


def gpt2() -> Any:
    hub: Any = import_module("transformers")

    config = hub.GPT2Config(
        vocab_size=WORDS,
        n_positions=6,
        n_embd=4,
        n_layer=2,
        n_head=2,
        n_inner=5,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
        layer_norm_epsilon=1e-2,
    )
    return hub.GPT2LMHeadModel(config)


def _decoder(kind: str) -> Callable[[], Any]:
    def make() -> Any:
        hub: Any = import_module("transformers")

        options: dict[str, Any] = {
            "vocab_size": WORDS,
            "hidden_size": 8,
            "intermediate_size": 5,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 4,
            "rms_norm_eps": 1e-2,
            "bos_token_id": 0,
            "eos_token_id": 0,
            "attention_dropout": 0.0,
        }
        if kind == "Mixtral":
            options |= {"num_local_experts": 3, "num_experts_per_tok": 2, "num_hidden_layers": 1}
            options |= {"experts_implementation": "batched_mm"}  # the default has no float64
        config = getattr(hub, f"{kind}Config")(**options)
        return getattr(hub, f"{kind}ForCausalLM")(config)

    return make


def bert() -> Any:
    hub: Any = import_module("transformers")

    config = hub.BertConfig(
        vocab_size=WORDS,
        hidden_size=4,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=5,
        max_position_embeddings=6,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        layer_norm_eps=1e-2,
        num_labels=3,
        type_vocab_size=1,
    )
    return hub.BertForSequenceClassification(config)


def vit() -> Any:
    hub: Any = import_module("transformers")

    config = hub.ViTConfig(
        hidden_size=4,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=5,
        image_size=4,
        patch_size=2,
        num_channels=2,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        layer_norm_eps=1e-2,
        num_labels=3,
    )
    return hub.ViTForImageClassification(config)


def resnet() -> Any:
    hub: Any = import_module("transformers")

    config = hub.ResNetConfig(
        num_channels=2, embedding_size=3, hidden_sizes=[3, 4], depths=[1, 2], layer_type="basic", num_labels=3
    )
    return hub.ResNetForImageClassification(config)


def convnext() -> Any:
    hub: Any = import_module("transformers")

    config = hub.ConvNextConfig(
        num_channels=2,
        hidden_sizes=[3, 4],
        depths=[1, 1],
        num_stages=2,
        patch_size=2,
        num_labels=3,
        layer_norm_eps=1e-2,
    )
    return hub.ConvNextForImageClassification(config)


MODELS = (
    Model(
        "gpt2",
        gpt2,
        _text,
        {
            "M9 scaling": 16,
            "M18 scaling": 8,
            "M18 mixing": 4,
            "M18 rotation": 4,
            "M19 scaling": 8,
            "M19 mixing": 4,
            "M19 rotation": 4,
            "M20 translation": 8,
            "M21 shear": 8,
            "M27 translation": 28,
            "M29 translation": 1,
            "translation": 3,
        },
        ("M26",),
    ),
    Model(
        "llama",
        _decoder("Llama"),
        _text,
        {
            "M9 scaling": 40,
            "M22 scaling": 8,
            "M22 rotation": 8,
            "M23 scaling": 16,
            "M23 mixing": 24,
            "M23 rotation": 24,
            "M25 scaling": 10,
            "M17 translation": 8,
        },
        (),
    ),
    Model(
        "mixtral",
        _decoder("Mixtral"),
        _text,
        {
            "M9 scaling": 24,
            "M22 scaling": 4,
            "M22 rotation": 4,
            "M23 scaling": 8,
            "M23 mixing": 12,
            "M23 rotation": 12,
            "M25 scaling": 15,
            "M17 translation": 8,
        },
        (),
    ),
    Model(
        "bert",
        bert,
        _plain_text,
        {
            "M9 scaling": 4,
            "M18 scaling": 8,
            "M18 mixing": 4,
            "M18 rotation": 4,
            "M19 scaling": 8,
            "M19 mixing": 4,
            "M19 rotation": 4,
            "M20 translation": 8,
            "M21 shear": 8,
            "M27 translation": 39,
            "M17 translation": 5,
            "translation": 3,
        },
        ("M11", "M26"),
        padded=True,
    ),
    Model(
        "vit",
        vit,
        _images(4),
        {
            "M9 scaling": 20,
            "M18 scaling": 8,
            "M18 mixing": 4,
            "M18 rotation": 4,
            "M19 scaling": 8,
            "M19 mixing": 4,
            "M19 rotation": 4,
            "M20 translation": 8,
            "M21 shear": 8,
            "M27 translation": 37,
            "M17 translation": 5,
            "translation": 3,
        },
        ("M11",),
    ),
    Model("resnet", resnet, _images(16), {"M9 scaling": 18, "M17 translation": 5, "translation": 4}, ("M7",)),
    Model(
        "convnext",
        convnext,
        _images(8),
        {"M9 scaling": 14, "scaling": 7, "M11 translation": 11, "M17 translation": 5},
        ("M11",),
    ),
)


class Logits(nn.Module):
    """A model that takes its inputs by position and gives logits."""

    def __init__(self, model: Any, names: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.names = names

    def forward(self, *values: Any) -> Any:
        return self.model(**dict(zip(self.names, values, strict=True))).logits


def wrapped(model: Model) -> Any:
    """A module whose forward pass takes the inputs in order and returns logits."""
    torch: Any = import_module("torch")
    hub: Any = import_module("transformers")

    hub.logging.set_verbosity_error()
    inner = model.make()
    names = tuple(model.inputs(torch.Generator().manual_seed(0)))
    return Logits(inner, names)
