/** All classes of attacks, those whose tries take longest first. */
import type { AttackClass } from "./attack.ts";
import { corrupt } from "./corrupt.ts";
import { crashes } from "./crashes.ts";
import { devices } from "./devices.ts";
import { disk } from "./disk.ts";
import { BOMB_ATTACKS, MUTATIONS } from "./hostile/mutations.ts";
import { long } from "./long.ts";
import { launchedRanks, ranks } from "./ranks.ts";
import { two } from "./two.ts";

export const CLASSES: readonly AttackClass[] = [
  ranks,
  crashes,
  devices,
  corrupt,
  two,
  launchedRanks,
  disk,
  ...MUTATIONS,
  BOMB_ATTACKS,
  long,
];
