/** Fetches the model of `FakeHub` into the cache that the environment names, as training does that starts from one. */
import { resolveModel } from "../../src/io/hub.ts";
import { ID } from "../../tests/io/hub_server.ts";

const note = (message: string) => console.error(message);
await resolveModel(ID, {
  kinds: ["weights", "tokenizer", "preprocessor"],
  progress: { begin() {}, advance() {}, end() {}, note },
});
