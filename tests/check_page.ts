/** Pages in headless Chromium, for tests: they skip where there is none. */
import { join } from "node:path";
import { findChromium } from "../scripts/check_pages/browser.ts";

export const hasChromium = findChromium() !== undefined;

const SCRIPT = new URL("../scripts/check_pages/", import.meta.url).pathname;

/** What scripts/check_pages says of a page. */
export async function checkPage(...given: string[]): Promise<{ code: number; output: string }> {
  const args = ["run", "-A", "--config", join(SCRIPT, "deno.json"), join(SCRIPT, "main.ts"), ...given];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } })
    .output();
  return { code, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}
