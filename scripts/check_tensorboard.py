#!/usr/bin/env python3
"""Compare a run's event file, as TensorBoard's own reader sees it, with its metrics.jsonl.

    pip install tensorboard==2.21.0
    python scripts/check_tensorboard.py RUN

Every value of metrics.jsonl must be there once for its epoch, to float32, and nothing else. Ends with status 1 where not.
"""

import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

GROUPS = {
    "training_loss": "loss/training",
    "validation_loss": "loss/validation",
    "training_accuracy": "accuracy/training",
    "validation_accuracy": "accuracy/validation",
    "pairs": "pairs/training",
    "validation_pairs": "pairs/validation",
    "learning_rates": "learning_rate",
}

PLAIN = ["seconds", "input_wait_seconds", "loss_scale", "skipped_steps"]


def flat(prefix: str, value: dict | float) -> dict[str, float]:
    if not isinstance(value, dict):
        return {prefix: value}
    return {tag: one for name, inner in value.items() for tag, one in flat(f"{prefix}/{name}", inner).items()}


def float32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


def main() -> None:
    run = Path(sys.argv[1])
    expected: dict[str, list[tuple[int, float]]] = {}
    for line in (run / "metrics.jsonl").read_text().splitlines():
        record = json.loads(line)
        values = {f"epoch/{key}": record[key] for key in PLAIN if key in record}
        for key, prefix in GROUPS.items():
            values |= flat(prefix, record.get(key, {}))
        for tag, value in values.items():
            expected.setdefault(tag, []).append((record["epoch"], float32(value)))
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    found = {
        tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]
    }
    if found != expected:
        for tag in sorted(found.keys() | expected.keys()):
            if found.get(tag) != expected.get(tag):
                print(f"{tag}: TensorBoard reads {found.get(tag)}, metrics.jsonl has {expected.get(tag)}")
        raise SystemExit(1)
    print(f"TensorBoard reads all {sum(map(len, found.values()))} values of {len(found)} tags as metrics.jsonl has them")


if __name__ == "__main__":
    main()
