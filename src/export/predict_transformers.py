"""The probability of every class or label, or the number, by every head, for samples given as image files, texts and numbers.
Needs torch, transformers, safetensors and Pillow, and nothing of what trained the model.
    python predict.py image=cat.png "text=a cat on a mat"     one sample, a value for each modality
    python predict.py < samples.jsonl                         one JSON object a line: {"image": "cat.png", "text": ...}
"""
import json
from pathlib import Path

import numpy
import torch
import transformers
from PIL import Image, ImageColor, ImageOps
from safetensors.torch import load_file
from answers import answer_of, samples
transformers.logging.set_verbosity_error()  # It would advise training poolers that nothing here uses.
FOLDER = Path(__file__).parent
MODEL = json.loads((FOLDER / "heads.json").read_text())


def open_image(path: str, background: str, size: dict, resample: int) -> Image.Image:
    """An image as in training: upright, laid over the background where it is transparent, and resized."""
    under = numpy.array(ImageColor.getrgb(background))
    pixels = numpy.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGBA"), dtype=numpy.float64)
    opaque = under + (pixels[..., :3] - under) * pixels[..., 3:] / 255
    image, edge = Image.fromarray(numpy.floor(opaque + 0.5).astype(numpy.uint8)), size.get("shortest_edge")
    width, height = [edge * side // min(image.size) for side in image.size] if edge else (size["width"], size["height"])
    return image.resize((width, image.height), resample).resize((width, height), resample)  # columns first, as in training


def load_encoder(folder: Path, kind: str, pooling: str, background: str):
    """A function from a sample's input to its representation, [1, width]."""
    if kind == "features":
        from cells import scaled  # cells.py lies beside this where there are features
        weights, fitted = load_file(folder / "model.safetensors"), json.loads((folder / "features.json").read_text())
        return lambda x: linear_layers(weights, "layer.", torch.tensor([scaled(x, fitted)]).float())
    architecture = transformers.PretrainedConfig.from_pretrained(folder).architectures[0]
    model = getattr(transformers, architecture).from_pretrained(folder).eval()
    prepare = getattr(transformers, "AutoImageProcessor" if kind == "image" else "AutoTokenizer").from_pretrained(folder)
    images = lambda x: prepare(open_image(x, background, dict(prepare.size), prepare.resample), do_resize=False, return_tensors="pt")
    texts = lambda x: prepare(x, truncation=True, return_tensors="pt", return_token_type_ids=False)  # all 0; some models have none
    pool = dict(first=lambda y: y[0][:, 0], mean=lambda y: y[0].mean(1), pooler=lambda y: y[1].flatten(1), projection=lambda y: y[0])[pooling]
    return lambda x: pool(model(**(images if kind == "image" else texts)(x)).to_tuple())


def linear_layers(weights: dict[str, torch.Tensor], prefix: str, x: torch.Tensor) -> torch.Tensor:
    """The layers `<prefix>0`, `<prefix>1`, ..., with ReLU between them."""
    for i in range(sum(name.startswith(prefix) and name.endswith(".weight") for name in weights)):
        x = torch.nn.functional.linear(x.relu() if i else x, *(weights[f"{prefix}{i}.{part}"] for part in ("weight", "bias")))
    return x


encoders = {name: load_encoder(FOLDER / name, kind, MODEL["pooling"][name], MODEL["background"].get(name)) for name, kind in MODEL["inputs"].items()}
heads = load_file(FOLDER / "heads.safetensors")
with torch.no_grad():
    for sample in samples(MODEL["inputs"]):
        seen = {name: linear_layers(heads, f"projection.{name}.", encode(sample[name])) for name, encode in encoders.items()}
        fused = {"fusion": torch.cat(list(seen.values()), 1)} if MODEL["fusion"] else {}
        logits = {name: linear_layers(heads, f"{name}.", x)[0] for name, x in {**seen, **fused}.items()}
        print(json.dumps({name: answer_of(own, MODEL, name) for name, own in logits.items()}))
