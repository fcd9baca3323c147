"""Says what the logits of a head mean."""
import numpy


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
