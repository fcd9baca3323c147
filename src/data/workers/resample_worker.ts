/** Runs in a worker: resamples a part of a batch. */
import { resampleAll, type Resamplings } from "../images/resample.ts";
import { serveJobs } from "./serve_jobs.ts";

serveJobs((job: Resamplings) => ({ pixels: resampleAll(job) }));
