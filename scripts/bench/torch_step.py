"""The training step of unis_step.ts by PyTorch, eager, of plain torch.nn modules; in float32 with TF32 off, or by automatic
mixed precision ("precision": "amp"), which is float16 with a gradient scaler on a GPU and bfloat16 on a processor.

    python3 torch_step.py '{"microBatch": 32, "imageSize": 224, "tokens": 128, "width": 768, "heads": 12, "layers": 12,
                            "vocabulary": 30522, "precision": "f32", "rounds": 7}'

Prints one line of JSON: device, type, milliseconds (median after a warm-up), memory in bytes at most, last loss, version.
Attention is torch's scaled_dot_product_attention where there is one, which never stores the probabilities.
"""
import json
import resource
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

CLASSES, TEMPERATURE, WEIGHT = 101, 0.07, 0.1
PATCH = 16


class Layer(nn.Module):
    """Pre-norm as ViT, or post-norm as BERT."""

    def __init__(self, width, heads, pre_norm):
        super().__init__()
        self.heads, self.pre_norm = heads, pre_norm
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.inner, self.outer = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.first, self.second = nn.LayerNorm(width, eps=1e-12), nn.LayerNorm(width, eps=1e-12)

    def attend(self, x):
        batch, tokens, width = x.shape
        q, k, v = (
            f(x).view(batch, tokens, self.heads, -1).transpose(1, 2) for f in (self.query, self.key, self.value)
        )
        if hasattr(F, "scaled_dot_product_attention"):
            o = F.scaled_dot_product_attention(q, k, v)
        else:
            o = (q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5).softmax(-1) @ v
        return self.out(o.transpose(1, 2).reshape(batch, tokens, width))

    def feed(self, x):
        return self.outer(F.gelu(self.inner(x)))

    def forward(self, x):
        if self.pre_norm:
            x = x + self.attend(self.first(x))
            return x + self.feed(self.second(x))
        x = self.first(x + self.attend(x))
        return self.second(x + self.feed(x))


class Vit(nn.Module):
    def __init__(self, size):
        super().__init__()
        width, patches = size["width"], (size["imageSize"] // PATCH) ** 2
        self.patches = nn.Conv2d(3, width, PATCH, PATCH)
        self.token = nn.Parameter(torch.randn(1, 1, width) * 0.02)
        self.positions = nn.Parameter(torch.randn(1, 1 + patches, width) * 0.02)
        self.layers = nn.ModuleList(Layer(width, size["heads"], True) for _ in range(size["layers"]))
        self.norm = nn.LayerNorm(width, eps=1e-12)

    def forward(self, pixels):
        x = (pixels.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
        for layer in self.layers:
            x = layer(x)
        return self.norm(x[:, 0])


class Bert(nn.Module):
    def __init__(self, size):
        super().__init__()
        width = size["width"]
        self.words = nn.Embedding(size["vocabulary"], width)
        self.positions, self.types = nn.Embedding(512, width), nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(Layer(width, size["heads"], False) for _ in range(size["layers"]))

    def forward(self, ids):
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.positions(places) + self.types(torch.zeros_like(ids)))
        for layer in self.layers:
            x = layer(x)
        return x[:, 0]


def head(width):
    return nn.Sequential(
        nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, CLASSES)
    )


class UnisMmc(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.image, self.text = Vit(size), Bert(size)
        self.heads = nn.ModuleList([head(size["width"]), head(size["width"]), head(2 * size["width"])])

    def forward(self, pixels, ids, labels):
        a, b = self.image(pixels), self.text(ids)
        logits = [self.heads[0](a), self.heads[1](b), self.heads[2](torch.cat([a, b], 1))]
        losses = sum(F.cross_entropy(z, labels) for z in logits)
        return losses + WEIGHT * contrast(a, b, *(z.argmax(1) == labels for z in logits[:2]))


def contrast(a, b, a_right, b_right):
    """Equation 2 of the paper: where one modality is right, the other is drawn to it, which itself does not move."""
    only_a, only_b = (a_right & ~b_right)[:, None], (b_right & ~a_right)[:, None]
    similarity = F.cosine_similarity(
        torch.where(only_a, a.detach(), a), torch.where(only_b, b.detach(), b), dim=1
    )
    drawn = a_right | b_right
    e = (similarity / TEMPERATURE).exp()
    total = e.sum()
    # log of a sum of nothing is -inf, and its gradient no number
    positive = torch.where(drawn, e, torch.zeros_like(e)).sum()
    return torch.where(drawn.any(), -(positive.clamp_min(1e-30) / total).log(), torch.zeros_like(total))


def main():
    size = json.loads(sys.argv[1])
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    on_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if on_gpu else "cpu")
    model = UnisMmc(size).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-5, weight_decay=1e-4)
    mixed = size["precision"] == "amp"
    half = torch.float16 if on_gpu else torch.bfloat16
    scaler = torch.cuda.amp.GradScaler(enabled=mixed and on_gpu)
    batch = size["microBatch"]
    pixels = torch.randint(0, 256, (batch, size["imageSize"], size["imageSize"], 3), dtype=torch.uint8)
    ids = torch.randint(0, size["vocabulary"], (batch, size["tokens"]))
    labels = torch.randint(0, CLASSES, (batch,))

    def step():
        # The batch travels to the device in every step, as ours does.
        with torch.autocast(device.type, dtype=half, enabled=mixed):
            loss = model(pixels.to(device), ids.to(device), labels.to(device))
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad(set_to_none=True)
        if on_gpu:
            torch.cuda.synchronize()
        return loss

    for _ in range(3):
        step()
    times = []
    for _ in range(size["rounds"]):
        start = time.perf_counter()
        loss = step()
        times.append(1000 * (time.perf_counter() - start))
    peak = torch.cuda.max_memory_reserved() if on_gpu else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps({
            "device": torch.cuda.get_device_name() if on_gpu else "the processor",
            "dtype": str(half if mixed else torch.float32).removeprefix("torch."),
            "milliseconds": statistics.median(times),
            "memory": peak,
            "loss": loss.item(),
            "version": f"torch {torch.__version__}",
        })
    )


main()
