import { parseArgs } from 'node:util';
import { readAddress } from '../config/address.ts';

export interface Flags {
  config: string;
  /** `ip:port`; the configuration's when null. */
  xds: string | null;
  admin: string | null;
  stateDir: string | null;
}

export type ReadFlags = { kind: 'ok'; flags: Flags } | { kind: 'help' } | { kind: 'bad'; problem: string };

export const USAGE = `usage: control-plane --config FILE [--xds IP:PORT] [--admin IP:PORT] [--state-dir DIR]

  --config     the configuration file (YAML); followed while running
  --xds        where gateways fetch their resources; default: controlPlane.xds of the file
  --admin      admin API, /health, /readyz, /metrics; default: controlPlane.admin of the file
  --state-dir  where slots and versions are kept without Redis; default: controlPlane.stateDir
`;

/** Flags win over the environment, which wins over the file. */
export function readFlags(args: readonly string[]): ReadFlags {
  const text = { type: 'string' } as const;
  try {
    const { values } = parseArgs({
      args: [...args],
      options: { config: text, xds: text, admin: text, 'state-dir': text, help: { type: 'boolean', short: 'h' } },
    });
    if (values.help) return { kind: 'help' };
    if (values.config === undefined) return { kind: 'bad', problem: '--config is missing' };
    for (const name of ['xds', 'admin'] as const) {
      const value = values[name];
      if (value !== undefined && !readAddress(value))
        return { kind: 'bad', problem: `--${name}: ${JSON.stringify(value)} is not an address like 127.0.0.1:18000` };
    }
    return {
      kind: 'ok',
      flags: {
        config: values.config,
        xds: values.xds ?? null,
        admin: values.admin ?? null,
        stateDir: values['state-dir'] ?? null,
      },
    };
  } catch (error) {
    return { kind: 'bad', problem: (error as Error).message };
  }
}
