"""Compare what `transformers` computes with exported encoders to what was computed by the run itself.

    python check_export.py EXPORTED EXPECTED TEXTS

EXPORTED is what `unis export` wrote. EXPECTED holds, as safetensors, `<modality>.pixels` u8 [samples, height, width, 3]
or `<modality>.ids` and `.mask` i32 [samples, tokens], `<modality>.hidden`, the last hidden states, and `logits.<head>`.
TEXTS is a JSON list of the samples' texts. Ends with status 1 where anything is off by more than 1e-4.
"""

import json
import sys
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import linear
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer

TOLERANCE = 1e-4


def load_encoder(folder: Path) -> torch.nn.Module:
    """The encoder; every weight but those of the pooler, which we have none of, must come from the file."""
    encoder, info = AutoModel.from_pretrained(folder, output_loading_info=True)
    missing = [key for key in info["missing_keys"] if "pooler" not in key]
    wrong = missing + list(info["unexpected_keys"]) + list(info["mismatched_keys"])
    if wrong:
        raise SystemExit(f"{folder}: not as transformers expects: {wrong}")
    return encoder.eval()


def encode_images(folder: Path, pixels: Tensor) -> dict[str, Tensor]:
    processor = AutoImageProcessor.from_pretrained(folder)
    return dict(processor([Image.fromarray(image.numpy()) for image in pixels], return_tensors="pt"))


def count_other_ids(folder: Path, ids: Tensor, mask: Tensor, texts: list[str]) -> int:
    """Texts whose pieces differ, those left aside that the tokenizer does not know: a run may leave them out."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    other = 0
    for row, kept, text in zip(ids, mask, texts):
        ours = [i for i in row[kept.bool()].tolist() if i != tokenizer.unk_token_id]
        theirs = [i for i in tokenizer(text).input_ids if i != tokenizer.unk_token_id]
        longest = tokenizer.model_max_length - 1
        if ours != (theirs if len(theirs) <= longest else theirs[:longest] + theirs[-1:]):
            other += 1
            print(f"other ids for {text!r}: {ours} and {theirs}")
    return other


def classify(weights: dict[str, Tensor], head: str, x: Tensor) -> Tensor:
    for layer in range(3):
        x = linear(x, weights[f"{head}.{layer}.weight"], weights[f"{head}.{layer}.bias"])
        x = x.relu() if layer < 2 else x
    return x


@torch.no_grad()
def main(exported: Path, expected: dict[str, Tensor], texts: list[str]) -> None:
    heads = json.loads((exported / "heads.json").read_text())
    weights = load_file(exported / "heads.safetensors")
    errors: dict[str, float] = {}
    firsts = []
    for name in heads["modalities"]:
        folder = exported / name
        keep = slice(None)
        if f"{name}.pixels" in expected:
            inputs = encode_images(folder, expected[f"{name}.pixels"])
        else:
            ids, mask = expected[f"{name}.ids"].long(), expected[f"{name}.mask"].long()
            inputs, keep = {"input_ids": ids, "attention_mask": mask}, mask.bool()
            errors[f"{name}: texts of other ids"] = count_other_ids(folder, ids, mask, texts)
        hidden = load_encoder(folder)(**inputs).last_hidden_state
        errors[f"{name}: last hidden states"] = (hidden - expected[f"{name}.hidden"])[keep].abs().max().item()
        firsts.append(hidden[:, 0])
        logits = classify(weights, name, hidden[:, 0])
        errors[f"{name}: logits"] = (logits - expected[f"logits.{name}"]).abs().max().item()
    logits = classify(weights, "fusion", torch.cat(firsts, 1))
    errors["fusion: logits"] = (logits - expected["logits.fusion"]).abs().max().item()

    print(f"{len(logits)} samples; largest absolute differences")
    for what, error in errors.items():
        print(f"  {what:28} {error:.2e}")
    failed = not all(error <= TOLERANCE for error in errors.values())
    print("FAILED" if failed else "passed")
    sys.exit(failed)


if __name__ == "__main__":
    main(Path(sys.argv[1]), load_file(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text(encoding="utf-8")))
