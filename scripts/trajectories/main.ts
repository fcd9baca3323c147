#!/usr/bin/env -S deno run -A
// Trains in unis what a script beside this one has trained in PyTorch, and says how far the losses are apart.
//
//   python scripts/trajectories/resnet_bert.py /tmp/resnet_bert
//   deno run -A scripts/trajectories/main.ts /tmp/resnet_bert
import { Gpu } from "../../src/gpu/gpu.ts";
import { follow } from "./follow.ts";

const [path] = Deno.args;
if (path === undefined) throw new Error("name a trajectory, without .json");
const gpu = await Gpu.open();
const { steps, buffers } = await follow(gpu, path, ({ expected, found }) => {
  console.log(
    `${found.toFixed(6)}  PyTorch ${expected.toFixed(6)}  apart ${
      Math.abs(found - expected).toExponential(1)
    }`,
  );
});
const apart = Math.max(...steps.map(({ expected, found }) => Math.abs(expected - found)));
const buffersApart = Math.max(...buffers.map(({ expected, found }) => {
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-6);
  return found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0) / scale;
}));
console.log(`${steps.length} steps on ${gpu.name}: losses are at most ${apart.toExponential(1)} apart`);
if (buffers.length > 0) {
  console.log(`${buffers.length} buffers: at most ${buffersApart.toExponential(1)} of their largest value`);
}
gpu.destroy();
