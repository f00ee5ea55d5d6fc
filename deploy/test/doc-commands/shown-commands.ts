import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One command that a page shows. */
export interface ShownCommand {
  page: string;
  /** As written, without a comment behind it. */
  line: string;
}

/** A word that begins a command. Other words in backticks are names. */
const PROGRAM =
  /^(?:[A-Z_]+=\S+ )?(?:npm|npx|node|docker|kubectl|helm|holdfast|deploy\/test\/[\w-]+\.sh)(?= [\w./-]|$)/;
/** In backticks, these alone are names of programs, not commands. */
const NAME = /^(?:npm|npx|node|docker|kubectl|helm|holdfast)$/;

/** Every page that tells people what to type. */
export const pagesOf = (root: string): string[] => [
  ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'SECURITY.md', 'deploy/README.md'],
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** Each line of a `sh` block, and each command in backticks. A line with pipes is several commands. */
export function shownCommands(root: string): ShownCommand[] {
  const found = pagesOf(root).flatMap((page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const blocks = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) => linesOf(block));
    const prose = text.replace(/^```[\s\S]*?^```/gm, '');
    const inline = [...prose.matchAll(/`([^`\n]+)`/g)]
      .map(([, code = '']) => code)
      .filter((code) => PROGRAM.test(code) && !NAME.test(code));
    return [...blocks, ...inline].flatMap((line) => line.split(' | ')).map((line) => ({ page, line: line.trim() }));
  });
  return [...new Map(found.map((each) => [`${each.page} ${each.line}`, each])).values()];
}

const linesOf = (block: string): string[] =>
  block
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .map((line) => line.replace(/\s+#\s.*$/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
