/**
 * Looks at a report or at the page of `unis serve` in headless Chromium, as people would: in a wide and a narrow window,
 * light and dark, with the mouse and with the keyboard; and has axe-core look for what keeps people out.
 *
 *     cd scripts/check_pages && deno run -A main.ts REPORT.html [--screenshot FILE.png] [--screenshots FOLDER] [--once]
 *     cd scripts/check_pages && deno run -A main.ts http://127.0.0.1:8000 --field image=FILE --field text="…" [--screenshots FOLDER]
 *
 * Chromium is Debian's package `chromium`, or what CHROMIUM names. Its driver and axe-core stand in a configuration of
 * their own, so that installing unis does not fetch them.
 */
import { parseArgs } from "node:util";
import { findChromium } from "./browser.ts";
import { checkReport } from "./report.ts";
import { checkServe } from "./serve.ts";

const { values, positionals: [subject] } = parseArgs({
  allowPositionals: true,
  options: {
    screenshot: { type: "string" },
    screenshots: { type: "string" },
    once: { type: "boolean" },
    field: { type: "string", multiple: true },
  },
});
const chromium = findChromium();
if (subject === undefined || chromium === undefined) {
  console.error(
    subject === undefined
      ? "usage: main.ts REPORT.html|URL [--screenshot FILE.png] [--screenshots FOLDER] [--once] [--field NAME=VALUE …]"
      : "There is no Chromium: install it, or name it in CHROMIUM",
  );
  Deno.exit(2);
}
if (values.screenshots !== undefined) Deno.mkdirSync(values.screenshots, { recursive: true });
let faults: string[];
if (subject.startsWith("http:")) {
  const fields = (values.field ?? []).map((field) => {
    const [name = "", ...value] = field.split("=");
    return { name, value: value.join("=") };
  });
  const found = await checkServe(subject, chromium, { ...values, fields });
  faults = found.faults;
  console.log(`${found.heads} heads; ${faults.length} faults`);
} else {
  const found = await checkReport(subject, chromium, values);
  faults = found.faults;
  console.log(`${found.figures} figures, ${found.maps} of them maps; ${faults.length} faults`);
}
for (const fault of faults) console.error(fault);
Deno.exit(faults.length === 0 ? 0 : 1);
