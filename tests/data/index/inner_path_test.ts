// Paths in a table stay in its folder as they are written; links in that folder are followed wherever they lead.
import assert from "node:assert/strict";
import { join } from "node:path";
import { InnerPaths } from "../../../src/data/index/inner_path.ts";
import { DecodePool } from "../../../src/data/workers/decode_pool.ts";
import { UserError } from "../../../src/base/user_error.ts";
import { temporaryFolder } from "../../io/crafted.ts";

/** A folder `set` beside `blobs`, as caches lay them out, and a file outside of both. */
function layOut(root: string): InnerPaths {
  for (const folder of ["set/img", "set/sub", "blobs"]) {
    Deno.mkdirSync(join(root, folder), { recursive: true });
  }
  for (const file of ["set/img/a.png", "set/img/cafe\u0301.png", "blobs/1234", "outside.png", "set..png"]) {
    Deno.writeTextFileSync(join(root, file), file);
  }
  Deno.symlinkSync("../../blobs/1234", join(root, "set/img/linked.png"));
  Deno.symlinkSync("../blobs", join(root, "set/all"));
  Deno.symlinkSync(join(root, "outside.png"), join(root, "set/absolute.png"));
  Deno.symlinkSync("gone.png", join(root, "set/dangling.png"));
  Deno.symlinkSync("round.png", join(root, "set/round.png"));
  return new InnerPaths(join(root, "set"));
}

const CASES: [written: string, found: string | RegExp][] = [
  ["img/a.png", "img/a.png"],
  [" img/a.png\u00a0", "img/a.png"],
  ["./img/../img/a.png", "img/a.png"],
  ["img/linked.png", "img/linked.png"],
  ["all/1234", "all/1234"],
  ["absolute.png", "absolute.png"],
  ["img/caf\u00e9.png", "img/cafe\u0301.png"],
  ["", /no path is given/],
  [" ", /no path is given/],
  ["../outside.png", /\.\.\/outside\.png leads out of .*set; .*link/],
  ["..", /leads out of/],
  ["img/../../outside.png", /leads out of/],
  ["all/../../outside.png", /leads out of/],
  ["../set..png", /leads out of/],
  ["/etc/passwd", /is an absolute path.*set; .*link/],
  ["https://example.org/a.png", /is an address/],
  ["img", /is not a file/],
  ["img/b.png", /set\/img\/b\.png is missing$/],
  ["img\\a.png", /is missing; folders are parted by "\/"/],
  ["dangling.png", /dangling\.png is a link to gone\.png, which is missing/],
  ["round.png", /round\.png/],
  ["img/a.png/b", /set\/img\/a\.png\/b/],
];
for (const [written, expected] of CASES) {
  Deno.test(`InnerPaths.find(${JSON.stringify(written)}) ${expected instanceof RegExp ? "says why not" : "finds it"}`, () => {
    using folder = temporaryFolder();
    const paths = layOut(folder.path);
    if (typeof expected === "string") {
      assert.equal(paths.find(written), join(folder.path, "set", expected));
      return;
    }
    assert.throws(
      () => paths.find(written),
      (error) => error instanceof UserError && expected.test(error.message),
    );
  });
}

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
