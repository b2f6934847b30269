// The manual of hvsock/windows has every public name, and the commands of hvsock that the manual shows are understood.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { registerCommand } from 'hvsock/windows';
import { readServicesCommandLine } from '#src/cli/services-arguments.js';
import { readVmsCommandLine } from '#src/cli/vms-arguments.js';
import { type Page, parsePage, placeOf, readManual, readPage, root } from './manual.js';

/** The words of a command, as PowerShell and shells read them as far as they agree. */
function wordsOf(command: string): string[] {
  const words = command.match(/(?:'(?:[^']|'')*'|"[^"]*"|[^\s'"]+)+/g) ?? [];
  return words.map((word) =>
    word.replaceAll(/'((?:[^']|'')*)'|"([^"]*)"/g, (_all, single, double) => single?.replaceAll("''", "'") ?? double),
  );
}

function understand(command: string): object | undefined {
  const [, name, ...args] = wordsOf(command);
  return name === 'vms' ? readVmsCommandLine(args) : readServicesCommandLine(args);
}

/** The commands in blocks of the pages that are not understood, with why. */
function misunderstood(pages: readonly Page[]): { seen: number; problems: string[] } {
  const problems: string[] = [];
  let seen = 0;
  for (const page of pages) {
    for (const block of page.blocks.filter(({ language }) => ['sh', 'powershell'].includes(language))) {
      for (const [index, line] of block.text.split('\n').entries()) {
        const [command] = /^hvsock (?:vms|services)\b[^#|;&]*/.exec(line) ?? [];
        if (command === undefined) continue;
        seen++;
        try {
          understand(command);
        } catch (error) {
          problems.push(`${placeOf(page, { line: block.line + index })}: ${(error as Error).message}`);
        }
      }
    }
  }
  return { seen, problems };
}

test('every public name of hvsock/windows is in its manual', () => {
  const declarations = readFileSync(join(root, 'dist/windows/index.d.ts'), 'utf8');
  const names = [...declarations.matchAll(/export (?:type )?\{([^}]*)\}/g)]
    .flatMap(([, list = '']) => list.split(','))
    .map((item) => item.trim().replace(/^type /, ''));
  assert.ok(names.includes('listVirtualMachines') && names.includes('WindowsOptions'));
  const { text } = readPage('docs/windows.md');
  assert.deepEqual(
    names.filter((name) => !new RegExp(`(?<!\\w)${name}(?!\\w)`).test(text)),
    [],
  );
});

test('the commands for machines and services that the manual shows are understood', () => {
  const { seen, problems } = misunderstood(readManual());
  assert.ok(seen >= 10);
  assert.deepEqual(problems, []);
});

test('a command that is not understood is named', () => {
  const page = parsePage(
    'a.md',
    '```powershell\nhvsock vms\nhvsock services rgister 1 # x\nhvsock vms --jsn | more\n```\n',
  );
  assert.deepEqual(misunderstood([page]), {
    seen: 3,
    problems: [
      'a.md:3: there is no command services rgister: list, register or unregister',
      "a.md:4: unknown option '--jsn'",
    ],
  });
});

test('so is the command that messages quote', () => {
  const service = { action: 'register', json: false, serviceId: '00000400-facb-11e6-bd58-64006a7986d3' };
  assert.deepEqual(understand(registerCommand(1024)), { ...service, name: undefined });
  const name = 'Ann\'s `$echo` "x" %PATH%';
  assert.deepEqual(understand(registerCommand(1024, name)), { ...service, name });
});
