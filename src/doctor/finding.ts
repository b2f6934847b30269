// One thing that the doctor has found: a row of the table, with its names filled in.
import { type FindingRow, findingRows, type Level } from './finding-rows.ts';

export type { Level } from './finding-rows.ts';

export type FindingId = keyof typeof findingRows;

export interface Finding {
  /** Stays the same in later versions. What is before the dot is what was looked at. */
  readonly id: FindingId;
  readonly level: Level;
  /** One sentence, without the full stop. */
  readonly why: string;
  /** Mends it. Absent where nothing is to be mended. */
  readonly command?: string;
}

type NamesIn<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;
type TextsOf<Id extends FindingId> = Extract<(typeof findingRows)[Id][keyof (typeof findingRows)[Id]], string>;
type ValuesOf<Id extends FindingId> = Readonly<Record<NamesIn<TextsOf<Id>>, string | number>>;

/** A finding; `values` has what the names in its texts stand for. */
export function finding<Id extends FindingId>(
  id: Id,
  ...[values]: [NamesIn<TextsOf<Id>>] extends [never] ? [] : [values: ValuesOf<Id>]
): Finding {
  const { level, why, command }: FindingRow = findingRows[id];
  const fill = (text: string) =>
    text.replace(/\{(\w+)\}/g, (_all, name: string) => String((values as Readonly<Record<string, unknown>>)[name]));
  return { id, level, why: fill(why), ...(command !== undefined && { command: fill(command) }) };
}
