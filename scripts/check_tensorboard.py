#!/usr/bin/env python3
"""Compare a run's event files, as TensorBoard's own readers see them, with what the run has written elsewhere.

    pip install tensorboard==2.21.0
    python scripts/check_tensorboard.py RUN

Every value of metrics.jsonl and test.json must be there once for its epoch, to float32, and nothing else; the
hyperparameters must be the values of config.json. Ends with status 1 where not.
"""

import json
import struct
import sys
from pathlib import Path

from google.protobuf.json_format import MessageToDict
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

TRAINING = {
    "training_loss": "loss",
    "training_accuracy": "accuracy",
    "pairs": "pairs",
    "learning_rates": "learning_rate",
    **{key: f"epoch/{key}" for key in ["seconds", "input_wait_seconds", "loss_scale", "skipped_steps"]},
}
VALIDATION = {"validation_loss": "loss", "validation_accuracy": "accuracy", "validation_pairs": "pairs"}
TEST = {key: key for key in ["loss", "accuracy", "macro_f1", "weighted_f1", "top_2", "top_5", "auc", "pairs"]}


def flat(prefix: str, value):
    if not isinstance(value, dict):
        return {prefix: value}
    join = lambda name: f"{prefix}/{name}" if prefix else name
    return {tag: one for name, inner in value.items() for tag, one in flat(join(name), inner).items()}


def float32(value: float) -> float:
    return struct.unpack("f", struct.pack("f", value))[0]


def scalars(records: list[dict], tags: dict[str, str]) -> dict[str, list[tuple[int, float]]]:
    expected: dict[str, list[tuple[int, float]]] = {}
    for record in records:
        for key, prefix in tags.items():
            if key not in record:
                continue
            for tag, value in flat(prefix, record[key]).items():
                expected.setdefault(tag, []).append((record["epoch"], float32(value)))
    return expected


def read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    events.Reload()
    return events


def compare(part: str, found: dict, expected: dict) -> int:
    if found == expected:
        return len(expected)
    for tag in sorted(found.keys() | expected.keys()):
        if found.get(tag) != expected.get(tag):
            print(f"{part} {tag}: TensorBoard reads {found.get(tag)}, the run has {expected.get(tag)}")
    raise SystemExit(1)


def main() -> None:
    run = Path(sys.argv[1])
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    test = run / "test.json"
    parts = {
        "training": scalars(records, TRAINING),
        "validation": scalars(records, VALIDATION),
        **({"test": scalars([json.loads(test.read_text())], TEST)} if test.exists() else {}),
    }
    for record in records:
        within = record.get("training_loss_within_epoch", [])
        for i, loss in enumerate(within):
            step = int(record["step"] * (1 - (1 - (i + 1) / len(within)) / record["epoch"]) + 0.5)
            parts["training"].setdefault("loss_by_step/total", []).append((step, float32(loss)))
    for part, expected in parts.items():
        events = read(run / "tensorboard" / part)
        found = {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}
        count = compare(part, found, expected)
        print(f"{part}: TensorBoard reads all values of {count} tags as the run has them")
    content = read(run / "tensorboard").SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    found = MessageToDict(HParamsPluginData.FromString(content).session_start_info)["hparams"]
    settings = json.loads((run / "config.json").read_text())
    settings = {tag.replace("/", "."): json.dumps(value, separators=(",", ":"), ensure_ascii=False)
                if isinstance(value, list) else value for tag, value in flat("", settings).items()}
    count = compare("hyperparameters", found, settings)
    print(f"hyperparameters: TensorBoard reads all {count} values of config.json")


if __name__ == "__main__":
    main()
