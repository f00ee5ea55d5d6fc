import { parseArgs } from 'node:util';
import { SPEC_VERSIONS } from './suite.ts';
import type { SpecVersion } from './suite.ts';
import type { Guard } from './targets.ts';

export interface ConformanceOptions {
  versions: SpecVersion[];
  guards: Guard[];
  isDirectOnly: boolean;
  /** A replica is killed between scenarios. */
  kills: boolean;
  json: boolean;
}

export const USAGE = `usage: npm run conformance -- [--spec-version ${SPEC_VERSIONS.join('|')}]… [--guard on|off|both] [--direct-only] [--kill] [--json]`;

/** A text says what is wrong. */
export function readConformanceOptions(argv: readonly string[]): ConformanceOptions | string {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...argv],
      options: {
        'spec-version': { type: 'string', multiple: true, default: [...SPEC_VERSIONS] },
        guard: { type: 'string', default: 'both' },
        'direct-only': { type: 'boolean', default: false },
        kill: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    return (error as Error).message;
  }
  if (values.help) return USAGE;
  const unknown = values['spec-version'].find((version) => !(SPEC_VERSIONS as readonly string[]).includes(version));
  if (unknown !== undefined) return `--spec-version ${unknown}: expected one of ${SPEC_VERSIONS.join(', ')}`;
  if (!['on', 'off', 'both'].includes(values.guard)) return `--guard ${values.guard}: expected on, off or both`;
  return {
    versions: values['spec-version'] as SpecVersion[],
    guards: values.guard === 'both' ? ['on', 'off'] : [values.guard as Guard],
    isDirectOnly: values['direct-only'],
    kills: values.kill,
    json: values.json,
  };
}
