"""Writes a small encoder with weights drawn at random, as a pretrained one for main.ts.

    python encoder.py bert FOLDER VOCAB_TXT
    python encoder.py roberta FOLDER VOCAB_JSON MERGES_TXT
    python encoder.py distilbert|electra|mpnet FOLDER VOCAB_TXT
    python encoder.py xlm-roberta|deberta FOLDER SENTENCE_PIECE_MODEL
    python encoder.py clip|clip-text FOLDER VOCAB_JSON MERGES_TXT
    python encoder.py deit|beit|dinov2|siglip FOLDER          (the last two want a later transformers than 4.30)
"""

import sys

import torch
import transformers
from transformers import (
    BertConfig, BertModel, BertTokenizerFast, CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPTextConfig, CLIPTextModel,
    CLIPTokenizerFast, DebertaV2Config, DebertaV2Model, DebertaV2TokenizerFast, DeiTConfig, DeiTModel, DistilBertConfig, DistilBertModel,
    DistilBertTokenizerFast, ElectraConfig, ElectraModel, ElectraTokenizerFast, MPNetConfig, MPNetModel, MPNetTokenizerFast,
    RobertaConfig, RobertaModel, RobertaTokenizerFast, XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizerFast,
)

kind, folder, *files = sys.argv[1:]
torch.manual_seed(1)
shape = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128)
# Wide enough that words and pixels matter.
shape["initializer_range"] = 0.2
if kind == "bert":
    companion = BertTokenizerFast(vocab_file=files[0], model_max_length=64)
    model = BertModel(BertConfig(vocab_size=len(companion), max_position_embeddings=64, **shape))
elif kind == "roberta":
    companion = RobertaTokenizerFast(vocab_file=files[0], merges_file=files[1], model_max_length=64)
    model = RobertaModel(RobertaConfig(vocab_size=len(companion), max_position_embeddings=66, pad_token_id=1, **shape))
elif kind == "distilbert":
    companion = DistilBertTokenizerFast(vocab_file=files[0], model_max_length=64)
    config = DistilBertConfig(
        vocab_size=len(companion), max_position_embeddings=64, dim=64, n_layers=2, n_heads=4, hidden_dim=128, initializer_range=0.2,
    )
    model = DistilBertModel(config)
elif kind == "electra":
    companion = ElectraTokenizerFast(vocab_file=files[0], model_max_length=64)
    model = ElectraModel(ElectraConfig(vocab_size=len(companion), max_position_embeddings=64, embedding_size=32, **shape))
elif kind == "mpnet":
    companion = MPNetTokenizerFast(vocab_file=files[0], model_max_length=64)
    model = MPNetModel(MPNetConfig(vocab_size=len(companion), max_position_embeddings=66, **shape))
elif kind == "xlm-roberta":
    companion = XLMRobertaTokenizerFast(vocab_file=files[0], model_max_length=64)
    model = XLMRobertaModel(XLMRobertaConfig(vocab_size=len(companion), max_position_embeddings=66, **shape))
elif kind == "deberta":
    companion = DebertaV2TokenizerFast(vocab_file=files[0], model_max_length=64)
    config = DebertaV2Config(
        vocab_size=len(companion), max_position_embeddings=64, relative_attention=True, position_buckets=8, norm_rel_ebd="layer_norm",
        share_att_key=True, pos_att_type="p2c|c2p", position_biased_input=False, type_vocab_size=0, **shape,
    )
    model = DebertaV2Model(config)
elif kind == "clip-text":
    companion = CLIPTokenizerFast(vocab_file=files[0], merges_file=files[1], model_max_length=64)
    model = CLIPTextModel(CLIPTextConfig(
        vocab_size=len(companion), max_position_embeddings=64, eos_token_id=companion.eos_token_id, **shape,
    ))
    for parameter in model.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
else:
    # Resized by the shorter edge, then cut from the centre.
    companion = CLIPImageProcessor(size={"shortest_edge": 56}, crop_size={"height": 48, "width": 48})
    image = dict(image_size=48, patch_size=8, **shape)
    if kind == "clip":
        tokenizer = CLIPTokenizerFast(vocab_file=files[0], merges_file=files[1], model_max_length=64)
        text = dict(vocab_size=len(tokenizer), max_position_embeddings=64, eos_token_id=tokenizer.eos_token_id, **shape)
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=image, projection_dim=48))
        tokenizer.save_pretrained(folder)
    elif kind == "beit":
        options = dict(use_relative_position_bias=True, layer_scale_init_value=0.5)
        model = transformers.BeitModel(transformers.BeitConfig(**options, **image))
    elif kind == "dinov2":
        model = transformers.Dinov2Model(transformers.Dinov2Config(mlp_ratio=2, **image))
    elif kind == "siglip":
        model = transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**image))
    else:
        model = DeiTModel(DeiTConfig(**image))
model.save_pretrained(folder, safe_serialization=True)
companion.save_pretrained(folder)
