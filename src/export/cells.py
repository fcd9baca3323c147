"""Makes features of the cells of a sample, as training did."""
import numpy


def values_of(x, spec: dict) -> list:
    """Numbers as they are; where `cells` says more, the mean of training where one is missing, and ones for categories."""
    given = x.split(",") if isinstance(x, str) else x
    values = []
    for cell, one in zip(spec.get("cells") or [{}] * len(given), given):
        text = "" if one is None or one != one else str(one).strip()
        if "categories" in cell:
            values += [float(text == name) for name in cell["categories"]]
            continue
        missing = cell.get("mean") is not None and text.lower() in ("", "na", "nan", "none", "null", "nil", "n/a", "#n/a")
        values.append(cell["mean"] if missing else float(one))
        if cell.get("indicator"):
            values.append(float(missing))
    return values


def scaled(x, spec: dict):
    """The features of a sample between those of training; what never varied there is 0."""
    low, high = numpy.array(spec["minimum"]), numpy.array(spec["maximum"])
    span = numpy.where(high > low, high - low, numpy.inf)
    return (numpy.array(values_of(x, spec), dtype=numpy.float32) - low) / span
