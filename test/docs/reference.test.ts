// The manual tells of every public name, every option and every error code.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import * as hvsock from 'hvsock';
import * as hvsockHttp from 'hvsock/http';
import { parsePage, readPage, root } from './manual.js';

const optionTypes = [
  'ConnectOptions',
  'ServerOptions',
  'ListenOptions',
  'RetryOptions',
  'StreamOptions',
  'BufferOptions',
  'AttemptOptions',
];

/** The names that an index.d.ts exports, types included. */
function exportedNames(declarations: string): string[] {
  return [...declarations.matchAll(/export (?:type )?\{([^}]*)\}/g)].flatMap(([, list = '']) =>
    list
      .split(',')
      .map((item) => item.trim().replace(/^type /, ''))
      .filter((item) => item !== '')
      .map((item) => / as (\w+)$/.exec(item)?.[1] ?? item),
  );
}

/** The properties that an interface declares itself, by the text of its declaration; undefined if it is not there. */
function propertiesOf(declarations: string, name: string): string[] | undefined {
  const [, body] = new RegExp(`interface ${name}\\b[^{]*\\{(.*?)^\\}`, 'ms').exec(declarations) ?? [];
  return body === undefined
    ? undefined
    : [...body.matchAll(/^ {4}(?:readonly )?(\w+)\??[:(]/gm)].map((m) => m[1] ?? '');
}

const mentions = (text: string, name: string) => new RegExp(`(?<![\\w$])${name}(?![\\w$])`).test(text);

/** Whether some table of the page has a row that begins with this code word. */
const hasRow = (text: string, name: string) =>
  text.split('\n').some((line) => /^\|[^|]*/.exec(line)?.[0].includes(`\`${name}\``));

/** The part of a page below a heading, up to the next heading that is no deeper. */
function section(text: string, heading: string): string {
  const [, level = ''] = new RegExp(`^(#+) ${heading}$`, 'm').exec(text) ?? [];
  const start = text.search(new RegExp(`^#+ ${heading}$`, 'm'));
  if (start < 0) return '';
  const rest = text.slice(start + level.length);
  const end = rest.search(new RegExp(`^#{1,${level.length}} `, 'm'));
  return end < 0 ? rest : rest.slice(0, end);
}

function readTree(folder: string, end: string, isWanted: (name: string) => boolean = () => true): string {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(end) && isWanted(name))
    .sort()
    .map((name) => readFileSync(join(root, folder, name), 'utf8'))
    .join('\n');
}

const api = readPage('docs/api.md').text;
const errors = readPage('docs/errors.md').text;
const framing = readPage('docs/framing.md').text;
const addresses = readPage('docs/addresses.md').text;
const http = readPage('docs/http.md').text;
const declarations = readTree('dist', '.d.ts');

test('every exported name is in the manual', () => {
  const names = exportedNames(readFileSync(join(root, 'dist/index.d.ts'), 'utf8'));
  // What is parsed is what there is: every value that the module has at run time was found.
  for (const name of Object.keys(hvsock)) assert.ok(names.includes(name), `${name} was not found in index.d.ts`);
  const missing = names.filter((name) => ![api, addresses, errors].some((text) => mentions(text, name)));
  assert.deepEqual(missing, []);
});

test('every name that hvsock/http exports is in its page', () => {
  const names = exportedNames(readFileSync(join(root, 'dist/http/index.d.ts'), 'utf8'));
  for (const name of Object.keys(hvsockHttp)) assert.ok(names.includes(name), `${name} was not found in index.d.ts`);
  assert.deepEqual(
    names.filter((name) => !mentions(http, name)),
    [],
  );
});

test('every option has a row in the manual', () => {
  const missing: string[] = [];
  for (const type of optionTypes) {
    const properties = propertiesOf(declarations, type);
    assert.ok(properties !== undefined && properties.length > 0, `${type} was not found in dist/`);
    // Those who take the options of another type show them too.
    const sections = {
      StreamOptions: ['ConnectOptions', 'ServerOptions'],
      BufferOptions: ['ConnectOptions', 'ListenOptions'],
      AttemptOptions: ['ConnectOptions'],
    }[type] ?? [type];
    for (const heading of sections) {
      const text = section(api, heading);
      missing.push(...properties.filter((name) => !hasRow(text, name)).map((name) => `${heading}: ${name}`));
    }
  }
  assert.deepEqual(missing, []);
});

test('every public method, property and event of Socket, Server and FramedSocket is in the manual', () => {
  const missing: string[] = [];
  for (const [name, type, page] of [
    ['Socket', hvsock.Socket, api],
    ['Server', hvsock.Server, api],
    ['FramedSocket', hvsock.FramedSocket, framing],
    ['FramedSocket', Object.getPrototypeOf(hvsock.FramedSocket) as typeof hvsock.FramedSocket, framing],
  ] as const) {
    const text = section(page, `Class: \`${name}\``);
    for (const key of Object.getOwnPropertyNames(type.prototype)) {
      // Every stream emits.
      if (key !== 'constructor' && key !== 'emit' && !key.startsWith('_') && !mentions(text, key))
        missing.push(`${name}: ${key}`);
    }
  }
  const [, events = ''] = /interface ServerEvents\b[^{]*\{(.*?)^\}/ms.exec(declarations) ?? [];
  const names = [...events.matchAll(/^ {4}(\w+):/gm)].map(([, name = '']) => name);
  assert.ok(names.length >= 5);
  for (const name of names) if (!api.includes(`#### Event: '${name}'`)) missing.push(`event ${name}`);
  assert.deepEqual(missing, []);
});

test('every error code of the source has a row in docs/errors.md', () => {
  // src/testing makes no errors of its own; it names Node's, to expect them.
  const source = readTree('src', '.ts', (name) => !name.startsWith('testing'));
  const codes = new Set(source.match(/\bERR_[A-Z_]+[A-Z]\b/g));
  assert.ok(codes.has('ERR_HVSOCK_NATIVE'));
  assert.deepEqual(
    [...codes].filter((code) => !hasRow(errors, code)),
    [],
  );
});

test('what reads the declarations finds what is there, and what is not', () => {
  const index = "export { type A, b, c as d } from './x.js';\nexport type {\n  E,\n} from './y.js';\n";
  assert.deepEqual(exportedNames(index), ['A', 'b', 'd', 'E']);
  const text = 'export interface A extends B {\n    /** Of: it. */\n    readonly x?: number;\n    y(z: 1): void;\n}\n';
  assert.deepEqual(propertiesOf(text, 'A'), ['x', 'y']);
  assert.equal(propertiesOf(text, 'AB'), undefined);
  const page = parsePage('a.md', '## A\n\n| `x`, `y` | `z` |\n\n### B\n\n| `w` |\n\n## C\n\n| `v` |\n').text;
  assert.deepEqual(
    ['v', 'w', 'x', 'y', 'z'].filter((name) => hasRow(section(page, 'A'), name)),
    ['w', 'x', 'y'],
  );
  assert.equal(mentions('`connectAsync`', 'connect'), false);
});
