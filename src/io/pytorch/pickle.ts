// Reads pickles that are not to be trusted. A pickle is a program for a stack machine; Python's own machine imports and
// calls whatever the program names. This one has nothing to call: its opcodes build numbers, texts and containers, and a
// global is a name, of which whoever reads the pickle makes what it knows, or refuses it. The opcodes are those of
// protocols 0 to 5, described in Python's module pickletools.
import { refused, TorchFault } from "./fault.ts";
import { PickleInput } from "./pickle_input.ts";
import { Dict, type Global, Inert, Machine, type PickleWorld, Tuple } from "./pickle_machine.ts";

/** This bounds time and memory, for nothing is made without one. A tensor takes some forty. */
export const MAX_OPCODES = 4_000_000;
/** The longest integer, in bytes: PyTorch's own have up to ten. */
const MAX_LONG = 32;

/** The value of the pickle that begins at `start`, and where it ends. Throws a TorchFault for any other bytes. */
export function unpickle(
  bytes: Uint8Array,
  start: number,
  world: PickleWorld,
): { value: unknown; end: number } {
  const machine = new Machine(new PickleInput(bytes, start), world);
  for (let count = 0; !machine.stopped; count++) {
    if (count === MAX_OPCODES) throw new TorchFault(`its pickle has more than ${MAX_OPCODES} opcodes`);
    const code = machine.input.u8();
    const opcode = OPCODES[code];
    if (opcode !== undefined) opcode(machine);
    else if (REFUSED[code] !== undefined) throw refused(`its pickle has the opcode ${REFUSED[code]}`);
    else throw new TorchFault(`its pickle has a byte ${code}, which is no opcode: the file is damaged`);
  }
  return { value: machine.pop(), end: machine.input.position };
}

function long(m: Machine, length: number): void {
  if (length > MAX_LONG || length < 0) throw new TorchFault(`its pickle has an integer of ${length} bytes`);
  m.push(m.input.long(length));
}

/** A number that is written as a line. */
function numeral(m: Machine, pattern: RegExp): string {
  const line = m.input.line();
  if (!pattern.test(line)) throw new TorchFault("its pickle has a line that should be a number and is none");
  return line;
}

function nameOf(module: unknown, name: unknown, { world }: Machine): Global {
  if (typeof module !== "string" || typeof name !== "string") {
    throw new TorchFault("its pickle names something by what is no text");
  }
  return world.global(module, name);
}

/** `function(*args)`, or `class.__new__(class, *args)`, which are the same here. */
function call(m: Machine): void {
  const args = m.pop();
  const callee = m.pop() as Partial<Global> | null;
  if (!(args instanceof Tuple)) throw new TorchFault("its pickle calls something with what is no tuple");
  if (typeof callee?.call !== "function" || typeof callee.name !== "string") {
    throw refused("its pickle calls what is no function");
  }
  m.push(callee.call(args.items));
}

/** Adds to what lies on top: pairs to a dict, or what is lost in something inert. */
function setItems(m: Machine, items: readonly unknown[]): void {
  const target = m.top();
  if (target instanceof Inert) return;
  if (!(target instanceof Dict) || items.length % 2 !== 0) {
    throw refused("its pickle sets items of what is no dict");
  }
  for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
}

function append(m: Machine, items: readonly unknown[]): void {
  const target = m.top();
  if (target instanceof Inert) return;
  if (!Array.isArray(target)) throw refused("its pickle appends to what is no list");
  for (const item of items) target.push(item);
}

/** Attributes are of no use here: an OrderedDict of weights has its `_metadata` so. Tensors have none. */
function build(m: Machine): void {
  m.pop();
  const target = m.top();
  if (!(target instanceof Dict || target instanceof Inert)) {
    throw refused("its pickle sets the state of what has none");
  }
}

function dictOf(items: readonly unknown[]): Dict {
  if (items.length % 2 !== 0) throw new TorchFault("its pickle makes a dict of an odd number of values");
  const dict = new Dict();
  for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  return dict;
}

/** `'text'` or `"text"`, as protocol 0 has it. */
function quoted(line: string): string {
  const inner = /^(?:'([^'\\]*)'|"([^"\\]*)")$/.exec(line);
  if (inner === null) throw new TorchFault("its pickle has a quoted text that is none");
  return inner[1] ?? inner[2]!;
}

