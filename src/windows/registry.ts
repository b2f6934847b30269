// Keys of Windows' registry, by reg.exe and in the 64-bit view. Knows no key.
// What reg.exe prints depends on the system's language and code page. What it exports does not: UTF-16, and one form.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Commands } from './commands.ts';
import { isElevated } from './elevation.ts';

const REG = 'reg.exe';
const VIEW = '/reg:64';

/** One key and its values: texts and 32-bit numbers; those of other types are left out. */
export interface RegistryKey {
  readonly path: string;
  /** Names of values are in lower case: Windows does not tell them apart. */
  readonly values: ReadonlyMap<string, string | number>;
}

/**
 * A key, and all keys below it; none if it is not there.
 * Rejects as `Commands.run` does, and with ERR_HVSOCK_COMMAND if the registry cannot be read at all.
 */
export async function readKeys(commands: Commands, key: string): Promise<RegistryKey[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hvsock-'));
  try {
    const file = join(folder, 'keys.reg');
    const { status } = await commands.run(REG, 'export', key, file, '/y', VIEW);
    if (status === 0) return parseExport(await readFile(file, 'utf16le'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  await checkAccess(commands);
  return [];
}

/** Whether a key is there. */
export async function hasKey(commands: Commands, key: string): Promise<boolean> {
  const { status } = await commands.run(REG, 'query', key, VIEW);
  if (status !== 0) await checkAccess(commands);
  return status === 0;
}

/**
 * Makes a key, if it is not there, and sets one of its values.
 * @returns whether it was permitted
 */
export function setText(commands: Commands, key: string, name: string, text: string): Promise<boolean> {
  return change(commands, 'add', key, '/v', name, '/t', 'REG_SZ', '/d', text, '/f', VIEW);
}

/**
 * Removes a key that is there, and all below it.
 * @returns whether it was permitted
 */
export function deleteKey(commands: Commands, key: string): Promise<boolean> {
  return change(commands, 'delete', key, '/f', VIEW);
}

async function change(commands: Commands, ...args: string[]): Promise<boolean> {
  const outcome = await commands.run(REG, ...args);
  if (outcome.status === 0) return true;
  // The status is the same for every failure.
  if (await isElevated(commands)) throw commands.failure(REG, outcome);
  return false;
}

/** A key that is not there and a registry that may not be read have the same status. Every Windows has this value. */
async function checkAccess(commands: Commands): Promise<void> {
  const key = 'HKLM\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion';
  const outcome = await commands.run(REG, 'query', key, '/v', 'CurrentBuild', VIEW);
  if (outcome.status !== 0) throw commands.failure(REG, outcome);
}

// A key's line, or a value's: its name, and a text, which may hold line ends, or a number.
const item = /^(?:\[([^\r\n]*)\]\r?$|(?:@|"((?:[^"\\]|\\.)*)")=(?:"((?:[^"\\]|\\.)*)"|dword:([0-9a-f]{8})))/gimsu;

/** Reads the text of a `.reg` file. */
export function parseExport(text: string): RegistryKey[] {
  const keys: { path: string; values: Map<string, string | number> }[] = [];
  for (const [, path, name = '', string, number] of text.matchAll(item)) {
    if (path !== undefined) keys.push({ path, values: new Map() });
    else {
      const value = string === undefined ? Number.parseInt(number as string, 16) : unescaped(string);
      keys.at(-1)?.values.set(unescaped(name).toLowerCase(), value);
    }
  }
  return keys;
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, (_all, character: string) => {
    // Wine's; Windows writes line ends as they are.
    if (character === 'n') return '\n';
    return character === 'r' ? '\r' : character;
  });
}
