/**
 * WebDataset shards: tar archives in which members with one name before the first dot are a sample, and what comes after
 * it is the column: `000017.jpg`, `000017.txt`, `000017.cls`. Images are not read, only found.
 */
import { basename } from "node:path";
import { UserError } from "../../../base/user_error.ts";
import { openRegularFile, readFully, readRange, reason } from "../../../io/file_bytes.ts";
import { isJsonObject, parseStrictJson } from "../../../io/strict_json.ts";
import { cleanName } from "../../index/names.ts";
import { StoredBytes } from "../../stored_bytes.ts";
import { JSON_LIMITS, LONGEST_ROW, type OpenFormat, type StreamedRow } from "../table_format.ts";
import { type TarMember, tarMembers } from "./tar_headers.ts";

/** The column of the name that the members of a sample share. */
const KEY = "__key__";
/** Members of these endings are texts; others stay where they are until somebody wants their bytes. */
const TEXTS =
  /^(?:txt|text|caption|title|transcript|cls|cls2|class|label|count|index|inx|id|split|csv|json|.*\.(?:txt|json|cls))$/;

export const openTar: OpenFormat = (path) => {
  return Promise.resolve({ columns: [], warnings: [], rows: samplesOf(path) });
};

async function* samplesOf(path: string): AsyncGenerator<StreamedRow> {
  using file = openRegularFile(path);
  let line = 0, fault: string | undefined;
  let sample: Map<string, unknown> | undefined;
  const row = (): StreamedRow =>
    fault === undefined ? { line, values: Object.fromEntries(sample!) } : { line, values: {}, fault };
  try {
    for (const member of tarMembers(path, file)) {
      const [, key, ending = ""] = /^((?:.*\/)?[^/.]+)\.([^/]+)$/.exec(member.name) ?? [];
      if (key === undefined) continue; // it belongs to no sample, such as one whose name begins with a dot
      if (sample?.get(KEY) !== key) {
        if (sample !== undefined) yield row();
        sample = new Map([[KEY, key]]);
        fault = undefined;
        line++;
      }
      try {
        for (const [name, value] of cellsOf(path, file, member, ending.toLowerCase())) {
          sample.set(name, value);
        }
      } catch (error) {
        fault ??= `has a "${member.name}" that ${reason(error)}`;
      }
    }
  } catch (error) {
    if (sample === undefined) throw new UserError(`Cannot read ${path}: it ${reason(error)}`);
    fault = `cannot be read: the archive ${reason(error)}`;
  }
  if (sample !== undefined) yield row();
}

/** The cell of a member; of an object of JSON, its keys as cells too: `json.title`. */
function cellsOf(path: string, file: Deno.FsFile, member: TarMember, column: string): [string, unknown][] {
  const { name, offset, size } = member;
  if (!TEXTS.test(column)) {
    return [[
      column,
      new StoredBytes(path, `${basename(path)}, ${name}`, () => readRange(path, offset, size)),
    ]];
  }
  const text = textIn(path, file, member);
  if (!/^(?:.*\.)?json$/.test(column)) return [[column, text]];
  const value = parseStrictJson(text, JSON_LIMITS);
  const inner = isJsonObject(value) ? Object.entries(value) : [];
  return [
    [column, value],
    ...inner.map(([key, cell]): [string, unknown] => [`${column}.${cleanName(key)}`, cell]),
  ];
}

function textIn(path: string, file: Deno.FsFile, { offset, size }: TarMember): string {
  if (size > LONGEST_ROW) throw new Error(`is over the limit of ${LONGEST_ROW} bytes`);
  const bytes = new Uint8Array(size);
  readFully(path, file, offset, bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("is not valid UTF-8");
  }
}
