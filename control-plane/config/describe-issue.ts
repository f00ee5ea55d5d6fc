import type * as z from 'zod';
import type { JsonSchema } from './json-schema.ts';
import { knownKeys } from './known-keys.ts';
import { nearest } from '../../proto/config-file/nearest.ts';
import { showValue } from '../../proto/config-file/problem.ts';

export interface Described {
  path: PropertyKey[];
  expected: string;
  got: string;
  suggestion: string | null;
}

const TYPE_WORDS: Record<string, string> = {
  object: 'a mapping',
  array: 'a list',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  record: 'a mapping',
};
/** Options of a discriminated union; zod gives them without saying so in its type. */
const optionsOf = (issue: object): unknown[] | undefined => (issue as { options?: unknown[] }).options;
const list = (values: readonly unknown[]) => values.map(String).join(', ');
const didYouMean = (word: unknown, values: readonly unknown[]): string | null => {
  const meant = typeof word === 'string' ? nearest(word, values.map(String)) : undefined;
  return meant === undefined ? null : `Did you mean ${meant}?`;
};

const isNumeric = (origin: string): boolean => origin === 'number' || origin === 'int';
const unitOf = (origin: string): string => (origin === 'string' ? 'characters' : 'entries');

function expectationOfUnion(issue: z.core.$ZodIssueInvalidUnion): string {
  const options = optionsOf(issue);
  if (options) return `one of ${list(options)}`;
  return [...new Set(issue.errors.flatMap(([first]) => (first ? [expectation(first)] : [])))].join(', or ');
}

/** The values that were allowed in place of the one that is wrong; empty when that is not a choice of values. */
function allowedValues(issue: z.core.$ZodIssue): readonly unknown[] {
  if (issue.code === 'invalid_value') return issue.values;
  if (issue.code !== 'invalid_union') return [];
  return optionsOf(issue) ?? issue.errors.flatMap(([first]) => (first?.code === 'invalid_value' ? first.values : []));
}

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_WORDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return `one of ${list(issue.values)}`;
    case 'too_small':
      return isNumeric(issue.origin)
        ? `${String(issue.minimum)} or more`
        : `at least ${String(issue.minimum)} ${unitOf(issue.origin)}`;
    case 'too_big':
      return isNumeric(issue.origin)
        ? `${String(issue.maximum)} or less`
        : `at most ${String(issue.maximum)} ${unitOf(issue.origin)}`;
    case 'invalid_format':
      if (issue.format === 'starts_with')
        return `text that starts with ${(issue as { prefix?: string }).prefix ?? '/'}`;
      return issue.format === 'url' ? 'a URL' : issue.message;
    case 'invalid_union':
      return expectationOfUnion(issue);
    default:
      return issue.message;
  }
}

/** Where people write a token although its file belongs there. */
const mayBeSecret = ([section, key, ofServer]: PropertyKey[]): boolean =>
  (section === 'tracing' && (key === 'endpoint' || key === 'headerFiles')) ||
  (section === 'servers' && ofServer === 'headerFiles');

/**
 * What is wrong inside the value, such as an entry of a list or a key of a mapping. Only where one kind of a union
 * takes its type.
 */
function issuesInside(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || optionsOf(issue)) return [];
  const [inside = [], ...others] = issue.errors.filter((kind) =>
    kind.every(({ path, code }) => path.length > 0 || code === 'unrecognized_keys'),
  );
  return others.length > 0 ? [] : inside.map((each) => ({ ...each, path: [...issue.path, ...each.path] }));
}

/** Turns one issue of the schema into words: one per unknown key, each with the nearest valid key. */
export function describeIssue(issue: z.core.$ZodIssue, schema: JsonSchema): Described[] {
  const inside = issuesInside(issue);
  if (inside.length > 0) return inside.flatMap((each) => describeIssue(each, schema));
  if (issue.code === 'unrecognized_keys') {
    const valid = knownKeys(schema, issue.path);
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      expected: 'a known key',
      got: `the unknown key ${showValue(key)}`,
      suggestion: didYouMean(key, valid) ?? `Valid here: ${valid.join(', ')}.`,
    }));
  }
  const discriminator = issue.code === 'invalid_union' ? issue.discriminator : undefined;
  const input =
    discriminator === undefined ? issue.input : (issue.input as Record<string, unknown> | undefined)?.[discriminator];
  return [
    {
      path: [...issue.path],
      expected: expectation(issue),
      got: mayBeSecret(issue.path) ? 'another text, which may hold a secret' : showValue(input),
      suggestion: didYouMean(input, allowedValues(issue)),
    },
  ];
}
