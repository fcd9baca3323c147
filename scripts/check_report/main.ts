// deno-lint-ignore-file no-explicit-any -- what runs in the page sees its window, which is no part of Deno's types
/**
 * Looks at a report in headless Chromium, as a reader would: in a wide and a narrow window, light and dark, with the mouse
 * and with the keyboard; and has axe-core look for what keeps people out.
 *
 *     cd scripts/check_report && deno run -A main.ts REPORT.html [--screenshot FILE.png] [--once]
 *
 * Chromium is Debian's package `chromium`, or what CHROMIUM names. Its driver and axe-core stand in a configuration of
 * their own, so that installing unis does not fetch them.
 */
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

/** Names that are found only by the configuration beside this file: nothing else shall try to fetch them. */
const [DRIVER, AXE] = ["playwright-core", "axe-core"];

/** Where Chromium is, if anywhere. */
export function findChromium(): string | undefined {
  const places = [
    Deno.env.get("CHROMIUM"),
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
  ];
  return places.find((place) => {
    try {
      return place !== undefined && Deno.statSync(place).isFile;
    } catch {
      return false;
    }
  });
}

/** What was seen; `faults` is empty where all is well. */
export interface Findings {
  readonly faults: string[];
  readonly figures: number;
  readonly maps: number;
}

/** The parts of the packages that are used here. */
interface Page {
  on(
    event: string,
    listener: (what: { type(): string; text(): string; url(): string }) => void,
  ): void;
  goto(url: string): Promise<unknown>;
  setViewportSize(size: { width: number; height: number }): Promise<void>;
  emulateMedia(media: { colorScheme: "light" | "dark" }): Promise<void>;
  evaluate<T>(
    work: string | ((argument: any) => T),
    argument?: unknown,
  ): Promise<T>;
  screenshot(options: { path: string }): Promise<unknown>;
  readonly mouse: { move(x: number, y: number): Promise<void> };
  readonly keyboard: { press(key: string): Promise<void> };
}

const VIEWS = [
  { name: "wide, light", width: 1280, height: 900, colorScheme: "light" },
  { name: "wide, dark", width: 1280, height: 900, colorScheme: "dark" },
  { name: "phone, light", width: 360, height: 740, colorScheme: "light" },
  { name: "phone, dark", width: 360, height: 740, colorScheme: "dark" },
] as const;

/** Opens the report in Chromium and looks at it; with `once`, in the first of the views alone. */
export async function checkReport(
  file: string,
  chromium: string,
  { screenshot, once = false }: { screenshot?: string | undefined; once?: boolean | undefined } = {},
): Promise<Findings> {
  const driver = await import(DRIVER);
  const axe = await import(AXE);
  const browser = await driver.chromium.launch({
    executablePath: chromium,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const faults: string[] = [];
  let found = { figures: 0, maps: 0 };
  try {
    const page = await browser.newPage() as unknown as Page;
    const url = pathToFileURL(resolve(file)).href;
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) {
        faults.push(`console: ${message.text()}`);
      }
    });
    page.on("pageerror", (error) => faults.push(`error: ${error}`));
    page.on("request", (request) => {
      if (request.url() !== url && !request.url().startsWith("data:")) {
        faults.push(`fetches ${request.url()}`);
      }
    });
    for (const { name, width, height, colorScheme } of once ? VIEWS.slice(0, 1) : VIEWS) {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await page.goto(url);
      found = await page.evaluate(countFigures);
      const own = await page.evaluate(faultsOfPage);
      if (name === VIEWS[0].name) {
        if (screenshot !== undefined) await takeScreenshot(page, screenshot);
        own.push(...await hover(page), ...await walk(page));
      }
      own.push(...await accessibility(page, axe.default.source));
      faults.push(...own.map((fault) => `${name}: ${fault}`));
    }
  } finally {
    await browser.close();
  }
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

/** Runs in the page: figures without marks or size, files without content, a page wider than its window. */
function faultsOfPage(): string[] {
  const { document, innerWidth } = globalThis as any;
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
  const excess = document.documentElement.scrollWidth - innerWidth;
  if (excess > 0) faults.push(`the page is ${excess} pixels too wide`);
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

/** The serious and critical violations that axe-core finds. */
async function accessibility(page: Page, source: string): Promise<string[]> {
  await page.evaluate(source);
  return await page.evaluate(async () => {
    const { violations } = await (globalThis as any).axe.run();
    return violations
      .filter(({ impact }: { impact: string }) => ["serious", "critical"].includes(impact))
      .map((
        { id, help, nodes }: {
          id: string;
          help: string;
          nodes: { html: string }[];
        },
      ) => `${id}: ${help}; ${nodes.length} times, such as ${nodes[0]!.html.slice(0, 150)}`);
  }) as unknown as string[];
}

/** The maps, with the card of a point. */
async function takeScreenshot(page: Page, path: string): Promise<void> {
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

if (import.meta.main) {
  const { values, positionals: [file] } = parseArgs({
    allowPositionals: true,
    options: { screenshot: { type: "string" }, once: { type: "boolean" } },
  });
  const chromium = findChromium();
  if (file === undefined || chromium === undefined) {
    console.error(
      file === undefined
        ? "usage: main.ts REPORT.html [--screenshot FILE.png] [--once]"
        : "There is no Chromium: install it, or name it in CHROMIUM",
    );
    Deno.exit(2);
  }
  const { faults, figures, maps } = await checkReport(file, chromium, values);
  for (const fault of faults) console.error(fault);
  console.log(`${figures} figures, ${maps} of them maps; ${faults.length} faults`);
  Deno.exit(faults.length === 0 ? 0 : 1);
}
