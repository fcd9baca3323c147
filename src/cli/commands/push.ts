/** Defines the command `unis push`. */
import { type Command, Option } from "commander";
import { withExportFlags } from "../options.ts";
import type { PushFlags } from "../push.ts";

export function definePush(unis: Command): void {
  const command = unis.command("push")
    .description("export a run and put it into a new repository of the Hugging Face hub")
    .argument("<run>", "folder of the run")
    .argument("<owner/name>", "of the repository; the owner is you or an organisation of yours");
  withExportFlags(command)
    .addOption(new Option("--public", "for everyone to see").conflicts("private"))
    .option("--private", "for nobody else to see (the default)")
    .option(
      "--update",
      "put the files into a repository that exists; others in it stay, and so does who sees it",
    )
    .addHelpText(
      "after",
      "\nThe token is that of HF_TOKEN, else the one of hf auth login. HF_ENDPOINT names another hub.",
    )
    .action(async (folder: string, id: string, flags: PushFlags) => {
      const { push } = await import("../push.ts");
      await push(folder, id, flags);
    });
}
