// Paths in a table, and links, stay in its folder and the roots that are allowed, but for stores of known repositories.
import assert from "node:assert/strict";
import { dirname, join, relative, resolve } from "node:path";
import { Random } from "../../../src/base/random.ts";
import { InnerPaths } from "../../../src/data/index/inner_path.ts";
import { DecodePool } from "../../../src/data/workers/decode_pool.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { temporaryFolder } from "../../io/crafted.ts";

/** A folder `set` and one beside it, both with links of all kinds, and repositories of tools that keep files elsewhere. */
function layOut(root: string): void {
  for (
    const folder of [
      "set/img",
      "set/sub",
      "beside/inner",
      "hub/blobs",
      "hub/snapshots/abc/img",
      "annexed/.git/annex/objects/x",
      "annexed/data",
      "dvc/.dvc/cache/files",
      "dvc/data",
    ]
  ) {
    Deno.mkdirSync(join(root, folder), { recursive: true });
  }
  const files = [
    "set/img/a.png",
    "set/img/cafe\u0301.png",
    "beside/b.png",
    "beside/inner/c.png",
    "outside.png",
    "set..png",
    "hub/blobs/1234",
    "hub/secret",
    "annexed/.git/annex/objects/x/y",
    "annexed/.git/config",
    "dvc/.dvc/cache/files/z",
  ];
  for (const file of files) Deno.writeTextFileSync(join(root, file), file);
  const links: [target: string, link: string][] = [
    ["img/a.png", "set/linked.png"],
    ["img", "set/folder"],
    [join(root, "set/img/a.png"), "set/absolute.png"],
    ["../beside/b.png", "set/beside.png"],
    ["../beside", "set/all"],
    ["../../beside/inner/c.png", "set/sub/c.png"],
    [join(root, "outside.png"), "set/outside.png"],
    ["gone.png", "set/dangling.png"],
    ["round.png", "set/round.png"],
    ["../../../blobs/1234", "hub/snapshots/abc/img/a.png"],
    ["../../../secret", "hub/snapshots/abc/img/secret.png"],
    ["../.git/annex/objects/x/y", "annexed/data/a.png"],
    ["../.git/config", "annexed/data/config.png"],
    ["../.dvc/cache/files/z", "dvc/data/a.png"],
  ];
  for (const [target, link] of links) Deno.symlinkSync(target, join(root, link));
}

/** The paths of a folder, and with them further roots. */
const CASES: Record<string, [written: string, found: string | RegExp][]> = {
  "set": [
    ["img/a.png", "img/a.png"],
    [" img/a.png\u00a0", "img/a.png"],
    ["./img/../img/a.png", "img/a.png"],
    ["linked.png", "linked.png"],
    ["folder/a.png", "folder/a.png"],
    ["absolute.png", "absolute.png"],
    ["ROOT/set/img/a.png", "img/a.png"],
    ["img/caf\u00e9.png", "img/cafe\u0301.png"],
    ["", /no path is given/],
    [" ", /no path is given/],
    ["../outside.png", /\.\.\/outside\.png leads out of .*set; to allow .*--set 'data\.roots=\["ROOT"\]'$/],
    ["..", /leads out of/],
    ["img/../../outside.png", /leads out of/],
    ["all/../../outside.png", /leads out of/],
    ["../set..png", /leads out of/],
    ["/etc/passwd", /is outside of .*set; to allow .*--set 'data\.roots=\["\/etc"\]'$/],
    [
      "beside.png",
      /beside\.png is a link to ROOT\/beside\/b\.png, outside of .*--set 'data\.roots=\["ROOT\/beside"\]'$/,
    ],
    ["all/b.png", /is a link to ROOT\/beside\/b\.png, outside of .*--set 'data\.roots=\["ROOT\/beside"\]'$/],
    ["all/inner/c.png", /is a link to .*--set 'data\.roots=\["ROOT\/beside"\]'$/],
    ["sub/c.png", /is a link to/],
    ["outside.png", /is a link to ROOT\/outside\.png, outside of/],
    ["https://example.org/a.png", /is an address/],
    ["img", /is not a file/],
    ["img/b.png", /set\/img\/b\.png is missing$/],
    ["img\\a.png", /is missing; folders are parted by "\/"/],
    ["dangling.png", /dangling\.png is a link to gone\.png, which is missing/],
    ["round.png", /round\.png/],
    ["img/a.png/b", /set\/img\/a\.png\/b/],
  ],
  "set, ../beside": [
    ["img/a.png", "img/a.png"],
    ["beside.png", "beside.png"],
    ["all/b.png", "all/b.png"],
    ["sub/c.png", "sub/c.png"],
    ["../beside/b.png", "../beside/b.png"],
    ["ROOT/beside/b.png", "../beside/b.png"],
    ["ROOT/outside.png", /is outside of/],
    ["outside.png", /is a link to/],
  ],
  "set, ROOT/beside/inner": [
    ["sub/c.png", "sub/c.png"],
    ["all/inner/c.png", "all/inner/c.png"],
    ["beside.png", /is a link to/],
  ],
  "hub/snapshots/abc": [["img/a.png", "img/a.png"], ["img/secret.png", /is a link to/]],
  "annexed/data": [["a.png", "a.png"], ["config.png", /is a link to/]],
  "dvc/data": [["a.png", "a.png"]],
};
for (const [folders, cases] of Object.entries(CASES)) {
  for (const [written, expected] of cases) {
    const outcome = expected instanceof RegExp ? "says why not" : "finds it";
    Deno.test(`InnerPaths.find(${JSON.stringify(written)}) in ${folders} ${outcome}`, () => {
      using temporary = temporaryFolder();
      const root = Deno.realPathSync(temporary.path);
      layOut(root);
      const [folder, ...roots] = folders.replaceAll("ROOT", root).split(", ");
      const paths = new InnerPaths(join(root, folder!), { roots });
      const path = written.replaceAll("ROOT", root);
      if (typeof expected === "string") {
        assert.equal(paths.find(path), join(root, folder!, expected));
        return;
      }
      const message = new RegExp(expected.source.replaceAll("ROOT", root));
      assert.throws(
        () => paths.find(path),
        (error) => error instanceof UserError && message.test(error.message),
      );
    });
  }
}

