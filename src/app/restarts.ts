/** Going on after the device was lost: another is opened, and work begins again where it was last saved. */
import { AdapterError } from "../gpu/adapter.ts";
import { firstCause } from "../base/first_cause.ts";
import { DeviceLost } from "../gpu/device_errors.ts";

export interface RestartOptions {
  /** How often, at most. */
  readonly restarts: number;
  readonly note: (message: string) => void;
  /** Milliseconds before the first restart; each further one waits twice as long, as drivers need a while to come back. */
  readonly pause?: number;
}

const FIRST_PAUSE = 1000;

/**
 * What `attempt` gives; it is told how often it was begun before. It is begun again after it threw `DeviceLost`, and,
 * from then on, where no adapter can be had; with no restarts left it throws what it threw last.
 */
export async function withRestarts<T>(
  { restarts, note, pause = FIRST_PAUSE }: RestartOptions,
  attempt: (begun: number) => Promise<T>,
): Promise<T> {
  for (let begun = 0;; begun++) {
    try {
      return await attempt(begun);
    } catch (thrown) {
      const error = firstCause(thrown);
      const isGone = error instanceof DeviceLost || (begun > 0 && error instanceof AdapterError);
      if (!isGone || begun >= restarts) throw error;
      note(`Lost        ${error.message}. Opening another device: restart ${begun + 1} of ${restarts}`);
      await new Promise((resume) => setTimeout(resume, pause * 2 ** begun));
    }
  }
}
