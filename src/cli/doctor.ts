/** `unis doctor` */
import { CheckFailed } from "../app/errors.ts";
import { examine } from "../app/doctor/examine.ts";
import { examinationLines } from "../app/doctor/lines.ts";
import { output } from "../report/output.ts";

export interface DoctorFlags {
  json?: boolean;
}

/** Says what this machine trains on, how fast, and what is wrong with it. Throws `CheckFailed` where training would not run. */
export async function doctor({ json = false }: DoctorFlags): Promise<void> {
  const examination = await examine((message) => output.aside(message));
  output.result(
    json ? JSON.stringify(examination, null, 2) : examinationLines(examination).join("\n"),
  );
  if (examination.ready) return;
  const errors = examination.problems.filter(({ severity }) => severity === "error");
  throw new CheckFailed(`training does not run here: ${errors.map(({ what }) => what).join("; ")}`);
}
