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

function expectation(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return TYPE_WORDS[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return `one of ${list(issue.values)}`;
    case 'too_small':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `${String(issue.minimum)} or more`
        : `at least ${String(issue.minimum)} ${issue.origin === 'string' ? 'characters' : 'entries'}`;
    case 'too_big':
      return issue.origin === 'number' || issue.origin === 'int'
        ? `${String(issue.maximum)} or less`
        : `at most ${String(issue.maximum)} ${issue.origin === 'string' ? 'characters' : 'entries'}`;
    case 'invalid_format':
      if (issue.format === 'starts_with')
        return `text that starts with ${(issue as { prefix?: string }).prefix ?? '/'}`;
      return issue.format === 'url' ? 'a URL' : issue.message;
    case 'invalid_union':
      {
        const options = optionsOf(issue);
        if (options) return `one of ${list(options)}`;
      }
      return [...new Set(issue.errors.map((one) => (one[0] ? expectation(one[0]) : '')))]
        .filter((one) => one !== '')
        .join(', or ');
    default:
      return issue.message;
  }
}

/** Turns one issue of the schema into words: one per unknown key, each with the nearest valid key. */
export function describeIssue(issue: z.core.$ZodIssue, schema: JsonSchema): Described[] {
  if (issue.code === 'unrecognized_keys') {
    const valid = knownKeys(schema, issue.path);
    return issue.keys.map((key) => ({
      path: [...issue.path, key],
      expected: 'a known key',
      got: `the unknown key ${showValue(key)}`,
      suggestion: didYouMean(key, valid) ?? `Valid here: ${valid.join(', ')}.`,
    }));
  }
  const values =
    issue.code === 'invalid_value'
      ? issue.values
      : issue.code === 'invalid_union'
        ? (optionsOf(issue) ?? issue.errors.flatMap((one) => (one[0]?.code === 'invalid_value' ? one[0].values : [])))
        : [];
  const isDiscriminator = issue.code === 'invalid_union' && issue.discriminator !== undefined;
  const input = isDiscriminator
    ? (issue.input as Record<string, unknown> | undefined)?.[issue.discriminator!]
    : issue.input;
  return [
    {
      path: [...issue.path],
      expected: expectation(issue),
      got: showValue(input),
      suggestion: didYouMean(input, values),
    },
  ];
}
