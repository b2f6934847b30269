// Stand-ins for Windows' programs, for what can be tested without Windows, or not at will with one. They answer in the
// forms that the real ones do, by their documentation and by Wine's reg.exe; none of them is proof of Windows itself.
import { writeFileSync } from 'node:fs';
import type { CommandOutcome, CommandRunner } from 'hvsock/windows';

/** What a stand-in answers: a status, and bytes or text on stdout. */
export type Answer = readonly [status: number, stdout?: string | Buffer, stderr?: string];

export type StandIn = (args: readonly string[]) => Answer | Promise<Answer>;

/** A runner of these programs, by the last part of their paths; any other one is not there. */
export function programs(standIns: Readonly<Record<string, StandIn>>): CommandRunner & { calls: string[][] } {
  const calls: string[][] = [];
  const run = async (path: string, args: readonly string[]): Promise<CommandOutcome> => {
    const name = path.split('\\').at(-1) ?? '';
    calls.push([path, ...args]);
    const standIn = standIns[name];
    if (standIn === undefined) throw Object.assign(new Error(`spawn ${path} ENOENT`), { code: 'ENOENT' });
    const [status, stdout = '', stderr = ''] = await standIn(args);
    return { status, stdout: Buffer.from(stdout as string), stderr: Buffer.from(stderr) };
  };
  return Object.assign(run, { calls });
}

export const services: string =
  'HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\Virtualization\\GuestCommunicationServices';
const hives = { HKLM: 'HKEY_LOCAL_MACHINE', HKCU: 'HKEY_CURRENT_USER', HKU: 'HKEY_USERS' } as const;
// In no language that anybody knows, in no encoding: nothing may depend on it.
const words = Buffer.from([0xb0, 0xb1, 0x5c, 0x0d, 0x0a]);

/** A registry with reg.exe, in memory. */
export class StandInRegistry {
  /** Keys by their paths; values as a `.reg` file shows them. */
  readonly keys: Map<string, Map<string, string>> = new Map([
    ['HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion', new Map([['CurrentBuild', '"26100"']])],
    ['HKEY_USERS\\S-1-5-19', new Map()],
  ]);
  isElevated = true;
  /** What a policy of the domain can take away. */
  isAllowed = true;

  readonly reg: StandIn = ([verb = '', key = '', ...rest]) => {
    if (rest.at(-1) !== '/reg:64' && !key.startsWith('HKU')) throw new Error(`in which view? ${rest.join(' ')}`);
    const path = key.replace(/^\w+/, (hive) => hives[hive as keyof typeof hives]);
    const below = [...this.keys].filter(([name]) => `${name}\\`.startsWith(`${path}\\`));
    const isHidden = path.endsWith('S-1-5-19') && !this.isElevated;
    if (!this.isAllowed || isHidden || (verb !== 'add' && below.length === 0)) return [1, '', String(words)];
    if (verb === 'export') {
      const lines = below.flatMap(([name, values]) => [
        `[${name}]`,
        ...[...values].map(([value, text]) => `${value === '' ? '@' : `"${value}"`}=${text}`),
        '',
      ]);
      writeFileSync(
        rest[0] as string,
        `\ufeffWindows Registry Editor Version 5.00\r\n\r\n${lines.join('\r\n')}`,
        'utf16le',
      );
    }
    if (verb === 'query' || verb === 'export') return [0, words];
    if (!this.isElevated) return [1, '', String(words)];
    if (verb === 'delete') for (const [name] of below) this.keys.delete(name);
    if (verb === 'add') {
      const [v, name = '', t, type, d, data = '', f] = rest;
      if ([v, t, type, d, f].join(' ') !== '/v /t REG_SZ /d /f') throw new Error(`add ${rest.join(' ')}`);
      const values = this.keys.get(path) ?? new Map();
      this.keys.set(path, values.set(name, `"${data.replaceAll(/["\\]/g, '\\$&')}"`));
    }
    return [0, words];
  };
}

/** A text as the script for PowerShell gives it. */
export const units = (text: string): string =>
  Array.from({ length: text.length }, (_all, index) => text.charCodeAt(index)).join(' ');

/** Objects as ConvertTo-Json -Compress gives them, one at a time, with the line ends of Windows. */
export const jsonLines = (...objects: object[]): string =>
  objects.map((object) => `${JSON.stringify(object)}\r\n`).join('');