/** By byte. Frames and protocols say nothing that is needed. */
const OPCODES: readonly (((m: Machine) => void) | undefined)[] = byCode({
  "\x80": (m) => {
    const protocol = m.input.u8();
    if (protocol > 5) throw refused(`its pickle is of protocol ${protocol}, and 0 to 5 are known`);
  },
  "\x95": (m) => m.input.u64(),
  ".": (m) => m.stopped = true,
  "(": (m) => m.mark(),
  "0": (m) => m.pop(),
  "1": (m) => m.popMark(),
  "2": (m) => m.push(m.top()),
  "N": (m) => m.push(null),
  "\x88": (m) => m.push(true),
  "\x89": (m) => m.push(false),
  "I": (m) => {
    const line = numeral(m, /^[+-]?\d{1,15}$/);
    m.push(line === "00" ? false : line === "01" ? true : Number(line));
  },
  "J": (m) => m.push(m.input.i32()),
  "K": (m) => m.push(m.input.u8()),
  "M": (m) => m.push(m.input.u16()),
  "L": (m) => m.push(Number(numeral(m, /^[+-]?\d{1,15}L?$/).replace("L", ""))),
  "\x8a": (m) => long(m, m.input.u8()),
  "\x8b": (m) => long(m, m.input.i32()),
  "F": (m) => m.push(Number(numeral(m, /^[+-]?[\d.]+(?:e[+-]?\d+)?$/i))),
  "G": (m) => m.push(m.input.f64()),
  "S": (m) => m.push(quoted(m.input.line())),
  "T": (m) => m.push(m.input.latin1(m.input.u32())),
  "U": (m) => m.push(m.input.latin1(m.input.u8())),
  "V": (m) =>
    m.push(m.input.line().replace(/\\u([0-9a-f]{4})/gi, (_, hex) => String.fromCharCode(parseInt(hex, 16)))),
  "X": (m) => m.push(m.input.utf8(m.input.u32())),
  "\x8c": (m) => m.push(m.input.utf8(m.input.u8())),
  "\x8d": (m) => m.push(m.input.utf8(m.input.u64())),
  "B": (m) => m.push(m.input.take(m.input.u32())),
  "C": (m) => m.push(m.input.take(m.input.u8())),
  "\x8e": (m) => m.push(m.input.take(m.input.u64())),
  ")": (m) => m.push(EMPTY),
  "t": (m) => m.push(new Tuple(m.popMark())),
  "\x85": (m) => m.push(new Tuple(m.popMany(1))),
  "\x86": (m) => m.push(new Tuple(m.popMany(2))),
  "\x87": (m) => m.push(new Tuple(m.popMany(3))),
  "]": (m) => m.push([]),
  "l": (m) => m.push(m.popMark()),
  "a": (m) => {
    const item = m.pop();
    append(m, [item]);
  },
  "e": (m) => append(m, m.popMark()),
  "}": (m) => m.push(new Dict()),
  "d": (m) => m.push(dictOf(m.popMark())),
  "s": (m) => setItems(m, m.popMany(2)),
  "u": (m) => setItems(m, m.popMark()),
  "\x8f": (m) => m.push(new Inert()), // a set
  "\x90": (m) => {
    m.popMark();
    if (!(m.top() instanceof Inert)) throw refused("its pickle adds to what is no set");
  },
  "\x91": (m) => {
    m.popMark();
    m.push(new Inert());
  },
  "p": (m) => m.put(Number(numeral(m, /^\d{1,9}$/))),
  "q": (m) => m.put(m.input.u8()),
  "r": (m) => m.put(m.input.u32()),
  "\x94": (m) => m.put(m.memo.size),
  "g": (m) => m.get(Number(numeral(m, /^\d{1,9}$/))),
  "h": (m) => m.get(m.input.u8()),
  "j": (m) => m.get(m.input.u32()),
  "c": (m) => {
    const module = m.input.line();
    m.push(nameOf(module, m.input.line(), m));
  },
  "\x93": (m) => {
    const [module, name] = m.popMany(2);
    m.push(nameOf(module, name, m));
  },
  "R": call,
  "\x81": call,
  "b": build,
  "Q": (m) => m.push(m.world.persistent(m.pop())),
});

const EMPTY = new Tuple([]);

/** Opcodes that PyTorch never writes. */
const REFUSED: readonly (string | undefined)[] = byCode({
  "P": "PERSID",
  "i": "INST",
  "o": "OBJ",
  "\x82": "EXT1",
  "\x83": "EXT2",
  "\x84": "EXT4",
  "\x92": "NEWOBJ_EX",
  "\x96": "BYTEARRAY8",
  "\x97": "NEXT_BUFFER",
  "\x98": "READONLY_BUFFER",
});

function byCode<T>(table: Readonly<Record<string, T>>): (T | undefined)[] {
  const codes: (T | undefined)[] = Array(256).fill(undefined);
  for (const [char, value] of Object.entries(table)) codes[char.charCodeAt(0)] = value;
  return codes;
}
