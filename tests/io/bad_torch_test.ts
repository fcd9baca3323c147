// Files that pretend to be of torch.save: what they ask for is refused by name, and none of it happens.
import assert from "node:assert/strict";
import { openTorch } from "../../src/io/pytorch/torch_file.ts";
import { UserError } from "../../src/base/user_error.ts";
import { BAD, CURE, MARK, X } from "./bad_torch_files.ts";
import { temporaryFolder } from "./crafted.ts";
import { FILES_ALONE, torchZip } from "./crafted_torch.ts";
Deno.test({
  name: "openTorch() refuses crafted files, says what they ask for, and does none of it",
  permissions: FILES_ALONE,
  fn() {
    using folder = temporaryFolder();
    assert.ok(BAD.length >= 60);
    for (const [i, [what, content, rule]] of BAD.entries()) {
      const path = `${folder.path}/${i}.pth`;
      Deno.writeFileSync(path, content);
      assert.throws(() => openTorch(path), (error) => {
        assert.ok(error instanceof UserError, `${what}: ${(error as Error).stack}`);
        assert.ok(error.message.startsWith(`Cannot read ${path}: `), `${what}: ${error.message}`);
        assert.match(error.message, rule, what);
        assert.ok([...error.message].every((char) => char >= " "), `${what}: one line`);
        assert.ok(error.message.length < 800, what);
        if (error.message.includes(". Only")) assert.match(error.message, CURE, what);
        return true;
      });
    }
    assert.deepEqual(
      Array.from(Deno.readDirSync(folder.path), ({ name }) => name).filter((name) => name === MARK),
      [],
    );
    assert.throws(() => Deno.statSync(MARK), Deno.errors.NotFound);
  },
});

Deno.test("openTorch() refuses what is no regular file, and reading one that became shorter is an error", () => {
  using folder = temporaryFolder();
  for (const path of [folder.path, `${folder.path}/absent.pth`]) {
    assert.throws(() => openTorch(path), (e) => e instanceof UserError && e.message.includes(path));
  }
  const path = `${folder.path}/shrinking.pth`;
  Deno.writeFileSync(path, torchZip(X));
  using file = openTorch(path);
  Deno.truncateSync(path, 20);
  for (const read of [() => file.readBytes("x"), () => file.readFloat32("x")]) {
    assert.throws(read, (e) => e instanceof UserError && /became shorter/.test(e.message));
  }
});
