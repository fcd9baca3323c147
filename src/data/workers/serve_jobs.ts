/** The side of the worker: takes jobs, and sends back their results. */

/** The message that a worker is sent. */
export interface Numbered<Job> {
  readonly number: number;
  readonly job: Job;
}

/** The message that it sends back, under the number of the job. */
export type Answer<Result> =
  | { readonly number: number; readonly result: Result }
  | { readonly number: number; readonly error: string };

interface WorkerScope<Job, Result> {
  onmessage: ((event: MessageEvent<Numbered<Job>>) => void) | null;
  postMessage(answer: Answer<Result>, transfer: Transferable[]): void;
}

/**
 * Runs in a worker: answers each job by what `work` makes of it. The bytes of the result, which must be all of their
 * buffer, go over without a copy.
 */
export function serveJobs<Job, Result extends { readonly pixels: Uint8Array }>(
  work: (job: Job) => Result | Promise<Result>,
): void {
  const scope = self as unknown as WorkerScope<Job, Result>;
  scope.onmessage = async ({ data: { number, job } }) => {
    try {
      const result = await work(job);
      scope.postMessage({ number, result }, [result.pixels.buffer as ArrayBuffer]);
    } catch (error) {
      scope.postMessage({ number, error: error instanceof Error ? error.message : String(error) }, []);
    }
  };
}
