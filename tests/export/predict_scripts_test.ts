// The scripts that exports carry: short enough to be read before they are run.
import assert from "node:assert/strict";
import onnx from "../../src/export/predict_onnx.py" with { type: "text" };
import answers from "../../src/export/answers.py" with { type: "text" };
import transformers from "../../src/export/predict_transformers.py" with { type: "text" };
import { FORMATS } from "../../src/export/formats.ts";

/** The modules of Python's own library that they use, and the one that every export has. */
const OWN = ["json", "pathlib", "answers"];
/** What packages are called where they are imported. */
const MODULES: Readonly<Record<string, string>> = { pillow: "PIL" };

Deno.test("a script has at most 60 lines, and imports the packages that its format names and numpy", () => {
  for (const [name, source] of Object.entries({ onnx, transformers })) {
    assert.ok(source.trimEnd().split("\n").length <= 60, name);
    const imported = [...source.matchAll(/^(?:import|from) (\w+)/gm)].map((match) => match[1]!);
    const { packages } = FORMATS.find((format) => format.name === name)!;
    const wanted = [...packages.map((one) => MODULES[one] ?? one), "numpy", ...OWN];
    assert.deepEqual([...new Set(imported)].sort(), [...new Set(wanted)].sort());
  }
});

Deno.test("how samples are read and what logits say is told in a few lines of numpy", () => {
  assert.ok(answers.trimEnd().split("\n").length <= 30);
  const imported = [...answers.matchAll(/^(?:import|from) (\w+)/gm)].map((match) => match[1]);
  assert.deepEqual(imported, ["json", "sys", "numpy"]);
});
