/**
 * `unis`: the program as functions. `run` takes a command line; the rest is what the commands are made of, for scripts that
 * want the results in hand rather than on the console.
 */

// The command line
export { run } from "./src/cli/program.ts";
export { VERSION } from "./src/base/version.ts";
export { UserError } from "./src/base/user_error.ts";

// What is asked for
export { type PresetName, PRESETS } from "./src/config/presets.ts";
export { parseConfig, type RunConfig, withSettings } from "./src/config/run_config.ts";
export { type DataChoice, dataPreset, parseDataChoice } from "./src/config/data_presets.ts";

// Training and testing, and what a run leaves behind
export { type DeviceChoice, openDevice } from "./src/app/open_device.ts";
export { OpenRun } from "./src/app/open_run.ts";
export { type NewRun, Work, type WorkOptions } from "./src/app/work.ts";
export { Learner } from "./src/train/learner.ts";
export { Predictor } from "./src/train/predictor.ts";
export type { Predictions } from "./src/runs/predictions.ts";
export { evaluateBest } from "./src/train/evaluate_best.ts";
export { type Environment, RunFolder } from "./src/runs/run_folder.ts";
export type { EpochRecord, Evaluation, Observer, Progress, RunSummary } from "./src/runs/records.ts";
export { type ExportOptions, exportRun } from "./src/app/export_run.ts";
export { type PushOptions, pushRun } from "./src/app/push_run.ts";
