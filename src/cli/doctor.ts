/** `unis doctor` */
import { CheckFailed } from "../app/errors.ts";
import { examine } from "../app/doctor/examine.ts";
import { examinationLines } from "../app/doctor/lines.ts";
import { devicesOfRanks } from "../app/rank_devices.ts";
import { amongRanks } from "../app/ranks.ts";
import type { Collective } from "../distributed/collective.ts";
import { output } from "../report/output.ts";

export interface DoctorFlags {
  json?: boolean;
}

/** Says what this machine trains on, how fast, and what is wrong with it. Throws `CheckFailed` where training would not run. */
export function doctor(flags: DoctorFlags): Promise<void> {
  return amongRanks((collective) => doctorAsRank(flags, collective));
}

/** The first of several ranks examines its machine, the others tell their devices. */
async function doctorAsRank({ json = false }: DoctorFlags, collective: Collective): Promise<void> {
  const devices = await devicesOfRanks(collective);
  if (collective.rank > 0) return;
  const examination = await examine((message) => output.aside(message), devices);
  output.result(
    json ? JSON.stringify(examination, null, 2) : examinationLines(examination).join("\n"),
  );
  if (examination.ready) return;
  const errors = examination.problems.filter(({ severity }) => severity === "error");
  throw new CheckFailed(`training does not run here: ${errors.map(({ what }) => what).join("; ")}`);
}
