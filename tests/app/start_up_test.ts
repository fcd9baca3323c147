import assert from "node:assert/strict";
import { StartUp } from "../../src/app/start_up.ts";
import { epochLine } from "../../src/report/console.ts";

Deno.test("StartUp counts from the start of the process, part by part, those of one name together", () => {
  const startUp = new StartUp();
  const wait = (milliseconds: number) => {
    for (const end = performance.now() + milliseconds; performance.now() < end;);
  };
  startUp.lap("program");
  for (const part of ["data", "model", "data"]) {
    wait(120);
    startUp.lap(part);
  }
  const parts = startUp.line.match(
    /^Started {5}in ([\d.]+) s: program ([\d.]+), data ([\d.]+), model ([\d.]+)$/,
  );
  assert.ok(parts, startUp.line);
  const [all, program, data, model] = parts.slice(1).map(Number) as [number, number, number, number];
  assert.ok(data >= 0.2 && model >= 0.1, startUp.line);
  assert.ok(Math.abs(all - program - data - model) < 0.25, startUp.line);
  assert.ok(Math.abs(startUp.seconds - performance.now() / 1000) < 0.1, `${startUp.seconds}`);
});

Deno.test("epochLine() tells of waiting for data only where it takes long", () => {
  const line = (input_wait_seconds: number) =>
    epochLine({
      epoch: 1,
      step: 3,
      training_loss: { total: 1 },
      training_accuracy: { fusion: 0.5 },
      validation_loss: { fusion: 1 },
      validation_accuracy: { fusion: 0.25 },
      pairs: {},
      learning_rates: { heads: 0.01 },
      seconds: 20,
      input_wait_seconds,
    }, false);
  assert.match(line(0.9), /\| 0:20$/);
  assert.match(line(5), /\| 0:20 \(25 % waiting for data\)$/);
});
