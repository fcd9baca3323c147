// A small Hugging Face hub on this machine: the parts of its interface that downloads use, a storage host that large
// files are redirected to, and faults on request.
import { createHash } from "node:crypto";

export interface Seen {
  readonly host: "hub" | "storage";
  readonly path: string;
  readonly token: string | null;
  readonly range: string | null;
}

type Fault = (request: Request, url: URL) => Response | undefined;

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";
export const ID = "some-org/tiny-model";
/** Files of this length and more are stored as the hub stores large ones: by SHA-256, on another host. */
const LARGE = 1000;

/** Deterministic bytes that do not compress or repeat. */
export function bytes(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(length);
  for (let i = 0, x = seed; i < length; i++) out[i] = (x = (x * 1103515245 + 12345) & 0x7fffffff) >> 16;
  return out;
}

export function text(content: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(content);
}

/** The SHA-256 of a large file, git's SHA-1 of a small one. */
export function hashOf(content: Uint8Array): string {
  if (content.length >= LARGE) return createHash("sha256").update(content).digest("hex");
  return createHash("sha1").update(`blob ${content.length}\0`).update(content).digest("hex");
}

/** A body that breaks the connection after `part`, of an announced `length`. */
export function cutAfter(part: Uint8Array<ArrayBuffer>, init: ResponseInit, length: number): Response {
  let sent = false;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (!sent) {
        sent = true;
        controller.enqueue(part);
      } else {
        await new Promise((resolve) => setTimeout(resolve, 20)); // so that the part is on its way
        controller.error(new Error("cut"));
      }
    },
  });
  return new Response(body, { ...init, headers: { ...init.headers, "content-length": String(length) } });
}

export class FakeHub implements AsyncDisposable {
  readonly seen: Seen[] = [];
  /** Asked in order before every request; the first that answers is used up. */
  readonly faults: Fault[] = [];
  /** The revisions that this model has; those of 40 digits are commits. */
  readonly revisions = new Map<string, string>([["main", COMMIT], [COMMIT, COMMIT]]);
  /** What the listing says, where it differs from the files. */
  readonly listed = new Map<string, { size?: number; hash?: string; path?: string }>();
  #hub: Deno.HttpServer<Deno.NetAddr>;
  #storage: Deno.HttpServer<Deno.NetAddr>;

  constructor(readonly files: Map<string, Uint8Array<ArrayBuffer>>) {
    const serve = (host: Seen["host"]) =>
      Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {}, onError: () => new Response(null, { status: 599 }) },
        (request) => this.#answer(host, request),
      );
    this.#hub = serve("hub");
    this.#storage = serve("storage");
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#hub.addr.port}`;
  }

  /** The paths asked for on a host, in order. */
  paths(host: Seen["host"]): string[] {
    return this.seen.filter((seen) => seen.host === host).map((seen) => seen.path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#hub.shutdown(), this.#storage.shutdown()]);
  }

  #answer(host: Seen["host"], request: Request): Response {
    const url = new URL(request.url);
    const { headers } = request;
    const path = url.pathname + (host === "storage" ? url.search : "");
    this.seen.push({ host, path, token: headers.get("authorization"), range: headers.get("range") });
    for (const [i, fault] of this.faults.entries()) {
      const response = fault(request, url);
      if (response === undefined) continue;
      this.faults.splice(i, 1);
      return response;
    }
    return host === "storage" ? this.#send(url.pathname.slice(1), request) : this.#hubAnswer(url, request);
  }

  #hubAnswer(url: URL, request: Request): Response {
    const path = url.pathname;
    const refuse = (code: string) =>
      Response.json({ error: code }, { status: 404, headers: { "x-error-code": code } });
    const revision = this.#after(path, `/api/models/${ID}/revision/`);
    const tree = this.#after(path, `/api/models/${ID}/tree/`);
    const file = this.#after(path, `/${ID}/resolve/${COMMIT}/`);
    if (revision !== undefined) {
      const sha = this.revisions.get(revision);
      if (sha === undefined) return refuse("RevisionNotFound");
      return Response.json({ _id: "1", id: ID, sha, lastModified: "2024-01-01T00:00:00.000Z" });
    }
    if (tree !== undefined) return this.revisions.has(tree) ? this.#list(url) : refuse("RevisionNotFound");
    if (file === undefined) return refuse("RepoNotFound");
    const content = this.files.get(file);
    if (content === undefined) return refuse("EntryNotFound");
    if (content.length < LARGE) return this.#send(file, request);
    const location = `http://127.0.0.1:${this.#storage.addr.port}/${file}?signature=abc`;
    return new Response(null, { status: 302, headers: { location } });
  }

  /** Two entries a page, so that paging is used. */
  #list(url: URL): Response {
    const from = Number(url.searchParams.get("cursor") ?? 0);
    const all = Array.from(this.files, ([name, content]) => {
      const { size = content.length, hash = hashOf(content), path = name } = this.listed.get(name) ?? {};
      const lfs = hash.length === 64 ? { oid: hash, size, pointerSize: 130 } : undefined;
      return { type: "file", path, size, oid: lfs ? "f".repeat(40) : hash, lfs };
    });
    const entries = [...all, { type: "directory", path: "onnx", size: 0, oid: "e".repeat(40) }];
    url.searchParams.set("cursor", String(from + 2));
    const link = from + 2 < entries.length ? { link: `<${url}>; rel="next"` } : undefined;
    return Response.json(entries.slice(from, from + 2), link ? { headers: link } : {});
  }

  #send(name: string, request: Request): Response {
    const content = this.files.get(name)!;
    const range = /^bytes=(\d+)-$/.exec(request.headers.get("range") ?? "");
    if (range === null) return new Response(content);
    const from = Number(range[1]);
    if (from >= content.length) return new Response(null, { status: 416 });
    const headers = { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` };
    return new Response(content.subarray(from), { status: 206, headers });
  }

  #after(path: string, prefix: string): string | undefined {
    return path.startsWith(prefix) ? decodeURIComponent(path.slice(prefix.length)) : undefined;
  }
}

/** A model with every kind of file, some that nobody wants, and one large file of weights. */
export function modelFiles(): Map<string, Uint8Array<ArrayBuffer>> {
  return new Map([
    ["README.md", text("# model")],
    ["config.json", text(`{"model_type":"bert"}`)],
    ["model.safetensors", bytes(300_000)],
    ["preprocessor_config.json", text(`{"size":224}`)],
    ["pytorch_model.bin", bytes(5000, 2)],
    ["tokenizer.json", text(`{"version":"1.0"}`)],
    ["tokenizer_config.json", text("{}")],
    ["vocab.txt", text("[PAD]\n[UNK]\n")],
  ]);
}
