import type { Act, Verdict } from '../../proto/authorization/rule-book.ts';
import type { Json } from '../../proto/parse-json.ts';

/** What a result lists, by the member that has the list: the method that uses an entry, and the entry's member that names it. */
const LISTS = [
  ['tools', 'tools/call', 'name'],
  ['prompts', 'prompts/get', 'name'],
  ['resources', 'resources/read', 'uri'],
  ['resourceTemplates', 'resources/read', 'uriTemplate'],
] as const;

/** Methods whose answers list what may be used. */
export const LIST_METHODS: ReadonlySet<string> = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
]);

type JsonObject = { [key: string]: Json };
const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An answer without the entries that its reader may not use; null when nothing is to be left out. What was cut for one reader is no shared cache's. */
export function cutList(answer: JsonObject, may: (act: Act) => Verdict): JsonObject | null {
  const { result } = answer;
  if (!isObject(result)) return null;
  const cut: JsonObject = {};
  for (const [member, method, key] of LISTS) {
    const list = result[member];
    if (!Array.isArray(list)) continue;
    const kept = list.filter((entry) => {
      const object = isObject(entry) ? entry[key] : undefined;
      return may({ method, object: typeof object === 'string' ? object : '' }).is === 'allowed';
    });
    if (kept.length < list.length) cut[member] = kept;
  }
  if (Object.keys(cut).length === 0) return null;
  return {
    ...answer,
    result: { ...result, ...cut, ...(result['cacheScope'] === 'public' && { cacheScope: 'private' }) },
  };
}
