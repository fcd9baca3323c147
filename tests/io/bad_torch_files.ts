// Files that pretend to be of torch.save: what is wrong with each, its bytes, and what must be said of it.
import { MAX_OPCODES } from "../../src/io/pytorch/pickle.ts";
import {
  type CraftedEntry,
  global,
  INFO,
  int,
  latin1,
  legacy,
  stateDict,
  storage,
  tensor,
  torchEntries,
  torchZip,
  tuple,
  TWO,
  unicode,
  zip,
} from "./crafted_torch.ts";

import { join } from "./mutations.ts";

/** What the payloads would leave behind, were they run. */
export const MARK = "executed";
const calls = (module: string, name: string, ...args: string[]) =>
  torchZip(`\x80\x02${global(module, name)}${tuple(...args)}R.`);
const shell = unicode(`touch ${MARK}`);
const value = (opcodes: string) => torchZip(stateDict({ x: opcodes }));
export const X = stateDict({ x: tensor() });
/** An archive of which one file is changed. */
const changed = (index: number, change: Partial<CraftedEntry>) =>
  zip(torchEntries(X).map((entry, i) => i === index ? { ...entry, ...change } : entry));
const PICKLE = 0, BYTEORDER = 1, STORAGE = 2;
const field64 = (bytes: number) => join(latin1("\x01\x00"), Uint8Array.of(bytes, 0), new Uint8Array(bytes));

export const CURE = /Only tensors are read.*store its state_dict with safetensors\.torch\.save_file$/;
const VIEW = /it has a tensor of sizes .* and strides .*, which its storage of 8 bytes does not hold/;
const REPEATS = /which shows elements more than once\. Only/;
const DAMAGED = /the file is damaged/;
const NO_NUMBERS = /whose offset, sizes and strides are no whole numbers from 0/;
const ENDED = /pickle ends in the middle: the file is damaged/;
const EMPTY_STACK = /takes from an empty stack/;
const NO_STORAGE = /describes a storage by what are no type, name and length/;
const opcode = (name: string) => new RegExp(`its pickle has the opcode ${name}\\. Only`);
const names = (name: string) =>
  new RegExp(`its pickle names ${name.replaceAll(".", "\\.")}, which is no part of weights\\. Only`);

