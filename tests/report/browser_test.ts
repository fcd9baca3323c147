// A report in a real browser; skipped where there is no Chromium.
import assert from "node:assert/strict";
import { join } from "node:path";
import { SampleStore } from "../../src/report/html/samples.ts";
import { reportPage } from "../../src/report/html/page.ts";
import { reportRun, viewRun } from "../../src/report/html/run_report.ts";
import { checkPage, hasChromium } from "../check_page.ts";
import { data, exampleRun, inFolder } from "./example.ts";

Deno.test({
  name: "a report renders, answers to mouse and keyboard, and keeps nobody out",
  ignore: !hasChromium,
  fn: () =>
    inFolder(async (folder) => {
      const { path, learner } = await exampleRun(folder, "one");
      const samples = new SampleStore();
      const view = await reportRun(viewRun(path, "run-1"), { model: learner, data }, {
        samples,
        most: 20,
        seed: 1,
      });
      learner.dispose();
      const { html } = reportPage("one", [{ group: "", view }], samples);
      const file = join(folder, "report.html");
      Deno.writeTextFileSync(file, html);
      const { code, output } = await checkPage(file);
      assert.match(output, /^9 figures, 2 of them maps; 0 faults$/m);
      assert.equal(code, 0);

      // The check itself must see what is wrong.
      Deno.writeTextFileSync(
        file,
        html.replace("card.hidden = false", "").replace(/script-src '[^']*'/, "script-src 'unsafe-inline'")
          .replace("<h1>", '<img src="https://example.org/x.png"><h1>'),
      );
      const broken = await checkPage(file, "--once");
      assert.equal(broken.code, 1);
      for (
        const fault of [/hovering over a point of map 1 shows ""/, /Content Security Policy/, /image-alt/]
      ) {
        assert.match(broken.output, fault);
      }
    }),
});
