// deno-lint-ignore-file no-explicit-any -- what runs in the page sees its window, which is no part of Deno's types
/** Uses the page of `unis serve` by the keyboard alone, as someone with an image and a text of theirs would. */
import { lookAt, type Options, type Page, takeWhole } from "./browser.ts";

/** What goes into a field of the page: the path of an image, a text, or numbers. */
export interface Field {
  readonly name: string;
  readonly value: string;
}

/** Asks the page at `url` in every view; what it shows must be what the server says over HTTP. */
export async function checkServe(
  url: string,
  chromium: string,
  { fields, once = false, screenshots }: { readonly fields: readonly Field[] } & Options,
): Promise<{ faults: string[]; heads: number }> {
  let heads = 0;
  const faults = await lookAt(url, chromium, {
    once,
    mayFetch: (address) => address.startsWith(url) || address.startsWith("blob:"),
    look: async (page, view) => {
      const own: string[] = [];
      for (const { name, value } of fields) {
        own.push(...await tabTo(page, `[name="${name}"]`));
        // What the browser's own dialogue does once a file is chosen there.
        if (await page.evaluate(isAtFile)) await page.setInputFiles(`[name="${name}"]`, value);
        else await page.keyboard.type(value);
      }
      own.push(...await tabTo(page, "button"));
      await page.keyboard.press("Enter");
      await page.waitForFunction(isAnswered);
      const { shown, said, message } = await page.evaluate(compareAnswers);
      heads = shown.length;
      if (message !== "") own.push(`the page says "${message}"`);
      if (JSON.stringify(shown) !== JSON.stringify(said)) {
        own.push(`the page shows ${JSON.stringify(shown)}, the server says ${JSON.stringify(said)}`);
      }
      if (screenshots !== undefined) await takeWhole(page, screenshots, view);
      return own;
    },
  });
  return { faults, heads };
}

/** Presses Tab until the focus is there. */
async function tabTo(page: Page, selector: string): Promise<string[]> {
  for (let presses = 0; presses < 20; presses++) {
    await page.keyboard.press("Tab");
    const isThere = await page.evaluate(
      (wanted: string) => (globalThis as any).document.activeElement?.matches(wanted) ?? false,
      selector,
    );
    if (isThere) return [];
  }
  return [`the keyboard does not reach ${selector}`];
}

/** Runs in the page. */
function isAtFile(): boolean {
  return (globalThis as any).document.activeElement.type === "file";
}

/** Runs in the page. */
function isAnswered(): boolean {
  return !(globalThis as any).document.querySelector("form button").disabled;
}

/** Runs in the page: the verdict and the probabilities that stand there, and those of asking the server again. */
async function compareAnswers(): Promise<{ shown: string[]; said: string[]; message: string }> {
  const { document, FormData } = globalThis as any;
  const body = new FormData(document.querySelector("form"));
  body.append("top", "5");
  const response = await fetch("/predict", { method: "POST", body });
  const { predictions } = (await response.json()).answers[0];
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const heads = [...document.querySelectorAll(".heads h3")].map((title: any) => title.textContent);
  return {
    shown: [...document.querySelectorAll(".heads ul")].map((list: any, i) =>
      `${heads[i]} ` +
      [...list.children].map((row: any) =>
        `${row.querySelector("span").textContent} ${row.querySelector("b").textContent}`
      )
    ),
    said: Object.keys(predictions).toReversed().map((head) =>
      `${head} ` + predictions[head].map((one: any) => `${one.class} ${percent(one.probability)}`)
    ),
    message: document.querySelector("form [role=status]").textContent,
  };
}
