import type { ToolDescription } from '../probe/tool-description.ts';
import { schemaDiff, type SchemaChange } from './schema-diff.ts';

/** breaking: a client of the old list may fail. warning: it may behave differently. info: nothing to fear. */
export type ContractLevel = 'breaking' | 'warning' | 'info';
export interface ContractChange {
  level: ContractLevel;
  tool: string;
  description: string;
}

/** What clients send: allowing less breaks them. */
const INPUT: Record<SchemaChange['kind'], ContractLevel> = {
  narrowed: 'breaking',
  widened: 'info',
  'property-added': 'info',
  'property-removed': 'warning',
  changed: 'warning',
  text: 'info',
};
/** What clients read: allowing more breaks those that check it against the schema that they were told. */
const OUTPUT: Record<SchemaChange['kind'], ContractLevel> = {
  narrowed: 'info',
  widened: 'breaking',
  'property-added': 'info',
  'property-removed': 'breaking',
  changed: 'warning',
  text: 'info',
};

/** Defaults of the specification for hints that are absent, and what it means to lose the promise. */
const HINTS = [
  { name: 'readOnlyHint', default: false, safe: true, level: 'breaking' },
  { name: 'idempotentHint', default: false, safe: true, level: 'breaking' },
  { name: 'destructiveHint', default: true, safe: false, level: 'warning' },
  { name: 'openWorldHint', default: true, safe: false, level: 'warning' },
] as const;

/** How one backend's tools differ from another's, worst first. Equal lists give no changes; order does not matter. */
export function contractDiff(before: readonly ToolDescription[], after: readonly ToolDescription[]): ContractChange[] {
  const was = new Map(before.map((tool) => [tool.name, tool])),
    is = new Map(after.map((tool) => [tool.name, tool]));
  const changes: ContractChange[] = [];
  for (const [name, tool] of was) {
    const now = is.get(name);
    if (now) changes.push(...toolDiff(tool, now));
    else changes.push({ level: 'breaking', tool: name, description: 'removed' });
  }
  for (const name of is.keys()) if (!was.has(name)) changes.push({ level: 'info', tool: name, description: 'new' });
  return changes.sort(
    (one, other) => RANK[one.level] - RANK[other.level] || (one.tool < other.tool ? -1 : one.tool > other.tool ? 1 : 0),
  );
}

const RANK: Record<ContractLevel, number> = { breaking: 0, warning: 1, info: 2 };

function toolDiff(before: ToolDescription, after: ToolDescription): ContractChange[] {
  const { name: tool } = before;
  const changes: ContractChange[] = [];
  const add = (level: ContractLevel, description: string) => {
    changes.push({ level, tool, description });
  };
  for (const change of schemaDiff(before.inputSchema, after.inputSchema))
    add(INPUT[change.kind], `input ${place(change)}`);
  if (before.outputSchema !== undefined && after.outputSchema === undefined)
    add('breaking', 'output schema removed: no structured content is promised any more');
  else if (before.outputSchema === undefined && after.outputSchema !== undefined) add('info', 'output schema added');
  else
    for (const change of schemaDiff(before.outputSchema, after.outputSchema))
      add(OUTPUT[change.kind], `output ${place(change)}`);
  for (const hint of HINTS) {
    const was = before.annotations?.[hint.name] ?? hint.default,
      is = after.annotations?.[hint.name] ?? hint.default;
    if (was !== is) add(is === hint.safe ? 'info' : hint.level, `${hint.name} ${String(was)} → ${String(is)}`);
  }
  if (squeeze(before.description) !== squeeze(after.description))
    add('warning', 'description changed: models may use it differently');
  if ((before.title ?? before.annotations?.['title']) !== (after.title ?? after.annotations?.['title']))
    add('info', 'title changed');
  return changes;
}

const place = ({ path, description }: SchemaChange): string =>
  path === '' ? description : `\`${path}\`: ${description}`;
const squeeze = (text: string | undefined): string => (text ?? '').replace(/\s+/g, ' ').trim();