/** What is wrong, the file, and what the refusal says. */
export const BAD: [what: string, content: Uint8Array, rule: RegExp][] = [
  // Calls of what Python has.
  ["os.system", calls("os", "system", shell), names("os.system")],
  ["posix.system, as os.system pickles", calls("posix", "system", shell), names("posix.system")],
  ["nt.system", calls("nt", "system", shell), names("nt.system")],
  ["eval", calls("builtins", "eval", unicode("1")), names("builtins.eval")],
  ["exec of Python 2", calls("__builtin__", "exec", unicode("1")), names("__builtin__.exec")],
  ["__import__", calls("builtins", "__import__", unicode("os")), names("builtins.__import__")],
  ["getattr", calls("builtins", "getattr", unicode("a"), unicode("b")), names("builtins.getattr")],
  ["subprocess.Popen", calls("subprocess", "Popen", `](${shell}e`), names("subprocess.Popen")],
  ["runpy", calls("runpy", "_run_code", shell), names("runpy._run_code")],
  ["a web browser", calls("webbrowser", "open", unicode("http://localhost")), names("webbrowser.open")],
  ["torch.hub.load", calls("torch.hub", "load", unicode("a/b")), names("torch.hub.load")],
  [
    "another pickle within",
    calls("torch.storage", "_load_from_bytes", unicode("x")),
    names("torch.storage._load_from_bytes"),
  ],
  ["pickle.loads", calls("_pickle", "loads", unicode("x")), names("_pickle.loads")],
  [
    "a path of attributes",
    torchZip(`\x80\x04\x8c\x05torch\x8c\x0d_utils.os.sys\x93)R.`),
    names("torch._utils.os.sys"),
  ],
  ["a whole module", calls("torchvision.models.resnet", "ResNet"), names("torchvision.models.resnet.ResNet")],
  ["a function of ours", calls("constructor", "prototype"), names("constructor.prototype")],
  ["the prototype as a name", calls("torch", "__proto__"), names("torch.__proto__")],
  ["a quantized tensor", calls("torch._utils", "_rebuild_qtensor"), names("torch._utils._rebuild_qtensor")],
  [
    "a sparse tensor",
    calls("torch._utils", "_rebuild_sparse_tensor"),
    names("torch._utils._rebuild_sparse_tensor"),
  ],
  [
    "a storage of complex numbers",
    value(tensor({ type: global("torch", "ComplexFloatStorage") })),
    names("torch.ComplexFloatStorage"),
  ],
  ["a name with control characters", calls("os\x1b[2J", "x\ty"), /names os\\u001b\[2J\.x\\ty, which/],
  ["a long name", calls("a".repeat(900), "b"), /names a{117}\.\.\., which/],
  ["a line without end", calls("a".repeat(1001), "b"), /a line of over 1000 bytes/],
  [
    "os.system where the old format has the machine",
    legacy(X, { info: `\x80\x02cos\nsystem\n(${shell}tR.` }),
    names("os.system"),
  ],
  [
    "os.system where the old format has keys",
    legacy(X, { keys: `\x80\x02cos\nsystem\n(${shell}tR.` }),
    names("os.system"),
  ],
  [
    "os.system after the weights",
    torchZip(stateDict({ x: tensor(), y: `cos\nsystem\n(${shell}tR` })),
    names("os.system"),
  ],
  ["a name that no weights need", torchZip(`\x80\x02cos\nsystem\n0}.`), names("os.system")],

  // Opcodes that could reach further.
  ["INST", torchZip(`(${shell}ios\nsystem\n.`), opcode("INST")],
  ["OBJ", torchZip(`(cos\nsystem\n${shell}o.`), names("os.system")],
  ["OBJ of a harmless class", torchZip(`(${global("argparse", "Namespace")}o.`), opcode("OBJ")],
  ["NEWOBJ", torchZip(`\x80\x02cos\nsystem\n)\x81.`), names("os.system")],
  [
    "NEWOBJ of a function",
    torchZip(`\x80\x02${global("torch._utils", "_rebuild_tensor_v2")})\x81.`),
    /of what is no storage/,
  ],
  ["NEWOBJ_EX", torchZip(`\x80\x04${global("argparse", "Namespace")})}\x92.`), opcode("NEWOBJ_EX")],
  ["EXT1", torchZip("\x80\x02\x82\x01."), opcode("EXT1")],
  ["EXT2", torchZip("\x80\x02\x83\x01\x00."), opcode("EXT2")],
  ["EXT4", torchZip("\x80\x02\x84\x01\x00\x00\x00."), opcode("EXT4")],
  ["PERSID", torchZip("Pstorage\n."), opcode("PERSID")],
  ["a buffer beside the pickle", torchZip("\x80\x05\x97."), opcode("NEXT_BUFFER")],
  ["BYTEARRAY8", torchZip(`\x80\x05\x96${"\xff".repeat(8)}.`), opcode("BYTEARRAY8")],
  ["protocol 6", torchZip("\x80\x06}."), /is of protocol 6, and 0 to 5 are known/],
  ["no opcode", torchZip("\x80\x02}\xff."), /has a byte 255, which is no opcode/],
  ["a call of a text", torchZip(`\x80\x02${shell})R.`), /calls what is no function/],
  [
    "a call of a type",
    torchZip(`\x80\x02${global("torch", "FloatStorage")})R.`),
    /calls what is no function/,
  ],
  ["a call of None", torchZip(`\x80\x02N)R.`), /calls what is no function/],
  [
    "a call with a list",
    torchZip(`\x80\x02${global("collections", "OrderedDict")}]R.`),
    /with what is no tuple/,
  ],
  ["BUILD on a tensor", value(`${tensor()}}${unicode("a")}Nsb`), /sets the state of what has none/],
  [
    "BUILD on a function",
    torchZip(`\x80\x02${global("torch._utils", "_rebuild_tensor_v2")}}b.`),
    /sets the state of/,
  ],
  ["items of a tensor", value(`${tensor()}${unicode("a")}Ns`), /sets items of what is no dict/],
  ["appending to a dict", torchZip("\x80\x02}Na."), /appends to what is no list/],
  ["a set of what is none", torchZip("\x80\x02](N\x90."), /adds to what is no set/],
  ["an odd dict", torchZip("(Nd."), /a dict of an odd number of values/],
  [
    "an outer object that is no storage",
    torchZip(`\x80\x02(${unicode("module")}NtQ.`),
    /an outer object that is no storage/,
  ],
  [
    "an outer object that is a text",
    torchZip(`\x80\x02${unicode("0")}Q.`),
    /an outer object that is no storage/,
  ],

  // Bombs, and sizes that are none.
  ["too many opcodes", torchZip("\x80\x02" + "N0".repeat(MAX_OPCODES / 2 + 1)), /more than 4000000 opcodes/],
  ["too many dicts", torchZip("\x80\x02" + "}".repeat(MAX_OPCODES + 1)), /more than 4000000 opcodes/],
  ["a bomb of marks", torchZip("(".repeat(100_000)), /nests deeper than 1000 marks/],
  [
    "lists within lists, ten of each",
    value(`](NNNNNNNNNNe${"q\x010](h\x01h\x01h\x01h\x01h\x01h\x01h\x01h\x01h\x01h\x01e".repeat(9999)}`),
    /holds no state dict/,
  ],
  ["a list within itself", value("]q\x01h\x01a"), /holds no state dict/],
  ["tuples 200,000 deep", value(")" + "\x85".repeat(200_000)), /holds no state dict/],
  [
    "dicts 200,000 deep",
    torchZip("\x80\x02" + `}${unicode("model")}`.repeat(200_000) + "N" + "s".repeat(200_000) + "."),
    /holds no state dict/,
  ],
  ["a dict within itself", torchZip(`}q\x01${unicode("model")}h\x01s.`), /holds no state dict/],
  [
    "a memo far out",
    value(`${tensor()}r\xff\xff\xff\xff0j\xfe\xff\xff\xff`),
    /takes 4294967294 from its memo/,
  ],
  ["a memo of nothing", torchZip("\x80\x02q\x00}."), EMPTY_STACK],
  ["a memo that was never put", torchZip("\x80\x02h\x05."), /takes 5 from its memo/],
  ["a memo by no number", torchZip("\x80\x02}p-1\n."), /should be a number and is none/],
  ["an integer of 255 bytes", torchZip(`\x80\x02\x8a\xff${"\x01".repeat(255)}.`), /an integer of 255 bytes/],
  [
    "an integer of 2^31 - 1 bytes",
    torchZip("\x80\x02\x8b\xff\xff\xff\x7f."),
    /an integer of 2147483647 bytes/,
  ],
  ["an integer of -1 bytes", torchZip("\x80\x02\x8b\xff\xff\xff\xff."), /an integer of -1 bytes/],
  ["an integer of 500 digits", torchZip(`I${"9".repeat(500)}\n.`), /should be a number and is none/],
  ["a float that is code", torchZip("Feval(1)\n."), /should be a number and is none/],
  ["a text of 4 GB", torchZip("\x80\x02X\xff\xff\xff\xffa."), ENDED],
  ["a text of 2^64 - 1 bytes", torchZip(`\x80\x04\x8d${"\xff".repeat(8)}a.`), ENDED],
  ["bytes of 2^63 bytes", torchZip(`\x80\x04\x8e${"\0".repeat(7)}\x80a.`), ENDED],
  ["a text that is no UTF-8", torchZip("\x80\x02X\x01\x00\x00\x00\x80."), /a text that is not valid UTF-8/],
  ["a quote left open", torchZip("S'a\n."), /a quoted text that is none/],
  [
    "a storage of 2^53 elements",
    value(tensor({ length: "\x8a\x08" + "\0".repeat(6) + "\x20\0" })),
    NO_STORAGE,
  ],
  ["a storage of -1 elements", value(tensor({ length: int(-1) })), NO_STORAGE],
  ["a storage of half an element", value(tensor({ length: "G?\xe0" + "\0".repeat(6) })), NO_STORAGE],
  ["a storage without a type", value(tensor({ type: "N" })), NO_STORAGE],
  ["a storage of a function", value(tensor({ type: global("torch._utils", "_rebuild_tensor") })), NO_STORAGE],
  ["a storage by number", value(tensor({ key: int(0) })), NO_STORAGE],
  ["a storage that is none", value(tensor({ key: unicode("9") })), /its archive has no "archive\/data\/9"/],
  [
    "a storage outside",
    value(tensor({ key: unicode("../../../etc/passwd") })),
    /its archive has no "archive\/data\/\.\.\//,
  ],
  [
    "a storage of other sizes",
    value(tensor({ length: int(3) })),
    /storage "0" has 8 bytes, where its pickle says 12/,
  ],
  [
    "a storage of two dtypes",
    value(tensor({ type: global("torch", "DoubleStorage") })),
    /has 8 bytes, where its pickle says 16/,
  ],
  [
    "bytes alone without a dtype",
    value(tensor({ type: global("torch.storage", "UntypedStorage"), length: int(8) })),
    /a tensor without a dtype/,
  ],
  [
    "part of a storage",
    value(storage().replace("tQ", `(${unicode("1")}${int(0)}${int(1)}ttQ`)),
    /part of another/,
  ],
  ["a tensor beyond its storage", value(tensor({ sizes: tuple(int(3)) })), VIEW],
  ["a tensor from beyond its storage", value(tensor({ offset: int(1) })), VIEW],
  ["an empty tensor far out", value(tensor({ offset: int(9), sizes: tuple(int(0)) })), VIEW],
  ["a stride beyond its storage", value(tensor({ strides: tuple(int(2)) })), VIEW],
  [
    "sizes whose product is 2^93",
    value(
      tensor({
        sizes: tuple(int(2 ** 31 - 1), int(2 ** 31 - 1), int(2 ** 31 - 1)),
        strides: tuple(int(0), int(0), int(0)),
      }),
    ),
    REPEATS,
  ],
  [
    "one element shown a million times",
    value(tensor({ sizes: tuple(int(1e6)), strides: tuple(int(0)) })),
    REPEATS,
  ],
  ["a negative size", value(tensor({ sizes: tuple(int(-2)) })), NO_NUMBERS],
  ["a negative stride", value(tensor({ strides: tuple(int(-1)) })), NO_NUMBERS],
  ["a negative offset", value(tensor({ offset: int(-1) })), NO_NUMBERS],
  ["sizes as texts", value(tensor({ sizes: tuple(unicode("2")) })), NO_NUMBERS],
  ["sizes in a list", value(tensor({ sizes: `](${int(2)}e` })), NO_NUMBERS],
  ["more sizes than strides", value(tensor({ sizes: tuple(int(2), int(1)) })), NO_NUMBERS],
  [
    "65 dimensions",
    value(tensor({ sizes: tuple(...Array(65).fill(int(1))), strides: tuple(...Array(65).fill(int(1))) })),
    NO_NUMBERS,
  ],
  [
    "a tensor of no storage",
    value(`${global("torch._utils", "_rebuild_tensor_v2")}(N${int(0)}))tR`),
    /of what is no storage/,
  ],
  [
    "a tensor by nothing",
    value(`${global("torch._utils", "_rebuild_tensor_v2")})R`),
    /of what is no storage/,
  ],
  [
    "a parameter of a text",
    value(`${global("torch._utils", "_rebuild_parameter")}(${shell}tR`),
    /a parameter of what is no tensor/,
  ],
  [
    "a tensor by another builder",
    value(`${global("torch._tensor", "_rebuild_from_type_v2")}(${global("argparse", "Namespace")}N)}tR`),
    /a tensor of another class/,
  ],
  [
    "a tensor of its own builder",
    value(`${global("torch._tensor", "_rebuild_from_type_v2")}q\x01(h\x01N)}tR`),
    /a tensor of another class/,
  ],
  [
    "pairs that are none",
    torchZip(`\x80\x02${global("collections", "OrderedDict")}(](Ne)tR.`.replace(")tR", "tR")),
    /a dict of what are no pairs/,
  ],

  // No weights.
  ["nothing", new Uint8Array(), /no file of PyTorch's torch\.save/],
  ["one byte", latin1("P"), /no file of PyTorch's torch\.save/],
  ["a page of the web", latin1("<!DOCTYPE html><html>"), /no file of PyTorch's torch\.save/],
  ["a bare pickle", latin1("\x80\x04}."), /no file of PyTorch's torch\.save/],
  [
    "a tar",
    join(new Uint8Array(257), latin1("ustar\0"), new Uint8Array(300)),
    /of a PyTorch before 0\.2\. Only/,
  ],
  ["safetensors", latin1(`\x02${"\0".repeat(7)}{}`), /is a safetensors file: give it the ending/],
  ["a pickle of a number", torchZip("\x80\x02K\x01."), /holds no state dict .*, no dict at all\. Only/],
  [
    "a dict of settings",
    torchZip(stateDict({ lr: int(1), net: "N" })),
    /holds no state dict .*, only "lr", "net"\. Only/,
  ],
  ["an empty pickle", torchZip(""), ENDED],
  ["a pickle without an end", torchZip(X.slice(0, -1)), ENDED],
  ["a pickle that ends at once", torchZip("."), EMPTY_STACK],
  ["a pickle that takes too much", torchZip("\x80\x02}00."), EMPTY_STACK],
  ["a mark that was never set", torchZip("\x80\x02}t."), /to a mark that it never set/],
  ["what lies before a mark", torchZip("\x80\x02}}(0."), EMPTY_STACK],
  [
    "a program of TorchScript",
    zip([...torchEntries(X), { name: "archive/constants.pkl", content: latin1("\x80\x02).") }]),
    /a program of TorchScript .*\. Only/,
  ],

  // Archives.
  [
    "an archive cut short",
    torchZip(X).subarray(0, -1),
    /archive has no end: the file is damaged, or was not/,
  ],
  ["an archive of its first bytes", torchZip(X).subarray(0, 40), /archive has no end/],
  ["bytes after the end", join(torchZip(X), TWO), /archive has no end/],
  ["bytes before the first file", join(latin1("PK\x03\x04"), torchZip(X)), DAMAGED],
  [
    "an archive of other files",
    zip([{ name: "a.txt", content: TWO }]),
    /has 0 files FOLDER\/data\.pkl, not one/,
  ],
  [
    "two pickles",
    zip([...torchEntries(X), { name: "other/data.pkl", content: latin1("}.") }]),
    /has 2 files FOLDER\/data\.pkl/,
  ],
  [
    "a pickle further in",
    zip([{ name: "../../data.pkl", content: latin1(X) }]),
    /has 0 files FOLDER\/data\.pkl/,
  ],
  [
    "a compressed pickle",
    changed(PICKLE, { method: 8 }),
    /"archive\/data\.pkl" is compressed, as PyTorch never writes it\. Only/,
  ],
  ["a compressed storage", changed(STORAGE, { method: 8 }), /"archive\/data\/0" is compressed/],
  ["compressed in its own header", changed(STORAGE, { localMethod: 8 }), /is compressed in its own header/],
  ["an encrypted pickle", changed(PICKLE, { flags: 1 }), /"archive\/data\.pkl" is encrypted\. Only/],
  [
    "a file listed twice",
    zip([...torchEntries(X), ...torchEntries(X)]),
    /"archive\/data\.pkl" is listed twice/,
  ],
  [
    "two files in one place",
    changed(STORAGE, { header: 0, size: 8 }),
    /"archive\/data\.pkl" reaches into what comes after it/,
  ],
  [
    "a file that reaches into the next",
    changed(PICKLE, { size: X.length + 40 }),
    /reaches into what comes after it/,
  ],
  [
    "a storage that reaches into the directory",
    changed(3, { size: 99 }),
    /"archive\/version" lies outside the file/,
  ],
  [
    "a file of 4 GB - 2",
    changed(PICKLE, { size: 2 ** 32 - 2 }),
    /"archive\/data\.pkl" lies outside the file/,
  ],
  [
    "a file that is somewhere else",
    changed(STORAGE, { header: 5 }),
    /reaches into what comes after it|is not where the directory says/,
  ],
  [
    "a file without a header",
    changed(STORAGE, { localSignature: 0 }),
    /"archive\/data\/0" is not where the directory says/,
  ],
  [
    "a file of another name",
    changed(STORAGE, { localName: "archive/data/1" }),
    /has another name in its own header/,
  ],
  ["another size when stored", changed(STORAGE, { storedSize: 4 }), /is stored in another size than its own/],
  ["no field of zip64", changed(STORAGE, { size: 2 ** 32 - 1 }), /has no zip64 field, which/],
  [
    "a field of zip64 that is too short",
    changed(STORAGE, { size: 2 ** 32 - 1, extra: field64(8) }),
    /zip64 field that is too short/,
  ],
  ["more files than there are", torchZip(X, undefined, { count: 9 }), /directory has 4 files of 9/],
  ["fewer files than there are", torchZip(X, undefined, { count: 3 }), /directory has bytes left over/],
  [
    "200,001 files",
    torchZip(X, undefined, { zip64: true, count: 200_001 }),
    /lists 200001 files in .* over the limit/,
  ],
  ["2^53 files", torchZip(X, undefined, { zip64: true, count: 2 ** 53 }), /over the limit/],
  ["a directory elsewhere", torchZip(X, undefined, { begin: 0 }), /directory does not lie before the end/],
  [
    "a directory of another size",
    torchZip(X, undefined, { bytes: 4 }),
    /directory does not lie before the end/,
  ],
  [
    "a record of zip64 elsewhere",
    torchZip(X, undefined, { zip64: true, record64: 0 }),
    /zip64 record does not lie before/,
  ],
  [
    "another byte order",
    changed(BYTEORDER, { content: latin1("big") }),
    /its byteorder is "big", not "little"\. Only/,
  ],

  // The format before 1.6.
  ["another version", legacy(X, { version: "\x80\x02M\xe8\x03." }), /its version is 1000, not 1001\. Only/],
  [
    "the other byte order, before 1.6",
    legacy(X, { info: INFO.replace("\x88", "\x89") }),
    /of the other byte order\. Only/,
  ],
  ["storages that are no list", legacy(X, { keys: "\x80\x02}." }), /its list of storages is none/],
  [
    "a storage that nothing describes",
    legacy(X, { keys: `\x80\x02](${unicode("1")}e.` }),
    /a storage that nothing in it describes/,
  ],
  ["no storages", legacy(X, { keys: "\x80\x02]." }), /its storage "0" is not in the file/],
  ["another number of elements", legacy(X, { count: 3 }), /not of the size that its pickle says/],
  [
    "storages cut short",
    legacy(X, { data: TWO.subarray(1) }),
    /reach beyond its end: it was not fetched whole/,
  ],
  [
    "a storage described twice",
    legacy(stateDict({ x: tensor(), y: tensor({ length: int(1), sizes: tuple(int(1)) }) })),
    /is described in two ways/,
  ],
  ["the first pickle alone", legacy(X).subarray(0, 15), ENDED],
];
