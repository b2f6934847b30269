// Links between the Markdown files of the project lead somewhere.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join, posix } from 'node:path';
import { test } from 'node:test';
import { type Page, parsePage, placeOf, readPage, root } from './manual.js';

/** The project's Markdown files: what git knows or would add; outside a checkout, all but the packages'. */
function markdownFiles(): string[] {
  let names: string[];
  try {
    const output = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    names = output.split('\0');
  } catch {
    const folders = ['.', 'docs', 'test', 'bench', 'examples'].filter((name) => existsSync(join(root, name)));
    names = folders.flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: folder !== '.', encoding: 'utf8' }).map((name) =>
        posix.join(folder, name.replaceAll('\\', '/')),
      ),
    );
  }
  return names.filter((name) => name.endsWith('.md') && existsSync(join(root, name))).sort();
}

const isExternal = (target: string) => /^[a-z][a-z0-9+.-]*:/i.test(target);

/** Links of `pages` that lead nowhere. `read` gives the page that a link goes to; it is asked for files that exist. */
function brokenLinks(
  pages: readonly Page[],
  exists: (file: string) => boolean,
  read: (file: string) => Page,
): string[] {
  const problems: string[] = [];
  for (const page of pages) {
    for (const link of page.links) {
      if (isExternal(link.target)) continue;
      const [path = '', anchor] = decodeURIComponent(link.target).split('#', 2);
      const file = path === '' ? page.file : posix.join(posix.dirname(page.file), path);
      const place = `${placeOf(page, link)}: ${link.target}`;
      if (file.startsWith('../') || !exists(file)) problems.push(`${place}: no such file`);
      else if (anchor !== undefined && file.endsWith('.md')) {
        const target = file === page.file ? page : read(file);
        if (!target.anchors.has(anchor)) problems.push(`${place}: no such heading`);
      }
    }
  }
  return problems;
}

test('relative links lead to files and headings', () => {
  const pages = markdownFiles().map(readPage);
  assert.ok(pages.length >= 5);
  assert.ok(pages.flatMap(({ links }) => links).length >= 20);
  assert.deepEqual(
    brokenLinks(pages, (file) => existsSync(join(root, file)), readPage),
    [],
  );
});

test('a link that leads nowhere is named, one in a block is none', () => {
  const text = `# A page

[here](#a-page) [there](b.md#the-list-hosta-b) [web](https://example.org/x#y) [up](../c.js)

\`\`\`ts
const list = [f](nowhere);
\`\`\`

[gone](gone.md) [outside](../../x.md)
[no heading](#b) [none
there](b.md#list)
`;
  const pages = new Map(
    [parsePage('docs/a.md', text), parsePage('docs/b.md', '## The list: `host(a[, b])`\n')].map((page) => [
      page.file,
      page,
    ]),
  );
  const problems = brokenLinks(
    [...pages.values()],
    (file) => pages.has(file) || file === 'c.js',
    (file) => pages.get(file) as Page,
  );
  assert.deepEqual(problems, [
    'docs/a.md:9: gone.md: no such file',
    'docs/a.md:9: ../../x.md: no such file',
    'docs/a.md:10: #b: no such heading',
    'docs/a.md:11: b.md#list: no such heading',
  ]);
});
