// Command lines as Go's flag package reads them: -name and --name are the same, letters do not combine, nothing stands alone.
import { UsageError } from './arguments.ts';

/**
 * What may follow a flag: `value` needs one, `switch` has one only behind `=`, and `level` takes a number and is 1
 * without.
 */
export type FlagForm = 'value' | 'switch' | 'level';

/** The flags that were given, with their last values; a switch alone is `true`. */
export type GoFlags<Name extends string> = Readonly<Partial<Record<Name, string>>>;

/** @throws UsageError for a flag that is not in `forms`, a value that is missing, and what is no flag */
export function readGoFlags<Name extends string>(
  args: readonly string[],
  forms: Readonly<Record<Name, FlagForm>>,
): GoFlags<Name> {
  const flags: Partial<Record<Name, string>> = {};
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] as string;
    const [, dashes, name = '', given] = /^(--?)([a-z][\w-]*)(?:=(.*))?$/is.exec(arg) ?? [];
    if (dashes === undefined) throw new UsageError(`${JSON.stringify(arg)} is no option`);
    if (!Object.hasOwn(forms, name)) throw new UsageError(`there is no option ${dashes}${name}`);
    flags[name as Name] = given ?? following(forms[name as Name], args[index + 1], () => index++, `${dashes}${name}`);
  }
  return flags;
}

function following(form: FlagForm, next: string | undefined, take: () => void, flag: string): string {
  if (form === 'switch') return 'true';
  if (form === 'level' && !/^\d+$/.test(next ?? '')) return '1';
  if (next === undefined) throw new UsageError(`${flag} needs a value`);
  take();
  return next;
}

/**
 * Whether a switch is on.
 * @throws UsageError naming the flag
 */
export function readSwitch(flag: string, text: string | undefined): boolean {
  if (text === undefined || text === 'false') return false;
  if (text === 'true') return true;
  throw new UsageError(`${flag} is true or false, not ${JSON.stringify(text)}`);
}
