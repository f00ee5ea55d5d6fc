import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, isSeq, type Node, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';
import { inBlock, inFlow } from './render.ts';
import type { Splice } from './splice.ts';

type Mapping = Record<string, unknown>;

/** The place can't be changed in the text: an alias, a merged key, a key of an unusual kind. The caller writes the whole document again. */
export class NotPatchable extends Error {}

/** Splices that turn the text of `node`, which says `before`, into one that says `after`. What is equal in both is not touched. */
export function patchNode(source: string, node: unknown, before: unknown, after: unknown): Splice[] {
  if (isDeepStrictEqual(before, after)) return [];
  if (isMap(node) && isMapping(before) && isMapping(after)) return patchMap(source, node, before, after);
  if (isSeq(node) && Array.isArray(before) && Array.isArray(after)) return patchSeq(source, node, before, after);
  if (isScalar(node) && node.range && !isCollection(after)) {
    const [start, end] = node.range;
    const isBare = start === end;
    return [{ start, end, text: `${isBare && source[start - 1] === ':' ? ' ' : ''}${inFlow(after)}` }];
  }
  throw new NotPatchable('a value of another kind');
}

function patchMap(source: string, node: YAMLMap, before: Mapping, after: Mapping): Splice[] {
  const splices: Splice[] = [];
  const pairs = new Map(node.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : '', pair]));
  for (const name of Object.keys(before)) {
    const pair = pairs.get(name);
    if (name in after) {
      if (isDeepStrictEqual(before[name], after[name])) continue;
      if (!pair) throw new NotPatchable('a merged key');
      splices.push(...patchPair(source, node, pair, before[name], after[name]));
    } else {
      if (!pair) throw new NotPatchable('a merged key');
      splices.push(removal(source, node, node.items.indexOf(pair), keyStart(pair)));
    }
  }
  const added = Object.keys(after).filter((name) => !(name in before));
  if (added.length === 0) return splices;
  const [first] = node.items;
  if (!node.range) throw new NotPatchable('no place');
  if (node.flow === true) {
    const text = added.map((name) => `${inFlow(name)}: ${inFlow(after[name])}`).join(', ');
    const at = node.range[0] + 1;
    return [...splices, { start: at, end: at, text: first ? `${text}, ` : text }];
  }
  if (!first) throw new NotPatchable('an empty block');
  // After the first key, which is what people look for: the name of a container, the containers of a pod.
  const at = keyStart(node.items[1] ?? first),
    column = columnOf(source, keyStart(first));
  const text = added.map((name) => `${inBlock({ [name]: after[name] }, column)}\n${' '.repeat(column)}`).join('');
  return [...splices, { start: at, end: at, text }];
}

function patchPair(source: string, map: YAMLMap, pair: Pair, before: unknown, after: unknown): Splice[] {
  const value = pair.value as Node | null;
  if ((value && (isMap(value) || isSeq(value)) && isCollection(after)) || (isScalar(value) && !isCollection(after)))
    return patchNode(source, value, before, after);
  // Nothing stands there yet (`annotations:`), or a value of another kind: it is written in braces.
  if (isScalar(value) && value.range) {
    const [start, end] = value.range;
    const gap = start === end && /[:?]/.test(source[start - 1] ?? '') ? ' ' : '';
    return [{ start, end, text: `${gap}${inFlow(after)}` }];
  }
  throw new NotPatchable(`the value of ${String(pair.key)} in a map of ${map.items.length}`);
}

function patchSeq(source: string, node: YAMLSeq, before: readonly unknown[], after: readonly unknown[]): Splice[] {
  const splices: Splice[] = [];
  const places = align(before, after);
  let next = 0;
  /** Items of `after` that come before the item `index` of `before`. */
  const insert = (upTo: number, index: number): void => {
    const items = after.slice(next, upTo);
    if (items.length > 0) splices.push(insertion(source, node, index, items));
  };
  for (const [index, place] of places.entries()) {
    if (place === null) {
      splices.push(removal(source, node, index, itemStart(node, index)));
      continue;
    }
    insert(place, index);
    splices.push(...patchNode(source, node.items[index], before[index], after[place]));
    next = place + 1;
  }
  insert(after.length, before.length);
  return splices;
}

