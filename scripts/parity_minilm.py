"""What `transformers` makes of sentences: token ids and last hidden states, for parity_minilm.ts to compare with.

    python parity_minilm.py MODEL SENTENCES OUT

MODEL is the folder of a BERT with its tokenizer, SENTENCES a JSON list of texts. OUT gets, as safetensors, `ids` and
`mask` i32 [sentences, tokens] and `hidden` f32 [sentences, tokens, width].
"""

import json
import sys

import torch
import transformers
from safetensors.torch import save_file
from transformers import AutoModel, AutoTokenizer


def main(model: str, sentences: str, out: str) -> None:
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    tokenizer = AutoTokenizer.from_pretrained(model)
    encoder = AutoModel.from_pretrained(model).eval()
    with open(sentences, encoding="utf-8") as file:
        texts = json.load(file)
    batch = tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
    ids, mask = batch["input_ids"], batch["attention_mask"]
    with torch.no_grad():
        hidden = encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    save_file({"ids": ids.int(), "mask": mask.int(), "hidden": hidden.contiguous()}, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
