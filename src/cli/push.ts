/** The command `unis push`. */
import { type PushOptions, pushRun } from "../app/push_run.ts";
import { Stop } from "../app/stop.ts";
import { output } from "../report/output.ts";

export interface PushFlags extends Pick<PushOptions, "format" | "precision"> {
  public?: boolean;
  update?: boolean;
}

/** Exports a run, uploads it and says where it is. */
export async function push(
  folder: string,
  id: string,
  { public: isPublic = false, update: mayExist = false, ...options }: PushFlags,
): Promise<void> {
  using stop = new Stop((message) => output.aside(message), "Stopping; press Ctrl-C again to quit at once");
  const { url, commit, isNew } = await pushRun(folder, id, {
    ...options,
    isPrivate: !isPublic,
    mayExist,
    note: (message) => output.aside(message),
    signal: stop.signal,
  });
  const seen = isNew ? ` (new, ${isPublic ? "public" : "private"})` : "";
  output.result(`Pushed      ${url}${seen}, commit ${commit}`);
}
