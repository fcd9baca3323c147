/** What browsers may do with a page: run its own script, and fetch nothing but what is named. */
import { createHash } from "node:crypto";

/**
 * A Content-Security-Policy by which a page runs the script of these characters alone, whatever names and texts of others are in
 * it. Styles stand within it; `more` are further directives.
 */
export function policyFor(script: string, more: readonly string[] = []): string {
  const hash = createHash("sha256").update(script).digest("base64");
  return [
    "default-src 'none'",
    `script-src 'sha256-${hash}'`,
    "style-src 'unsafe-inline'",
    "base-uri 'none'",
    ...more,
  ].join("; ");
}
