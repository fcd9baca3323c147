/** Defines the command `unis doctor`. */
import type { Command } from "commander";
import type { DoctorFlags } from "../doctor.ts";

export function defineDoctor(unis: Command): void {
  unis.command("doctor")
    .description("say what this machine trains on and how fast, what is wrong with it, and what helps")
    .option("--json", "print all of it as JSON")
    .action(async (flags: DoctorFlags) => {
      const { doctor } = await import("../doctor.ts");
      await doctor(flags);
    });
}
