/** Exports a run and puts it on a Hugging Face hub. */
import { join } from "node:path";
import { type Environment, hubEnvironment } from "../io/hub_cache.ts";
import { type Clock, SYSTEM_CLOCK } from "../io/hub_retry.ts";
import { HubUploader, type Uploaded } from "../io/hub_upload.ts";
import { VERSION } from "../base/version.ts";
import { throwIfInterrupted } from "../base/interrupt.ts";
import { type ExportOptions, exportRun } from "./export_run.ts";

export interface PushOptions extends ExportOptions {
  /** True if not given: nobody else sees it. */
  readonly isPrivate?: boolean;
  /** True: a repository that is there already gets another commit. */
  readonly mayExist?: boolean;
  readonly env?: Environment;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/**
 * Exports the best weights of a run, as `exportRun` does, into a folder that is removed, and puts that into the repository
 * `owner/name`. Gives its page and the commit. Throws a UserError as `exportRun` does, and where the hub refuses; before
 * the export where that can be told before.
 */
export async function pushRun(
  folder: string,
  id: string,
  {
    isPrivate = true,
    mayExist = false,
    env = hubEnvironment(),
    clock = SYSTEM_CLOCK,
    signal,
    note = () => {},
    ...options
  }: PushOptions = {},
): Promise<Uploaded> {
  const uploader = new HubUploader(id, { env, clock, note, ...(signal && { signal }) });
  const temporary = Deno.makeTempDirSync({ prefix: "unis-push-" });
  try {
    const to = join(temporary, "export");
    await exportRun(folder, to, { ...options, note, name: id.split("/")[1]! });
    throwIfInterrupted(signal);
    const title = `Export by unis ${VERSION}`;
    return await uploader.upload({ folder: to, title, isPrivate, mayExist });
  } finally {
    Deno.removeSync(temporary, { recursive: true });
  }
}
