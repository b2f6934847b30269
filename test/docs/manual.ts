// The manual as tests see it: its files, headings, links and fenced blocks. Knows only as much
// Markdown as they use.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The package's folder, with a slash at the end. */
export const root: string = fileURLToPath(new URL('.', import.meta.resolve('hvsock/package.json')));

export interface FencedBlock {
  readonly language: string;
  readonly text: string;
  /** The line of the file that `text` begins on. */
  readonly line: number;
}

export interface Link {
  readonly target: string;
  readonly line: number;
}

export interface Page {
  /** Relative to the package, with slashes. */
  readonly file: string;
  readonly blocks: readonly FencedBlock[];
  readonly links: readonly Link[];
  /** What a link may name behind `#`. */
  readonly anchors: ReadonlySet<string>;
  /** All of it, blocks included. */
  readonly text: string;
}

/** `text` without its fenced blocks, line for line, and the blocks. */
function splitBlocks(text: string): { prose: string; blocks: FencedBlock[] } {
  const prose: string[] = [];
  const blocks: FencedBlock[] = [];
  let open: { fence: string; language: string; line: number; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const [, fence, language] = /^ *(`{3,}|~{3,}) *(\S*)/.exec(line) ?? [];
    if (open === undefined && fence !== undefined) {
      open = { fence, language: language ?? '', line: index + 2, lines: [] };
    } else if (open !== undefined && line.trim() === open.fence) {
      blocks.push({ language: open.language, text: `${open.lines.join('\n')}\n`, line: open.line });
      open = undefined;
    } else if (open !== undefined) {
      open.lines.push(line);
      prose.push('');
      continue;
    } else {
      prose.push(line);
      continue;
    }
    prose.push('');
  }
  if (open !== undefined) throw new Error(`the block that begins on line ${open.line} has no end`);
  return { prose: prose.join('\n'), blocks };
}

function readLinks(prose: string): Link[] {
  const matches = prose.matchAll(/\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)?)(?:\s+"[^"]*")?\)|^\[[^\]]+\]: *(\S+)/gm);
  return [...matches].map((match) => ({
    target: match[1] ?? (match[2] as string),
    line: prose.slice(0, match.index).split('\n').length,
  }));
}

/** Anchors as GitHub makes them: lower case, without punctuation, hyphens for spaces, a number behind a second one. */
function readAnchors(prose: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of prose.matchAll(/^#{1,6} +(.*?) *#*$/gm)) {
    const shown = heading.replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = shown
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`;
    anchors.add(anchor);
  }
  for (const [, id = ''] of prose.matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

export function parsePage(file: string, text: string): Page {
  const { prose, blocks } = splitBlocks(text);
  return { file, text, blocks, links: readLinks(prose), anchors: readAnchors(prose) };
}

export function readPage(file: string): Page {
  return parsePage(file, readFileSync(join(root, file), 'utf8'));
}

/** What users read: README.md and docs/. */
export function readManual(): Page[] {
  const docs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' });
  const files = docs.filter((name) => name.endsWith('.md')).map((name) => `docs/${name.replaceAll('\\', '/')}`);
  return ['README.md', ...files.sort()].map(readPage);
}

export const placeOf = (page: Page, { line }: { readonly line: number }): string => `${page.file}:${line}`;
