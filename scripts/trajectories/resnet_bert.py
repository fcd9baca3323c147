#!/usr/bin/env python3
"""A trajectory of training in PyTorch: torchvision's ResNet-18 and transformers' BERT, batch norm in training mode.

    venv/bin/python scripts/trajectories/resnet_bert.py OUT             (made with torch 2.6.0, torchvision 0.21.0)
    venv/bin/python scripts/trajectories/resnet_bert.py OUT --narrow    what tests/fixtures/trajectories holds

writes OUT.safetensors and OUT.json for scripts/trajectories/main.ts, which trains the same in unis. In OUT.safetensors are
the weights before, by the names they have in unis; `batch.<i>.` pixels u8 [batch, height, width, 3], ids, mask and labels i32
of each micro-batch; `state.<name>`, the running statistics at the end. OUT.json holds `settings`, over the preset for emoji;
`data`, what a data set says of its modalities; `steps`, the micro-batches of each; and `losses`, the mean over a step's
micro-batches before its update, computed in float64 and, to see how far rounding alone leads, in float32.
"""

import argparse
import copy
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision.models import ResNet
from torchvision.models.resnet import BasicBlock
from transformers import BertConfig, BertModel

CLASSES, ACCUMULATED = 5, 2
ADAM = dict(betas=(0.9, 0.999), eps=1e-6)
DECAY = 1e-4


