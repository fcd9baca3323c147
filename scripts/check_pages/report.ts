// deno-lint-ignore-file no-explicit-any -- what runs in the page sees its window, which is no part of Deno's types
/** Looks at a report as a reader would, with the mouse and with the keyboard. */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { lookAt, type Options, type Page, takeWhole, VIEWS } from "./browser.ts";

/** What was seen; `faults` is empty where all is well. */
export interface Findings {
  readonly faults: string[];
  readonly figures: number;
  readonly maps: number;
}

/** Opens the report in Chromium and looks at it; with `once`, in the first of the views alone. */
export async function checkReport(
  file: string,
  chromium: string,
  { screenshot, screenshots, once = false }: Options = {},
): Promise<Findings> {
  const url = pathToFileURL(resolve(file)).href;
  let found = { figures: 0, maps: 0 };
  const faults = await lookAt(url, chromium, {
    once,
    mayFetch: (address) => address === url,
    look: async (page, view) => {
      found = await page.evaluate(countFigures);
      const own = await page.evaluate(faultsOfPage);
      if (screenshots !== undefined) await takeWhole(page, screenshots, view);
      if (view === VIEWS[0]) {
        if (screenshot !== undefined) await takeMaps(page, screenshot);
        own.push(...await hover(page), ...await walk(page));
      }
      return own;
    },
  });
  return { faults, ...found };
}

/** Runs in the page. */
function countFigures(): { figures: number; maps: number } {
  const { document } = globalThis as any;
  return {
    figures: document.querySelectorAll("figure").length,
    maps: document.querySelectorAll(".map").length,
  };
}

/** Runs in the page: figures without marks or size, files without content. */
function faultsOfPage(): string[] {
  const { document } = globalThis as any;
  const faults: string[] = [];
  for (const figure of document.querySelectorAll("figure")) {
    const svg = figure.querySelector("svg[role=img]");
    const { width, height } = svg.getBoundingClientRect();
    const marks = svg.querySelectorAll("path, circle, rect, text").length;
    if (width < 100 || height < 50 || marks < 5) {
      faults.push(`figure ${figure.id} is empty: ${marks} marks`);
    }
    for (const link of figure.querySelectorAll(".files a")) {
      const content = atob(link.href.split(",")[1]);
      if (content.length < 50) faults.push(`${link.download} is empty`);
      if (link.download.endsWith(".svg") && content.includes("var(")) {
        faults.push(`${link.download} needs the page`);
      }
    }
  }
  return faults;
}

/** Moves the mouse onto a point of every map: the card must show its sample. */
async function hover(page: Page): Promise<string[]> {
  const faults: string[] = [];
  const { maps } = await page.evaluate(countFigures);
  for (let map = 0; map < maps; map++) {
    const place = await page.evaluate((number: number) => {
      const { document } = globalThis as any;
      const found = document.querySelectorAll(".map")[number];
      found.scrollIntoView({ block: "center" });
      const box = [...found.querySelectorAll("[data-sample]")].at(-1)
        .getBoundingClientRect();
      return { x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2 };
    }, map);
    await page.mouse.move(place.x, place.y);
    // The middle of a + or × is part of it.
    const card = await page.evaluate(cardText);
    if (!/label: /.test(card)) {
      faults.push(`hovering over a point of map ${map + 1} shows "${card}"`);
    }
    await page.mouse.move(0, 0);
    if (await page.evaluate(cardText) !== "") {
      faults.push(`the card of map ${map + 1} stays when the mouse has left`);
    }
  }
  return faults;
}

/** Tabs to the first map, walks by the arrow keys, and leaves. */
async function walk(page: Page): Promise<string[]> {
  const isThere = await page.evaluate(() => {
    const map = (globalThis as any).document.querySelector(".map");
    map?.focus({ focusVisible: true });
    return map !== null;
  });
  if (!isThere) return [];
  const first = await page.evaluate(cardText);
  const seen = new Set([first]);
  for (
    const key of [
      "ArrowRight",
      "ArrowDown",
      "ArrowLeft",
      "ArrowUp",
      "ArrowLeft",
    ]
  ) {
    await page.keyboard.press(key);
    seen.add(await page.evaluate(cardText));
  }
  await page.keyboard.press("Escape");
  return [
    ...(first === "" ? ["focusing a map shows no sample"] : []),
    ...(seen.size < 2 ? ["the arrow keys do not go from point to point"] : []),
    ...(await page.evaluate(cardText) !== "" ? ["Escape does not close the card"] : []),
  ];
}

/** Runs in the page. */
function cardText(): string {
  const card = (globalThis as any).document.getElementById("card");
  return card.hidden ? "" : card.textContent;
}

/** The maps, with the card of a point. */
async function takeMaps(page: Page, path: string): Promise<void> {
  await page.setViewportSize({ width: 1060, height: 690 });
  const place = await page.evaluate(() => {
    const { document, scrollBy } = globalThis as any;
    const maps = [...document.querySelectorAll(".map")];
    if (maps.length === 0) return undefined;
    maps[0].closest("figure").scrollIntoView();
    scrollBy(0, -12);
    const points = [...maps.at(-1).querySelectorAll("[data-sample]")];
    const places = points.map((point) => point.getBoundingClientRect()).map((
      { left, right, top, bottom },
    ) => ({
      x: (left + right) / 2,
      y: (top + bottom) / 2,
    }));
    return places.sort((a, b) => b.y - a.y)[0];
  });
  if (place) await page.mouse.move(place.x, place.y);
  await page.screenshot({ path });
  await page.mouse.move(0, 0);
  await page.setViewportSize(VIEWS[0]);
}
