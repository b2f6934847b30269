// Every program in the manual compiles, and the commands that it shows exist.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { usage } from '#src/cli/hvcat-usage.js';
import { type FencedBlock, type Page, parsePage, placeOf, readManual, root } from './manual.js';

const manual = readManual();

function blocksOf(pages: readonly Page[], ...languages: string[]): { page: Page; block: FencedBlock }[] {
  return pages.flatMap((page) =>
    page.blocks.filter(({ language }) => languages.includes(language)).map((block) => ({ page, block })),
  );
}

const typescript = join(root, 'node_modules/typescript/bin/tsc');

/** TypeScript's compiler is a program of the machine that npm has installed it on. */
const noCompiler =
  spawnSync(process.execPath, [typescript, '--version']).status !== 0 &&
  `TypeScript's compiler does not run on ${process.platform}: it was installed for another system; npm ci`;

/** What the compiler says of the `ts` blocks, each a module of its own, with the place in the manual. */
function compile(pages: readonly Page[]): string[] {
  // Within the package, so that 'hvsock' is the package itself.
  const folder = join(root, `build/docs/${process.pid}`);
  const blocks = blocksOf(pages, 'ts');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  try {
    for (const [index, { block }] of blocks.entries()) {
      writeFileSync(join(folder, `block-${index}.ts`), `${block.text}export {};\n`);
    }
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ extends: '../../../tsconfig.base.json', compilerOptions: { noEmit: true }, include: ['*.ts'] }),
    );
    const { stdout, stderr, status } = spawnSync(process.execPath, [typescript, '-p', '.', '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    });
    if (status === 0) return [];
    return `${stdout}${stderr}`
      .trim()
      .split('\n')
      .map((message) =>
        message.replace(/^block-(\d+)\.ts\((\d+),\d+\)/, (_all, index, line) => {
          const { page, block } = blocks[Number(index)] as (typeof blocks)[number];
          return placeOf(page, { line: block.line + Number(line) - 1 });
        }),
      );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Words of a shell line, up to the end of the command. Quoted text is one word. */
function wordsOf(command: string): string[] {
  return command.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? [];
}

/** The options that each call of hvcat in a shell block gives. */
function hvcatOptions(text: string): string[] {
  const options: string[] = [];
  for (const line of text.replaceAll('\\\n', ' ').split('\n')) {
    for (const [, call = ''] of line.matchAll(/(?:^|[\s'"(|;&])hvcat( +(?:'[^']*'|"[^"]*"|[^'"#|;&<>)])*)/g)) {
      for (const word of wordsOf(call)) {
        if (/^--[a-z]/.test(word)) options.push(word.replace(/=.*/, ''));
        else if (/^-[a-z]+$/i.test(word)) options.push(...[...word.slice(1)].map((letter) => `-${letter}`));
        else if (/^-[a-z]\d/i.test(word)) options.push(word.slice(0, 2));
      }
    }
  }
  return options;
}

const knownOptions = new Set(
  [...usage.matchAll(/^ {2,6}(-\w)?(?:, )?(--[a-z-]+)/gm)].flatMap(([, short, long = '']) => [
    ...(short ? [short] : []),
    long,
  ]),
);

function unknownCommands(pages: readonly Page[], scripts: Readonly<Record<string, string>>): string[] {
  const problems: string[] = [];
  for (const { page, block } of blocksOf(pages, 'sh', 'bash', 'shell', 'console')) {
    for (const [index, line] of block.text.split('\n').entries()) {
      const place = placeOf(page, { line: block.line + index });
      for (const [, name = ''] of line.matchAll(/\bnpm run(?: --?[a-z]\S*)* +([\w:-]+)/g)) {
        if (scripts[name] === undefined) problems.push(`${place}: package.json has no script ${name}`);
      }
    }
  }
  for (const page of pages) {
    for (const block of page.blocks) {
      for (const option of hvcatOptions(block.text)) {
        if (!knownOptions.has(option)) problems.push(`${placeOf(page, block)}: hvcat has no option ${option}`);
      }
    }
  }
  return problems;
}

test('every ts block of the manual compiles', { timeout: 120_000, skip: noCompiler }, () => {
  assert.ok(blocksOf(manual, 'ts').length >= 20);
  assert.deepEqual(compile(manual), []);
});

test('a block that does not compile is named by its file and line', { timeout: 120_000, skip: noCompiler }, () => {
  const text = "# A page\n\n```ts\nimport { connect } from 'hvsock';\n\nconnect(3, 1024);\n```\n";
  const [message = '', ...others] = compile([parsePage('docs/page.md', text)]);
  assert.match(message, /^docs\/page\.md:6: error TS/);
  assert.ok(
    others.every((line) => line.startsWith(' ')),
    others.join('\n'),
  );
});

test('the scripts and the options of hvcat that the manual shows exist', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  assert.deepEqual(unknownCommands(manual, scripts), []);
  assert.ok(manual.flatMap(({ blocks }) => blocks.flatMap(({ text }) => hvcatOptions(text))).length >= 20);
});

test('a script or an option that does not exist is named', () => {
  const commands = [
    'npm run demo && npm run -s dmeo',
    'hvcat --echoo :1 | head -n 1',
    'hvcat -lz :1 # -n',
    "ssh -o ProxyCommand='hvcat -y 3:22' vm",
    "hvcat -q0 --retry=3 -e 'ls -x' 3:1",
  ].join('\n');
  const page = parsePage('README.md', `\`\`\`sh\n${commands}\n\`\`\`\n`);
  assert.deepEqual(unknownCommands([page], { demo: '' }), [
    'README.md:2: package.json has no script dmeo',
    'README.md:2: hvcat has no option --echoo',
    'README.md:2: hvcat has no option -z',
    'README.md:2: hvcat has no option -y',
  ]);
});