Deno.test("a root that is no folder is told, with what names it", () => {
  using folder = temporaryFolder();
  for (const key of ["data.roots", "--roots"] as const) {
    assert.throws(
      () => new InnerPaths(folder.path, { roots: ["gone"], key }),
      (error) =>
        error instanceof UserError &&
        error.message === `"${key}" names ${join(folder.path, "gone")}, which is no folder`,
    );
  }
});

Deno.test("in any tree of folders and links, InnerPaths finds what lies in its roots and nothing else", () => {
  const random = new Random(16);
  const draw = <T>(list: readonly T[]): T => list[Math.floor(list.length * random.uniform())]!;
  let found = 0, refused = 0, outside = 0;
  for (let tree = 0; tree < 12; tree++) {
    using temporary = temporaryFolder();
    const root = Deno.realPathSync(temporary.path);
    const names = ["a", "b", "c"];
    const folders = ["set", "extra", "other"].flatMap((
      top,
    ) => [top, ...names.map((name) => `${top}/${name}`)]);
    for (const folder of folders) {
      Deno.mkdirSync(join(root, folder));
      Deno.writeTextFileSync(join(root, folder, "f"), folder);
    }
    const placed = new Set<string>();
    for (let i = 0; i < 24; i++) {
      const at = join(root, draw(folders), draw(["l", "m", "n"]));
      const target = join(root, draw(folders), draw(["f", "l", "m", ""]));
      if (placed.has(at)) continue;
      placed.add(at);
      Deno.symlinkSync(random.uniform() < 0.5 ? target : relative(dirname(at), target) || ".", at);
    }
    const paths = new InnerPaths(join(root, "set"), { roots: ["../extra"] });
    const allowed = ["set", "extra"].map((one) => join(root, one));
    const isIn = (path: string) => allowed.some((one) => path === one || path.startsWith(`${one}/`));
    for (let trial = 0; trial < 250; trial++) {
      const steps = Array.from(
        { length: Math.floor(3 * random.uniform()) },
        () => draw(["a", "b", "l", "m", "..", ".", "../extra", "../other"]),
      );
      steps.push(draw(["f", "f", "l", "m"]));
      const written = random.uniform() < 0.3 ? join(root, draw(folders), ...steps) : steps.join("/");
      const place = resolve(join(root, "set"), written);
      let real: string | undefined;
      try {
        real = Deno.realPathSync(place);
        if (!Deno.statSync(real).isFile) real = undefined;
      } catch {
        real = undefined;
      }
      const may = real !== undefined && isIn(place) && isIn(real);
      if (real !== undefined && !isIn(real)) outside++;
      let got: string | undefined;
      try {
        got = Deno.realPathSync(paths.find(written));
      } catch (error) {
        assert.ok(error instanceof UserError, String(error));
      }
      assert.equal(got, may ? real : undefined, written);
      if (may) found++;
      else refused++;
    }
  }
  assert.ok(
    found > 300 && refused > 300 && outside > 100,
    `${found} found, ${refused} refused, ${outside} outside`,
  );
});

Deno.test("an image is known by its bytes, whatever its name and that of what it links to", async () => {
  using folder = temporaryFolder();
  const images = new URL("../../fixtures/images/", import.meta.url).pathname;
  Deno.mkdirSync(join(folder.path, "blobs"));
  Deno.mkdirSync(join(folder.path, "snapshots/abc"), { recursive: true });
  using pool = new DecodePool({ filter: "bilinear", resize: { height: 4, width: 4 } }, 1);
  for (const file of ["png_rgb.png", "jpeg_444.jpg", "bmp_rgb.bmp"]) {
    Deno.copyFileSync(join(images, file), join(folder.path, "blobs", file.replace(".", "")));
    Deno.symlinkSync(
      `../../blobs/${file.replace(".", "")}`,
      join(folder.path, "snapshots/abc", `${file}.txt`),
    );
    const linked = new InnerPaths(join(folder.path, "snapshots/abc")).find(`${file}.txt`);
    assert.deepEqual(await pool.decode(linked), await pool.decode(join(images, file)));
  }
});
