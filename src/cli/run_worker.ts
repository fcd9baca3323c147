/** A worker that makes runs, on a device of its own. */
import { RunServer, type Tells, type Told } from "./run_server.ts";

const worker = self as unknown as {
  onmessage: (event: MessageEvent<Told>) => void;
  postMessage(message: Tells): void;
};

const server = new RunServer((message) => worker.postMessage(message));
worker.onmessage = async ({ data }) => await server.told(data);
