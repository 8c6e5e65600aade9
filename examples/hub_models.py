"""Models of Hugging Face transformers as targets: random weights, tiny configurations, nothing downloaded.

    flowlaw discover examples.hub_models:gpt2        # or llama, mixtral, bert, vit, resnet, convnext
    flowlaw gate examples.hub_models:llama

docs/discover.md derives by hand what the first command finds.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from flowlaw.gate import Target, torch_target

WORDS = 11


def gpt2() -> Target:
    """Tied embeddings, layer norms before the sums, GELU."""
    return _target("gpt2", _gpt2, _text)


def llama() -> Target:
    """Grouped queries, rotary positions, SwiGLU, RMS norms."""
    return _target("llama", _decoder("Llama"), _text)


def mixtral() -> Target:
    """The same with a mixture of three experts, of which two are chosen."""
    return _target("mixtral", _decoder("Mixtral"), _text)


def bert() -> Target:
    """Layer norms after the sums, a pooler and a classifier."""
    return _target("bert", _bert, lambda: (_text()[0],), names=("input_ids",))


def vit() -> Target:
    """Patches of images, a class token."""
    return _target("vit", _vit, lambda: _images(4), names=("pixel_values",))


def resnet() -> Target:
    """Convolutions and batch norms with batch statistics."""
    return _target("resnet", _resnet, lambda: _images(16), names=("pixel_values",))


def convnext() -> Target:
    """Depthwise convolutions, layer norms over channels, layer scale."""
    return _target("convnext", _convnext, lambda: _images(8), names=("pixel_values",))


def _target(
    name: str,
    make: Callable[[], Any],
    inputs: Callable[[], tuple[Any, ...]],
    names: tuple[str, ...] = ("input_ids", "use_cache"),
) -> Target:
    """A model that is trained by plain gradient descent on random classes."""
    torch: Any = import_module("torch")
    import_module("transformers").logging.set_verbosity_error()

    class Logits(torch.nn.Module):
        """A model that takes its inputs by position and gives logits."""

        def __init__(self) -> None:
            super().__init__()
            self.model = make()
            for parameter in self.model.parameters():  # their own small weights make much nearly linear
                torch.nn.init.normal_(parameter, std=0.5)

        def forward(self, *values: Any) -> Any:
            return self.model(**dict(zip(names, values, strict=True))).logits

    def loss(model: Any, batch: Any) -> Any:
        logits = model(*batch[0])
        logits = logits.reshape(-1, logits.shape[-1])
        labels = torch.randint(logits.shape[-1], (len(logits),), generator=torch.Generator().manual_seed(batch[1]))
        return torch.nn.functional.cross_entropy(logits, labels)

    return torch_target(
        build=lambda seed: Logits(),
        optimize=lambda model: torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
        loss=loss,
        batch=lambda seed: (inputs(), seed),
        example=inputs,
        name=name,
    )


def _text() -> tuple[Any, ...]:
    torch: Any = import_module("torch")

    return torch.randint(0, WORDS, (4, 6)), False


def _images(size: int) -> tuple[Any, ...]:
    torch: Any = import_module("torch")

    return (torch.randn(6, 2, size, size, dtype=torch.float64),)


def _gpt2() -> Any:
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


def _bert() -> Any:
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


def _vit() -> Any:
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


def _resnet() -> Any:
    hub: Any = import_module("transformers")

    config = hub.ResNetConfig(
        num_channels=2, embedding_size=3, hidden_sizes=[3, 4], depths=[1, 2], layer_type="basic", num_labels=3
    )
    return hub.ResNetForImageClassification(config)


def _convnext() -> Any:
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
