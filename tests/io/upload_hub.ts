/**
 * A small Hugging Face hub on this machine that takes uploads: repositories, the choice of what is stored as a large file,
 * a storage host for these, commits; and faults on request.
 */
import { createHash } from "node:crypto";

export interface Asked {
  readonly host: "hub" | "storage" | "elsewhere";
  readonly method: string;
  readonly path: string;
  readonly token: string | null;
}

type Fault = (request: Request, url: URL) => Response | undefined;
type Host = Asked["host"];

/** Files of this length and more are large. */
const LARGE = 1000;

export interface Repository {
  readonly visibility: string;
  readonly files: Map<string, Uint8Array>;
  readonly titles: string[];
}

export class UploadHub implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** Asked in order before every request; the first that answers is used up. */
  readonly faults: Fault[] = [];
  readonly repositories = new Map<string, Repository>();
  /** What the storage host has, by SHA-256. */
  readonly #stored = new Map<string, Uint8Array>();
  readonly #servers: Readonly<Record<Host, Deno.HttpServer<Deno.NetAddr>>>;

  constructor() {
    const serve = (host: Host) =>
      Deno.serve(
        { hostname: "127.0.0.1", port: 0, onListen() {}, onError: () => new Response(null, { status: 599 }) },
        (request) => this.#answer(host, request),
      );
    this.#servers = { hub: serve("hub"), storage: serve("storage"), elsewhere: serve("elsewhere") };
  }

  endpoint(host: Host = "hub"): string {
    return `http://127.0.0.1:${this.#servers[host].addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Object.values(this.#servers).map((server) => server.shutdown()));
  }

  async #answer(host: Host, request: Request): Promise<Response> {
    const url = new URL(request.url);
    const { method, headers } = request;
    this.asked.push({ host, method, path: url.pathname, token: headers.get("authorization") });
    for (const [i, fault] of this.faults.entries()) {
      const response = fault(request, url);
      if (response === undefined) continue;
      this.faults.splice(i, 1);
      await request.body?.cancel();
      return response;
    }
    if (host === "elsewhere") return new Response(null, { status: 500 });
    return host === "storage" ? await this.#store(url, request) : await this.#hubAnswer(url, request);
  }

  async #store(url: URL, request: Request): Promise<Response> {
    const content = new Uint8Array(await request.arrayBuffer());
    const oid = url.pathname.slice(1);
    // Storage hosts take no body of unknown length, and none that is not what was announced.
    if (request.headers.get("content-length") !== String(content.length)) {
      return new Response(null, { status: 411 });
    }
    if (sha256(content) !== oid) return new Response(null, { status: 400 });
    this.#stored.set(oid, content);
    return new Response(null, { headers: { etag: '"x"' } });
  }

  async #hubAnswer({ pathname }: URL, request: Request): Promise<Response> {
    const refuse = (status: number, error: string) => Response.json({ error }, { status });
    if (pathname === "/api/repos/create") {
      const { organization, name, type, visibility } = await request.json();
      const id = `${organization}/${name}`;
      if (type !== "model") return refuse(400, "no model");
      if (this.repositories.has(id)) return refuse(409, "You already created this model repo");
      this.repositories.set(id, { visibility, files: new Map(), titles: [] });
      return Response.json({ url: `${this.endpoint()}/${id}`, id: "1" });
    }
    const [, id, step] =
      /^\/(?:api\/models\/)?([^/]+\/[^/]+?)(?:\.git)?\/(preupload\/main|info\/lfs\/objects\/batch|commit\/main)$/
        .exec(pathname) ?? [];
    const repository = this.repositories.get(id ?? "");
    if (repository === undefined) return refuse(404, "Repository not found");
    if (step === "preupload/main") {
      const { files } = await request.json() as { files: { path: string; size: number }[] };
      return Response.json({
        files: files.map(({ path, size }) => ({ path, uploadMode: size >= LARGE ? "lfs" : "regular" })),
      });
    }
    if (step === "info/lfs/objects/batch") {
      const { objects, transfers } = await request.json() as {
        objects: { oid: string; size: number }[];
        transfers: string[];
      };
      if (!transfers.includes("basic")) return refuse(400, "no transfer");
      const upload = (oid: string) => ({ href: `${this.endpoint("storage")}/${oid}?signature=abc` });
      return Response.json({
        transfer: "basic",
        objects: objects.map(({ oid, size }) => ({
          oid,
          size,
          ...(!this.#stored.has(oid) && { actions: { upload: upload(oid) } }),
        })),
      });
    }
    for (const line of (await request.text()).split("\n")) {
      const { key, value } = JSON.parse(line);
      if (key === "header") repository.titles.push(value.summary);
      if (key === "file") {
        repository.files.set(
          value.path,
          Uint8Array.from(atob(value.content), (c) => c.charCodeAt(0)),
        );
      }
      if (key === "lfsFile") {
        const content = this.#stored.get(value.oid);
        if (content?.length !== value.size) return refuse(400, `${value.path} has not arrived`);
        repository.files.set(value.path, content!);
      }
    }
    return Response.json({
      success: true,
      commitOid: "c".repeat(40),
      commitUrl: `${this.endpoint()}/${id}/commit/c`,
    });
  }
}

function sha256(content: Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}
