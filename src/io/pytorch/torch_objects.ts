// What PyTorch's pickles may name: the functions that build tensors, the types of storages, and some things that are
// often stored beside weights and are stepped over. This list is all there is; whatever else is named is refused.
import { refused, TorchFault } from "./fault.ts";
import { Dict, type Global, Inert, Tuple } from "./pickle_machine.ts";
import { byteSize, DTYPE_BYTES, rowMajorStrides, type StoredDtype } from "../stored_tensor.ts";

/** A run of bytes of the file, which any number of tensors show parts of. */
export interface Storage {
  readonly key: string;
  /** Undefined for bytes alone: the tensor says what they are. */
  readonly dtype: StoredDtype | undefined;
  /** Elements of that dtype, or bytes. */
  readonly length: number;
}

/** The root of a pickle, and where in the file the bytes of each of its storages begin. */
export interface Saved {
  readonly root: unknown;
  /** Throws a TorchFault where there is no such storage, or it is of another size. */
  readonly placeOf: (storage: Storage) => number;
}

/** A tensor as its pickle describes it. */
export class PickledTensor {
  readonly storage: Storage;
  readonly dtype: StoredDtype;
  readonly shape: readonly number[];
  /** Elements before the first, from the start of the storage. */
  readonly offset: number;
  /** Elements from the first to the end of the last. */
  readonly span: number;
  /** Undefined in row-major order without gaps. */
  readonly strides: readonly number[] | undefined;

  /** Throws a TorchFault for a view that its storage does not hold, or that shows elements more than once. */
  constructor(storage: unknown, offset: unknown, shape: unknown, strides: unknown, named?: StoredDtype) {
    if (!(storage instanceof StorageOf)) throw new TorchFault("it builds a tensor of what is no storage");
    const dtype = named ?? storage.dtype;
    if (dtype === undefined) throw new TorchFault("it builds a tensor without a dtype");
    const sizes = sizesOf(shape);
    const steps = sizesOf(strides);
    if (!isSize(offset) || sizes === undefined || steps === undefined || sizes.length !== steps.length) {
      throw new TorchFault("it builds a tensor whose offset, sizes and strides are no whole numbers from 0");
    }
    const elementBytes = DTYPE_BYTES[dtype];
    const bytes = byteSize(sizes, elementBytes);
    const span = bytes === 0 ? 0 : sizes.reduce((last, size, axis) => last + (size - 1) * steps[axis]!, 1);
    const held = storage.length * (storage.dtype === undefined ? 1 : elementBytes);
    const shows = () => `it has a tensor of sizes [${sizes.join(", ")}] and strides [${steps.join(", ")}]`;
    if (!((offset + span) * elementBytes <= held)) {
      throw new TorchFault(
        `${shows()} from element ${offset} on, which its storage of ${held} bytes does not hold`,
      );
    }
    if (!(bytes <= span * elementBytes)) throw refused(`${shows()}, which shows elements more than once`);
    const rowMajor = rowMajorStrides(sizes);
    this.storage = storage;
    this.dtype = dtype;
    this.shape = sizes;
    this.offset = offset;
    this.span = span;
    this.strides = bytes === 0 || sizes.every((size, axis) => size === 1 || steps[axis] === rowMajor[axis])
      ? undefined
      : steps;
  }
}

class StorageOf implements Storage {
  constructor(readonly key: string, readonly dtype: StoredDtype | undefined, readonly length: number) {}
}

class StorageType implements Global {
  constructor(readonly name: string, readonly dtype: StoredDtype | undefined) {}
}

