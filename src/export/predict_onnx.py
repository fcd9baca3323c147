"""The probability of every class or label, or the number, by every head, for samples given as image files, texts and numbers.

    python predict.py image=cat.png "text=a cat on a mat"     one sample, a value for each modality
    python predict.py < samples.jsonl                         one JSON object a line: {"image": "cat.png", "text": ...}

Needs onnxruntime, tokenizers, numpy and Pillow, and nothing of what trained the model.
"""
import json
from pathlib import Path

import numpy
import onnxruntime
from PIL import Image, ImageColor, ImageOps
from tokenizers import Tokenizer
from answers import answer_of, samples

FOLDER = Path(__file__).parent
MODEL = json.loads((FOLDER / "preprocessing.json").read_text())
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def read_image(name: str, spec: dict):
    """An image as in training: upright, laid over the background where it is transparent, resized and cut as it says."""
    under = numpy.array(ImageColor.getrgb(spec["background"]))
    def read(path: str) -> dict:
        pixels = numpy.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGBA"), dtype=numpy.float64)
        opaque = under + (pixels[..., :3] - under) * pixels[..., 3:] / 255
        image = Image.fromarray(numpy.floor(opaque + 0.5).astype(numpy.uint8))
        if resize := spec.get("resize"):
            edge, least = resize.get("shortest_edge"), min(image.size)
            width, height = [edge * side // least for side in image.size] if edge else [resize["width"], resize["height"]]
            for size in (width, image.height), (width, height):  # columns first, whatever this version of Pillow prefers
                image = image.resize(size, FILTERS[spec["filter"]])
        left, top = (image.width - spec["width"]) // 2, (image.height - spec["height"]) // 2
        image = image.crop((left, top, left + spec["width"], top + spec["height"]))  # black where there is no image
        return {f"{name}.pixels": numpy.asarray(image)[None]}
    return read


def read_text(name: str, spec: dict):
    tokenizer = Tokenizer.from_file(str(FOLDER / spec["tokenizer"]))
    def read(text: str) -> dict:
        ids = tokenizer.encode(text, add_special_tokens=False).ids[: spec["max_tokens"] - 2]
        ids = numpy.array([[spec["first_id"], *ids, spec["last_id"]]], dtype=numpy.int64)
        return {f"{name}.input_ids": ids, f"{name}.attention_mask": numpy.ones_like(ids)}
    return read


def read_features(name: str, spec: dict):
    from cells import values_of  # cells.py lies beside this where there are features
    return lambda x: {f"{name}.values": numpy.array([values_of(x, spec)], dtype=numpy.float32)}


session = onnxruntime.InferenceSession(FOLDER / "model.onnx")
readers = {name: globals()["read_" + spec["kind"]](name, spec) for name, spec in MODEL["inputs"].items()}
for sample in samples(MODEL["inputs"]):
    inputs = {port: array for name, read in readers.items() for port, array in read(sample[name]).items()}
    logits = zip(MODEL["heads"], session.run([f"logits_{head}" for head in MODEL["heads"]], inputs))
    print(json.dumps({head: answer_of(own[0], MODEL, head) for head, own in logits}))
