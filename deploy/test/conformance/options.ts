import { Command } from 'commander';
import { commandLine, oneOf, several } from '../../../proto/command-line.ts';
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

interface Values {
  specVersion?: SpecVersion[];
  guard: Guard | 'both';
  directOnly: boolean;
  kill: boolean;
  json: boolean;
}

export const conformanceCommand = (): Command =>
  new Command('npm run conformance --')
    .description('The official conformance suite, directly and through the mesh.')
    .option('--spec-version <date>', 'one revision; may be repeated; default all', several(SPEC_VERSIONS))
    .option('--guard <which>', 'on, off or both', oneOf('on', 'off', 'both'), 'both')
    .option('--direct-only', 'without a mesh', false)
    .option('--kill', 'a replica is killed between scenarios', false)
    .option('--json', 'objectives as JSON', false);

/** A wrong command line ends the process with what is wrong. */
export function readConformanceOptions(argv?: readonly string[]): ConformanceOptions {
  const {
    specVersion = [...SPEC_VERSIONS],
    guard,
    directOnly,
    kill,
    json,
  } = commandLine<Values>(conformanceCommand(), argv).values;
  return {
    versions: specVersion,
    guards: guard === 'both' ? ['on', 'off'] : [guard],
    isDirectOnly: directOnly,
    kills: kill,
    json,
  };
}
