"""Reads samples, and says what the logits of a head mean."""
import json
import sys

import numpy


def samples(modalities):
    """Those of the arguments, else of the lines of the input: a value by the name of each modality."""
    for given in [sys.argv[1:]] if sys.argv[1:] else sys.stdin:
        sample = json.loads(given) if isinstance(given, str) else dict(one.split("=", 1) for one in given if "=" in one)
        lacking = [name for name in modalities if name not in sample]
        if lacking:
            sys.exit(f"A sample lacks {lacking[0]}: give {' '.join(f'{name}=VALUE' for name in modalities)}, or JSON lines with these names")
        yield sample


def answer_of(logits, model: dict, head: str):
    """The probability of every class, or of every label by itself, by the temperature of the head; of regression the number,
    which is learned in standard deviations from the mean of training."""
    x = numpy.asarray(logits, dtype=numpy.float64)
    if model["task"] == "regression":
        return model["scale"]["mean"] + model["scale"]["std"] * float(x[0])
    x = x / model["temperatures"].get(head, 1)
    powers = numpy.exp(x - x.max())
    shares = 1 / (1 + numpy.exp(-x)) if model["task"] == "multi_label" else powers / powers.sum()
    return dict(zip(model["classes"], shares.tolist()))
