/** Files of every format that is read, mutated: read, or refused in the words of the program, in bounded memory and time. */
import type { Random } from "../../../src/base/random.ts";
import type { AttackClass } from "../attack.ts";
import { BOMBS, QUICK } from "./bombs.ts";
import { FORMATS } from "./formats.ts";
import { type Bounds, inVictims } from "./victims.ts";

/** Of an image of 4 Mi pixels at most, or any other file. */
const BOUNDS: Bounds = { milliseconds: 2000, bytes: 512 << 20 };
const BOUNDED = `in ${BOUNDS.milliseconds / 1000} s of processor time and ${BOUNDS.bytes >> 20} MiB`;

export const MUTATIONS: readonly AttackClass[] = FORMATS.map(({ name }) => ({
  name: `mutated-${name}`,
  what: `Mutated ${name} is read, or refused in one line, ${BOUNDED}.`,
  tries: { long: 20_000, short: 150 },
  async prepare(folder) {
    const { attempt, end } = await inVictims(name, folder);
    const attack = (_: number, random: Random) => attempt(Math.floor(2 ** 32 * random.uniform()), BOUNDS);
    return Object.assign(attack, { [Symbol.asyncDispose]: end });
  },
}));

export const BOMB_ATTACKS: AttackClass = {
  name: "bombs",
  what:
    `What says it is large, or is, is refused in one line, or read, ${BOUNDED} unless its row tells others.`,
  tries: { long: BOMBS.length, short: QUICK },
  async prepare(folder) {
    const { attempt, end } = await inVictims("bombs", folder);
    const attack = (number: number) => {
      const { seconds, mebibytes } = BOMBS[(number - 1) % BOMBS.length]!;
      return attempt(number, {
        milliseconds: seconds === undefined ? BOUNDS.milliseconds : 1000 * seconds,
        bytes: mebibytes === undefined ? BOUNDS.bytes : mebibytes * 2 ** 20,
      });
    };
    return Object.assign(attack, { [Symbol.asyncDispose]: end });
  },
};
