/** A worker for tests: answers with the milliseconds it is given, after as many; below 0 it fails, at 0.5 it dies, at 0.25 it never comes back. */
import { serveJobs } from "../../../src/data/workers/serve_jobs.ts";

const DEADLY = 0.5;
const ENDLESS = 0.25;

serveJobs(async (milliseconds: number) => {
  await new Promise((resolve) =>
    setTimeout(() => {
      if (milliseconds === DEADLY) throw new Error("dead");
      while (milliseconds === ENDLESS);
      resolve(undefined);
    }, milliseconds)
  );
  if (milliseconds < 0) throw new Error(`no ${milliseconds}`);
  return { milliseconds, pixels: new Uint8Array(1) };
});
