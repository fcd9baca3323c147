"""Says what the logits of a head mean."""
import numpy


def answer_of(logits, model: dict, head: str):
    """The probability of every class, of the temperature of the head, or of every label; of regression the number, which is
    learned in standard deviations from the mean of training."""
    x = numpy.asarray(logits, dtype=numpy.float64)
    if model["task"] == "regression":
        return model["scale"]["mean"] + model["scale"]["std"] * float(x[0])
    if model["task"] == "multi_label":
        shares = 1 / (1 + numpy.exp(-x))
    else:
        powers = numpy.exp((x - x.max()) / model["temperatures"].get(head, 1))
        shares = powers / powers.sum()
    return dict(zip(model["classes"], shares.tolist()))
