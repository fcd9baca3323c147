/** The run as ranks other than the first have it: the first writes it, they read it. */
import type { RunConfig } from "../config/run_config.ts";
import { RunFiles } from "./run_files.ts";
import { RunFolder } from "./run_folder.ts";

/** What is written here is written by the first rank, and not again. */
export class FollowedRun extends RunFolder {
  /** `path` need not be there yet. */
  static of(path: string, config: RunConfig): RunFolder {
    return new FollowedRun(new FollowedFiles(path), config);
  }

  override writeTensorBoard(): void {}
  override writeSession(): void {}
}

class FollowedFiles extends RunFiles {
  override hold(): Disposable {
    return new DisposableStack();
  }

  override write(): void {}
  override append(): void {}
}
