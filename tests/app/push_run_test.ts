// A run pushed to a hub on this machine: its export arrives, under the name of the repository.
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { pushRun } from "../../src/app/push_run.ts";
import { UserError } from "../../src/base/user_error.ts";
import { RunFolder } from "../../src/runs/run_folder.ts";
import { UploadHub } from "../io/upload_hub.ts";
import { data, exampleRun, inFolder } from "../report/example.ts";
import { keepData } from "../runs/kept.ts";

Deno.test("a run is exported and pushed, in each format, and nothing stays behind", () =>
  inFolder(async (folder) => {
    await using hub = new UploadHub();
    const { path, learner } = await exampleRun(folder, "run");
    learner.dispose();
    keepData(RunFolder.open(path), data);
    const env = { HF_ENDPOINT: hub.endpoint(), HF_TOKEN: "hf_x" };
    const left = () =>
      [...Deno.readDirSync(join(folder, ".."))].filter(({ name }) => name.startsWith("unis-push-"));
    const before = left().length;
    for (const [format, files] of [["transformers", ["heads.json"]], ["onnx", ["model.onnx"]]] as const) {
      const id = `someone/${format}-model`;
      const { url } = await pushRun(path, id, { format, env });
      assert.equal(url, `${hub.endpoint()}/${id}`);
      const { files: arrived, visibility, titles } = hub.repositories.get(id)!;
      assert.equal(visibility, "private");
      assert.match(titles[0]!, /^Export by unis \d/);
      for (const name of [...files, "predict.py", "README.md", "text/tokenizer.json"]) {
        assert.ok(arrived.has(name), name);
      }
      const card = new TextDecoder().decode(arrived.get("README.md"));
      const metadata = parse(card.split("---\n")[1]!);
      assert.equal(metadata["model-index"][0].name, `${format}-model`);
    }
    // A run without weights never comes as far as the hub.
    Deno.removeSync(join(path, "checkpoints"), { recursive: true });
    const asked = hub.asked.length;
    await assert.rejects(pushRun(path, "someone/empty", { env }), UserError);
    assert.equal(hub.asked.length, asked);
    assert.equal(left().length, before);
  }));
