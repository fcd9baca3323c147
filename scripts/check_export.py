"""Writes a small BERT with weights drawn at random, as a pretrained encoder for check_export.ts.

    python check_export.py FOLDER VOCABULARY

VOCABULARY is a vocab.txt.
"""

import sys

import torch
from transformers import BertConfig, BertModel, BertTokenizerFast

folder, vocabulary = sys.argv[1:]
tokenizer = BertTokenizerFast(vocab_file=vocabulary, model_max_length=64)
torch.manual_seed(1)
shape = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128)
# Wide enough that words matter.
model = BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, initializer_range=0.2, **shape))
model.save_pretrained(folder, safe_serialization=True)
tokenizer.save_pretrained(folder)
