/** The run as ranks other than the first have it: the first writes it, they read it. */
import type { RunConfig } from "../config/run_config.ts";
import { RunCheckpoints } from "./run_checkpoints.ts";
import { RunFolder } from "./run_folder.ts";

/** What is written here is written by the first rank, and not again. */
export class FollowedRun extends RunFolder {
  /** `path` need not be there yet. */
  static of(path: string, config: RunConfig): RunFolder {
    return new FollowedRun(path, config, FollowedCheckpoints);
  }

  override withConfig(config: RunConfig): RunFolder {
    return FollowedRun.of(this.path, config);
  }

  override writeConfig(): void {}
  override appendRecord(): void {}
  override keepRecords(): void {}
  override writeResults(): void {}
  override writeSession(): void {}
}

class FollowedCheckpoints extends RunCheckpoints {
  override saveBest(): void {}
  override saveLast(): void {}
  protected override settle(): void {}
}