/** Where each item of `before` is in `after`, in rising order; null: it is gone. Items with a name are told apart by it, others by what they say. */
function align(before: readonly unknown[], after: readonly unknown[]): Array<number | null> {
  const identity = (item: unknown): string => {
    const { name, kind, metadata } = (isMapping(item) ? item : {}) as {
      name?: unknown;
      kind?: unknown;
      metadata?: { name?: unknown; namespace?: unknown };
    };
    if (typeof name === 'string') return `name ${name}`;
    return metadata && typeof metadata.name === 'string'
      ? JSON.stringify([kind, metadata.namespace, metadata.name])
      : JSON.stringify(item);
  };
  const names = after.map(identity);
  let from = 0;
  return before.map((item, index) => {
    let place = names.indexOf(identity(item), from);
    // Lists of equal length whose items have no names: the ports of a Service, changed in their place.
    if (place < 0 && before.length === after.length && from <= index && !isMapping(item) === !isMapping(after[index]))
      place = index;
    if (place < 0) return null;
    from = place + 1;
    return place;
  });
}

function insertion(source: string, node: YAMLSeq, index: number, items: readonly unknown[]): Splice {
  if (!node.range) throw new NotPatchable('no place');
  if (node.flow === true) {
    if (index > 0 && index === node.items.length) {
      const at = (node.items[index - 1] as Node).range?.[1];
      if (at === undefined) throw new NotPatchable('no place');
      return { start: at, end: at, text: items.map((item) => `, ${inFlow(item)}`).join('') };
    }
    const at = index === 0 ? node.range[0] + 1 : ((node.items[index] as Node).range?.[0] ?? 0);
    return { start: at, end: at, text: items.map(inFlow).join(', ') + (node.items.length > 0 ? ', ' : '') };
  }
  if (node.items.length === 0) throw new NotPatchable('an empty block');
  if (index < node.items.length) {
    const at = itemStart(node, index),
      column = columnOf(source, at);
    return {
      start: at,
      end: at,
      text: items.map((item) => `${inBlock([item], column)}\n${' '.repeat(column)}`).join(''),
    };
  }
  const column = columnOf(source, itemStart(node, 0)),
    at = contentEnd(source, node.items[index - 1]);
  return {
    start: at,
    end: at,
    text: items.map((item) => `\n${' '.repeat(column)}${inBlock([item], column)}`).join(''),
  };
}

/** Takes one item of a collection out. In a block it goes with the space up to the next one, as insertion put it there. */
function removal(source: string, node: YAMLMap | YAMLSeq, index: number, start: number): Splice {
  const isLast = index === node.items.length - 1;
  if (!isLast) {
    const following = isMap(node) ? keyStart(node.items[index + 1] as Pair) : itemStart(node, index + 1);
    return { start, end: following, text: '' };
  }
  if (index === 0) throw new NotPatchable('the only item of a collection');
  const before = node.items[index - 1],
    own = node.items[index];
  return { start: contentEnd(source, contentOf(before)), end: contentEnd(source, contentOf(own)), text: '' };
}

const contentOf = (item: unknown): unknown =>
  typeof item === 'object' && item !== null && 'key' in item && 'value' in item
    ? ((item as Pair).value ?? (item as Pair).key)
    : item;

function keyStart(pair: Pair): number {
  const { range } = pair.key as Node;
  // An anchor, a tag or a `?` before the key would stay behind.
  const token = (pair as { srcToken?: { start?: Array<{ type: string }> } }).srcToken;
  if (!range || token?.start?.some(({ type }) => type === 'explicit-key-ind' || type === 'anchor' || type === 'tag'))
    throw new NotPatchable('an unusual key');
  return range[0];
}

/** Where the dash of an item stands, or the item itself within brackets. */
function itemStart(node: YAMLSeq, index: number): number {
  if (node.flow === true) return (node.items[index] as Node).range?.[0] ?? 0;
  const { srcToken } = node as { srcToken?: { items?: Array<{ start: Array<{ type: string; offset: number }> }> } };
  const dash = srcToken?.items?.[index]?.start.find(({ type }) => type === 'seq-item-ind');
  if (!dash) throw new NotPatchable('an item without a dash');
  return dash.offset;
}

/** Where the last character of a value stands, line breaks apart. */
function contentEnd(source: string, value: unknown): number {
  const range = (value as Node | null)?.range;
  if (!range) throw new NotPatchable('no place');
  let end = range[1];
  while (end > 0 && /\s/.test(source[end - 1] ?? '')) end--;
  return end;
}

const columnOf = (source: string, at: number): number => at - (source.lastIndexOf('\n', at - 1) + 1);
const isMapping = (value: unknown): value is Mapping =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isCollection = (value: unknown): boolean => typeof value === 'object' && value !== null;