class DtypeName implements Global {
  constructor(readonly name: string, readonly dtype: StoredDtype) {}
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** PyTorch's own limit is 64. */
const MAX_DIMENSIONS = 64;

function sizesOf(value: unknown): readonly number[] | undefined {
  if (!(value instanceof Tuple) || value.items.length > MAX_DIMENSIONS) return undefined;
  return value.items.every(isSize) ? value.items as number[] : undefined;
}

/** The storage that `("storage", type, key, device, length)` stands for; the device is of no matter. */
export function storageOf(id: unknown): Storage {
  const [kind, type, key, _device, length, view = null] = id instanceof Tuple ? id.items : [];
  if (kind !== "storage") throw refused("its pickle has an outer object that is no storage");
  if (!(type instanceof StorageType) || typeof key !== "string" || !isSize(length)) {
    throw new TorchFault("its pickle describes a storage by what are no type, name and length");
  }
  if (view !== null) {
    throw refused("it has a storage that is part of another, as PyTorch wrote them before 0.4");
  }
  return new StorageOf(key, type.dtype, length);
}

function tensorIn(value: unknown): PickledTensor {
  if (value instanceof PickledTensor) return value;
  throw new TorchFault("it makes a parameter of what is no tensor");
}

function dictFrom(pairs: unknown): Dict {
  const dict = new Dict();
  if (pairs === undefined) return dict;
  if (pairs instanceof Dict) {
    for (const [key, value] of pairs.entries) dict.set(key, value);
    return dict;
  }
  if (!Array.isArray(pairs)) throw refused("it makes a dict of what are no pairs");
  for (const pair of pairs) {
    const items: unknown = pair instanceof Tuple ? pair.items : pair;
    if (!Array.isArray(items) || items.length !== 2) throw refused("it makes a dict of what are no pairs");
    dict.set(items[0], items[1]);
  }
  return dict;
}

const STORAGES: Readonly<Record<string, StoredDtype | undefined>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

const DTYPES: Readonly<Record<string, StoredDtype>> = {
  float64: "F64",
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
  float8_e4m3fn: "F8_E4M3",
  float8_e5m2: "F8_E5M2",
  int64: "I64",
  int32: "I32",
  int16: "I16",
  int8: "I8",
  uint64: "U64",
  uint32: "U32",
  uint16: "U16",
  uint8: "U8",
  bool: "BOOL",
};

/** What a state dict is built with. Arguments after those named (gradients, hooks) are of no use. */
const BUILDERS: Readonly<Record<string, NonNullable<Global["call"]>>> = {
  "torch._utils._rebuild_tensor": ([storage, offset, shape, strides]) =>
    new PickledTensor(storage, offset, shape, strides),
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, strides]) =>
    new PickledTensor(storage, offset, shape, strides),
  "torch._utils._rebuild_tensor_v3": ([storage, offset, shape, strides, _requiresGrad, _hooks, dtype]) => {
    if (!(dtype instanceof DtypeName)) throw new TorchFault("it builds a tensor without a dtype");
    return new PickledTensor(storage, offset, shape, strides, dtype.dtype);
  },
  "torch._utils._rebuild_parameter": ([data]) => tensorIn(data),
  "torch._utils._rebuild_parameter_with_state": ([data]) => tensorIn(data),
  "torch._tensor._rebuild_from_type_v2": ([builder, _type, args]) => {
    const { name, call } = builder as Partial<Global> ?? {};
    if (name === undefined || !(name.startsWith("torch._utils.")) || !(args instanceof Tuple) || !call) {
      throw refused("it builds a tensor of another class");
    }
    return call(args.items);
  },
  "collections.OrderedDict": ([pairs]) => dictFrom(pairs),
  "collections.defaultdict": ([_factory, pairs]) => dictFrom(pairs),
  "collections.Counter": ([pairs]) => dictFrom(pairs),
};

/** Plain data that training scripts store beside weights: settings, numbers of numpy, paths. */
const INERT = new Set(
  `torch.Tensor torch.nn.parameter.Parameter torch.Size torch.device argparse.Namespace typing.Any
  numpy.dtype numpy.ndarray numpy.core.multiarray.scalar numpy.core.multiarray._reconstruct
  numpy._core.multiarray.scalar numpy._core.multiarray._reconstruct _codecs.encode
  builtins.set builtins.frozenset builtins.slice builtins.complex builtins.bytearray builtins.dict builtins.list
  builtins.int builtins.float builtins.str builtins.bool builtins.tuple
  __builtin__.set __builtin__.frozenset __builtin__.slice __builtin__.complex __builtin__.bytearray
  __builtin__.dict __builtin__.list __builtin__.int __builtin__.float __builtin__.str __builtin__.bool __builtin__.tuple
  pathlib.Path pathlib.PosixPath pathlib.PurePosixPath pathlib.WindowsPath pathlib.PureWindowsPath
  datetime.datetime datetime.timedelta`.split(/\s+/),
);
/** Packages whose objects a training framework stores beside weights. */
const INERT_PACKAGES = /^(pytorch_lightning|lightning|lightning_fabric|omegaconf)\./;

/** What a name of a pickle stands for. Throws a TorchFault that has the name for what is not in the lists above. */
export function torchGlobal(module: string, member: string): Global {
  const name = `${module}.${member}`;
  const [, storage] = /^torch(?:\.cuda)?\.(\w+Storage)$/.exec(name) ?? [];
  if (storage !== undefined && Object.hasOwn(STORAGES, storage)) {
    return new StorageType(name, STORAGES[storage]);
  }
  if (name === "torch.storage.UntypedStorage") return new StorageType(name, undefined);
  if (module === "torch" && Object.hasOwn(DTYPES, member)) return new DtypeName(name, DTYPES[member]!);
  if (Object.hasOwn(BUILDERS, name)) return { name, call: BUILDERS[name]! };
  if (INERT.has(name) || INERT_PACKAGES.test(name)) return { name, call: () => new Inert() };
  throw refused(`its pickle names ${printable(name)}, which is no part of weights`);
}

/** A name from a pickle on one line of a terminal. */
function printable(name: string): string {
  return JSON.stringify(name.length > 120 ? name.slice(0, 117) + "..." : name).slice(1, -1);
}
