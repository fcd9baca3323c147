// deno-lint-ignore-file no-explicit-any -- what runs in the page sees its window, which is no part of Deno's types
/** Headless Chromium: where it is, the windows that pages are looked at in, and what is asked of every page. */
import { join } from "node:path";

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

/** The parts of the packages that are used here. */
export interface Page {
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
  screenshot(options: { path: string; fullPage?: boolean }): Promise<unknown>;
  setInputFiles(selector: string, files: string): Promise<void>;
  waitForFunction(work: () => unknown): Promise<unknown>;
  readonly mouse: { move(x: number, y: number): Promise<void> };
  readonly keyboard: { press(key: string): Promise<void>; type(text: string): Promise<void> };
}

export const VIEWS = [
  { name: "wide, light", width: 1280, height: 900, colorScheme: "light" },
  { name: "wide, dark", width: 1280, height: 900, colorScheme: "dark" },
  { name: "phone, light", width: 360, height: 740, colorScheme: "light" },
  { name: "phone, dark", width: 360, height: 740, colorScheme: "dark" },
] as const;

export type View = typeof VIEWS[number];

export interface Options {
  /** Looks in the first of the views alone. */
  readonly once?: boolean | undefined;
  /** A file for a picture of what the page is about. */
  readonly screenshot?: string | undefined;
  /** A folder for pictures of the whole page in every view. */
  readonly screenshots?: string | undefined;
}

/** Writes the whole page as it is to `<folder>/<view>.png`. */
export async function takeWhole(page: Page, folder: string, { name }: View): Promise<void> {
  await page.screenshot({ path: join(folder, `${name.replace(", ", "-")}.png`), fullPage: true });
}

/**
 * Opens `url` in each of the views, or in the first alone, and gives what `look` and axe-core find there, and what the page
 * logs, throws or fetches: nothing but what `mayFetch` allows.
 */
export async function lookAt(
  url: string,
  chromium: string,
  { once, mayFetch, look }: {
    readonly once: boolean;
    readonly mayFetch: (url: string) => boolean;
    readonly look: (page: Page, view: View) => Promise<string[]>;
  },
): Promise<string[]> {
  const driver = await import(DRIVER);
  const axe = await import(AXE);
  const browser = await driver.chromium.launch({
    executablePath: chromium,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const faults: string[] = [];
  try {
    const page = await browser.newPage() as unknown as Page;
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => faults.push(`error: ${error}`));
    page.on("request", (request) => {
      if (!request.url().startsWith("data:") && !mayFetch(request.url())) {
        faults.push(`fetches ${request.url()}`);
      }
    });
    for (const view of once ? VIEWS.slice(0, 1) : VIEWS) {
      const { name, width, height, colorScheme } = view;
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme });
      await page.goto(url);
      const own = [...await look(page, view), ...await page.evaluate(excessWidth)];
      own.push(...await accessibility(page, axe.default.source));
      faults.push(...own.map((fault) => `${name}: ${fault}`));
    }
  } finally {
    await browser.close();
  }
  return faults;
}

/** Runs in the page: it must not be wider than its window. */
function excessWidth(): string[] {
  const { document, innerWidth } = globalThis as any;
  const excess = document.documentElement.scrollWidth - innerWidth;
  return excess > 0 ? [`the page is ${excess} pixels too wide`] : [];
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
