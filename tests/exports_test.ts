// The public names of the library: a program built on them must not break by accident. Whoever adds or renames one
// writes it down in fixtures/public_names.json, and in CHANGELOG.md where it breaks a program.
import assert from "node:assert/strict";
import config from "../deno.json" with { type: "json" };
import names from "./fixtures/public_names.json" with { type: "json" };

interface Name {
  readonly name: string;
  readonly isType: boolean;
}

/** What an entry file exports; it holds nothing but comments and `export { … } from "…"`. */
function exportedNames(file: string): Name[] {
  const source = Deno.readTextFileSync(new URL(`../${file}`, import.meta.url));
  const statement = /^export (type )?\{([^}]*)\} from "\.\/src\/[^"]+";$/gm;
  const rest = source.replace(statement, "").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "").trim();
  assert.equal(rest, "", `${file} holds more than exports`);
  return [...source.matchAll(statement)].flatMap(([, type, list]) =>
    list!.split(",").map((item) => item.trim()).filter((item) => item !== "").map((item) => ({
      name: item.replace(/^type /, ""),
      isType: type !== undefined || item.startsWith("type "),
    }))
  );
}

Deno.test("every export of deno.json has its list of public names, and no other", () => {
  assert.deepEqual(Object.keys(names), Object.keys(config.exports));
});

for (const [entry, file] of Object.entries(config.exports)) {
  Deno.test(`unis${entry.slice(1)} exports the names that are written down, values among them`, async () => {
    const exported = exportedNames(file);
    assert.deepEqual(exported.map(({ name }) => name).sort(), names[entry as keyof typeof names]);
    const module = await import(`../${file}`);
    const values = exported.filter(({ isType }) => !isType).map(({ name }) => name);
    assert.deepEqual(Object.keys(module), values.sort());
  });
}
