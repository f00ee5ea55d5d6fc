import { stringify } from 'yaml';

/** A value inside of braces: JSON, which is YAML too. */
export const inFlow = (value: unknown): string => JSON.stringify(value);

/** A value as block YAML, its lines after the first indented by `column`. Texts that YAML 1.1 would read as something else are quoted. */
export function inBlock(value: unknown, column: number): string {
  const text = stringify(value, { version: '1.1', lineWidth: 0, aliasDuplicateObjects: false }).trimEnd();
  return text.replaceAll('\n', `\n${' '.repeat(column)}`);
}
