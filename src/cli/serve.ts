/** The command `unis serve`. */
import type { DeviceChoice } from "../app/open_device.ts";
import { PredictSession } from "../app/predict/session.ts";
import { PredictServer } from "../app/serve/server.ts";
import { Stop } from "../app/stop.ts";
import { UserError } from "../base/user_error.ts";
import { DeviceLost } from "../gpu/device_errors.ts";
import { reason } from "../io/file_bytes.ts";
import { calibrationLines } from "../report/console.ts";
import { output } from "../report/output.ts";

export interface ServeFlags extends DeviceChoice {
  port: number;
  host: string;
  maxBatch: number;
  maxQueue: number;
  wait: number;
  maxBody: number;
  maxPixels: number;
  maxText: number;
  uncalibrated?: boolean;
}

const LOOPBACK = ["127.0.0.1", "localhost", "::1"];

/**
 * Serves a run over HTTP until it is stopped; requests that are here then get their answers first. Throws `DeviceLost`
 * where the device was lost, after those that are here were told so.
 */
export async function serve(path: string, flags: ServeFlags): Promise<void> {
  const { device, backend, port, host: hostname, uncalibrated, ...limits } = flags;
  if (limits.maxQueue < limits.maxBatch) {
    throw new UserError(
      `--max-queue must be at least --max-batch, got ${limits.maxQueue} and ${limits.maxBatch}`,
    );
  }
  const token = Deno.env.get("UNIS_TOKEN") || undefined;
  using session = await PredictSession.begin(path, { device, ...(backend && { backend }) });
  const temperatures = uncalibrated ? {} : session.temperatures;
  using server = new PredictServer(session, {
    ...limits,
    temperatures,
    note: (message) => output.aside(message),
    ...(token !== undefined && { token }),
  });
  using stop = new Stop(
    (message) => output.aside(message),
    "Stopping when all requests have their answers; press Ctrl-C again to quit at once",
  );
  const listening = listen({ hostname, port, onListen: () => {} }, server.app.fetch);
  const { addr } = listening;
  output.result(
    `Serving     ${path} at http://${
      addr.hostname.includes(":") ? `[${addr.hostname}]` : addr.hostname
    }:${addr.port}/`,
  );
  output.note(`Adapter     ${session.gpu.name} (${session.gpu.adapterClass})`);
  for (const line of calibrationLines(temperatures)) output.note(line);
  if (token === undefined && !LOOPBACK.includes(hostname)) {
    output.aside(`Anybody who reaches ${hostname} may use it: set UNIS_TOKEN to ask for a token`);
  }
  const stopped = new Promise<undefined>((resolve) =>
    stop.signal.addEventListener("abort", () => resolve(undefined), { once: true })
  );
  const lost = await Promise.race([stopped, session.gpu.lost]);
  await server.drain();
  await listening.shutdown();
  // Whoever watches over the process starts it again, with a device and a driver that nothing has happened to.
  if (lost !== undefined) throw new DeviceLost(`${lost.message}; start the server again`);
  output.note("Stopped     all requests have their answers");
}

function listen(
  options: Deno.ServeTcpOptions,
  handler: (request: Request) => Response | Promise<Response>,
): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve(options, handler);
  } catch (error) {
    const why = error instanceof Deno.errors.NotCapable
      ? "Deno was not allowed the network. Start it by `deno task serve` or `sh scripts/run.sh serve`"
      : reason(error);
    throw new UserError(`Cannot listen at ${options.hostname}:${options.port}: ${why}`);
  }
}
