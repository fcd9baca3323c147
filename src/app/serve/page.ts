/** The page of a server: drop an image, type a text, and see what each head makes of them. */
import { cellCount } from "../../data/preprocessing.ts";
import { html, raw } from "hono/html";
import { policyFor } from "../../report/html/policy.ts";
import type { Described } from "./openapi.ts";
import styles from "./page.css" with { type: "text" };
import script from "./page.js" with { type: "text" };

/** The policy of the page: its images are those that are chosen, and it asks this server alone. */
export const PAGE_POLICY = policyFor(script, [
  "img-src data: blob:",
  "connect-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
]);

export function servePage({ name, modalities, heads, task, limits, hasToken }: Described) {
  const required = limits.mayLack ? "" : raw(" required");
  const fields = modalities.map(({ name, ...modality }) => {
    switch (modality.kind) {
      case "image":
        return html`
          <div class="field">
            <label for="in-${name}">${name}</label>
            <div class="drop" data-for="in-${name}">
              <input id="in-${name}" name="${name}" type="file"
                accept="image/png,image/jpeg,image/webp,image/gif,image/avif,image/bmp,image/tiff" ${required}>
              <span>Choose an image, drop one here, or paste one.</span>
              <img alt="" hidden>
            </div>
          </div>
        `;
      case "text":
        return html`
          <div class="field">
            <label for="in-${name}">${name}</label>
            <textarea id="in-${name}" name="${name}" rows="3"></textarea>
          </div>
        `;
      case "features":
        return html`
          <div class="field">
            <label for="in-${name}">${name}: ${String(
              cellCount(modality),
            )} ${modality.cells === undefined ? "numbers" : "values"}, with commas between them</label>
            <textarea id="in-${name}" name="${name}" rows="3" ${required}></textarea>
          </div>
        `;
    }
  });
  const token = hasToken
    ? html`
      <div class="field">
        <label for="token">Token</label>
        <input id="token" type="password" autocomplete="off" required>
      </div>
    `
    : "";
  return html`
    <!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>${name} · unis</title>
        <link rel="icon" href="data:,">
        <style>${raw(styles)}</style>
      </head>
      <body>
        <main data-heads="${JSON.stringify(heads)}" data-task="${task}">
          <h1>${name}</h1>
          <p>A model that reads ${modalities.map(({ name }) => name).join(" and ")}. See also
              <a href="/openapi.json">its interface</a>.</p>
          <form>
              ${fields}${token}
              <button type="submit">Predict</button>
              <p role="status" aria-live="polite"></p>
            </form>
          <section aria-label="Answer" hidden>
            <h2 class="verdict"></h2>
            <p class="trust"></p>
            <div class="heads"></div>
          </section>
        </main>
        <script>${raw(script)}</script>
      </body>
    </html>
  `;
}