class ResNet18(ResNet):
    """The structure of ResNet-18 at any width: torchvision's own modules, of which it fixes the widths."""

    def __init__(self, widths: list[int]) -> None:
        nn.Module.__init__(self)
        self._norm_layer, self.dilation, self.groups, self.base_width = nn.BatchNorm2d, 1, 1, 64
        self.inplanes = widths[0]
        self.conv1 = nn.Conv2d(3, widths[0], kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(widths[0]), nn.ReLU()
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        for i, width in enumerate(widths):
            setattr(self, f"layer{i + 1}", self._make_layer(BasicBlock, width, 2, stride=1 if i == 0 else 2))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Identity()


class Head(nn.ModuleList):
    def __init__(self, width: int, hidden: int) -> None:
        super().__init__([nn.Linear(width, hidden), nn.Linear(hidden, hidden), nn.Linear(hidden, CLASSES)])

    def forward(self, x: Tensor) -> Tensor:
        return self[2](F.relu(self[1](F.relu(self[0](x)))))


class Model(nn.Module):
    """Both encoders, a head on each and one on both: the sum of three cross entropies (mt-mml)."""

    def __init__(self, widths: list[int], text: BertConfig, hidden: int) -> None:
        super().__init__()
        self.image, self.text = ResNet18(widths), BertModel(text, add_pooling_layer=False)
        sizes = {"image": widths[-1], "text": text.hidden_size, "fusion": widths[-1] + text.hidden_size}
        self.heads = nn.ModuleDict({name: Head(width, hidden) for name, width in sizes.items()})

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        dtype = next(self.parameters()).dtype
        pixels = (batch["pixels"].to(dtype) / 255 - 0.5) / 0.5
        image = self.image(pixels.permute(0, 3, 1, 2))
        text = self.text(batch["ids"].long(), attention_mask=batch["mask"].long()).last_hidden_state[:, 0]
        seen = {"image": image, "text": text, "fusion": torch.cat([image, text], 1)}
        return sum(F.cross_entropy(self.heads[name](x), batch["labels"].long()) for name, x in seen.items())


def make_batch(size: int, side: int, text: BertConfig, tokens: int) -> dict[str, Tensor]:
    """Samples that can be learned: the label shifts a colour, and chooses a word.

    Images are coarse patterns: of fine noise the last maps are nearly the same for all, and batch norm blows rounding up.
    """
    labels = torch.randint(0, CLASSES, (size,))
    tint = torch.linspace(0, 90, CLASSES)[labels][:, None, None, None] * torch.tensor([1.0, 0.0, -1.0])
    squares = torch.randint(0, 256, (size, 4, 4, 3)).repeat_interleave(side // 4, 1).repeat_interleave(side // 4, 2)
    pixels = (squares + tint + torch.randint(-20, 21, squares.shape)).clamp(0, 255).to(torch.uint8)
    lengths = torch.randint(4, tokens + 1, (size,))
    mask = torch.arange(tokens)[None] < lengths[:, None]
    ids = torch.randint(5 + CLASSES, text.vocab_size, (size, tokens))
    ids[:, 0], ids[:, 2] = 2, 5 + labels
    ids = torch.where(mask, ids, torch.tensor(0))
    return {"pixels": pixels, "ids": ids.int(), "mask": mask.int(), "labels": labels.int()}


def train(
    model: Model, batches: list[dict], steps: list[list[int]], rate: float, dtype: torch.dtype,
) -> tuple[list[float], dict]:
    """The loss of every step, and the running statistics at the end."""
    net = copy.deepcopy(model).to(dtype).train()
    groups = [[p for p in net.parameters() if p.ndim > 1], [p for p in net.parameters() if p.ndim <= 1]]
    optimizer = torch.optim.Adam(
        [{"params": group, "weight_decay": decay} for group, decay in zip(groups, (DECAY, 0.0))], lr=rate, **ADAM
    )
    losses = []
    for step in steps:
        optimizer.zero_grad()
        total = 0.0
        for number in step:
            loss = net(batches[number]) / len(step)
            loss.backward()
            total += loss.item()
        optimizer.step()
        losses.append(total)
    return losses, {f"state.{name}": b for name, b in net.named_buffers() if "running" in name or "tracked" in name}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--narrow", action="store_true")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--rate", type=float, help="learning rate: 1e-3 if narrow, else 5e-5, as larger ones are chaotic")
    options = parser.parse_args()
    rate = options.rate or (1e-3 if options.narrow else 5e-5)
    torch.set_num_threads(1)
    torch.backends.mkldnn.enabled = False  # of torch 2.6, it corrupts memory in convolutions of float64
    torch.manual_seed(4)
    # Few images whose last map is a single place would leave batch norm too few rows: float32 alone then leads elsewhere.
    widths, size, side = ([4, 8, 12, 16], 6, 48) if options.narrow else ([8, 16, 24, 32], 8, 64)
    count, kinds = options.steps or (8 if options.narrow else 50), 2 if options.narrow else 16
    tokens, layers, width, hidden = (8, 1, 16, 16) if options.narrow else (16, 2, 64, 64)
    text = BertConfig(
        vocab_size=30, hidden_size=width, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=2 * width,
        max_position_embeddings=tokens, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
    )
    model = Model(widths, text, hidden)
    batches = [make_batch(size, side, text, tokens) for _ in range(kinds)]
    numbers = [i % kinds for i in range(count * ACCUMULATED)]
    steps = [numbers[i:i + ACCUMULATED] for i in range(0, len(numbers), ACCUMULATED)]
    losses, state = train(model, batches, steps, rate, torch.float64)
    single, _ = train(model, batches, steps, rate, torch.float32)
    tensors = {name: x for name, x in model.state_dict().items() if not name.endswith("position_ids")} | state
    for i, batch in enumerate(batches):
        tensors |= {f"batch.{i}.{key}": value for key, value in batch.items()}
    stored = {name: x.float() if x.is_floating_point() else x for name, x in tensors.items()}
    save_file({name: x.contiguous().clone() for name, x in stored.items()}, options.out.with_suffix(".safetensors"))
    encoders = {
        "image": {
            "model_type": "resnet", "embedding_size": widths[0], "hidden_sizes": widths, "depths": [2] * 4,
            "layer_type": "basic",
        },
        "text": {"model_type": "bert"} | {
            key: getattr(text, key) for key in (
                "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
                "hidden_dropout_prob", "attention_probs_dropout_prob", "layer_norm_eps", "initializer_range",
                "type_vocab_size",
            )
        },
    }
    settings = {
        "method": "mt-mml", "model.encoders": encoders, "model.head": {"hidden_size": hidden, "dropout": 0},
        "data.image_size": side, "optimizer.name": "adam", "optimizer.encoder_learning_rate": rate,
        "optimizer.learning_rates": {}, "optimizer.head_learning_rate": rate,
        "optimizer.weight_decay": DECAY, "optimizer.beta1": ADAM["betas"][0], "optimizer.beta2": ADAM["betas"][1],
        "optimizer.epsilon": ADAM["eps"], "optimizer.warmup_steps": 0, "training.micro_batch": size,
        "training.batch": size * ACCUMULATED,
    }
    data = {"classes": CLASSES, "image_size": side, "vocabulary": text.vocab_size, "max_tokens": tokens, "pad": 0}
    about = {"settings": settings, "data": data, "steps": steps, "losses": losses, "losses_float32": single}
    options.out.with_suffix(".json").write_text(json.dumps(about) + "\n")
    print(f"loss {losses[0]:.4f} to {losses[-1]:.4f}; float32 is off by at most "
          f"{max(abs(a - b) for a, b in zip(losses, single)):.1e}")


if __name__ == "__main__":
    main()
