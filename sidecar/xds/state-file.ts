import { parseJson } from '../../proto/parse-json.ts';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RESOURCE, SERVER_POLICY_TYPE } from '../../proto/wire.ts';
import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { accept, EMPTY_FLEET, type Accepted, type FleetState } from './fleet-state.ts';

interface Stored {
  format: 1;
  policies: Record<string, Saved>;
  endpoints: Record<string, Saved>;
}
interface Saved {
  version: string;
  json: object;
}

/** Writes what is accepted, atomically: a reader finds the old file or the new one. */
export async function writeStateFile(path: string, state: FleetState): Promise<void> {
  const saved = (from: ReadonlyMap<string, Accepted<unknown>>) =>
    Object.fromEntries([...from].map(([name, { version, json }]) => [name, { version, json }]));
  const stored: Stored = { format: 1, policies: saved(state.policies), endpoints: saved(state.endpoints) };
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.new`, JSON.stringify(stored), { mode: 0o600 });
  await rename(`${path}.new`, path);
}

/** What was accepted when the file was written, checked like anything from the control plane. Problems are sentences; without a file there is neither. */
export async function readStateFile(path: string): Promise<{ state: FleetState; problems: string[] }> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    return {
      state: EMPTY_FLEET,
      problems:
        (error as NodeJS.ErrnoException).code === 'ENOENT'
          ? []
          : [`${path} can't be read: ${(error as Error).message}`],
    };
  }
  try {
    const stored = parseJson(text) as Stored | undefined;
    if (stored === undefined) throw new Error('it is not JSON');
    if (stored.format !== 1)
      return {
        state: EMPTY_FLEET,
        problems: [`${path} has format ${JSON.stringify(stored.format)}, this version reads 1; it is ignored`],
      };
    const deliver = (entries: Record<string, Saved>, toName: (name: string) => string) =>
      Object.entries(entries).map(([name, { version, json }]) => ({ name: toName(name), version, json }));
    const first = accept(EMPTY_FLEET, {
      typeUrl: SERVER_POLICY_TYPE,
      resources: deliver(stored.policies, (name) => name),
      removed: [],
    });
    const second = accept(first.state, {
      typeUrl: RESOURCE_TYPE.endpoints,
      resources: deliver(stored.endpoints, RESOURCE.serverCluster),
      removed: [],
    });
    return { state: second.state, problems: [...first.problems, ...second.problems] };
  } catch (error) {
    return { state: EMPTY_FLEET, problems: [`${path} is damaged and is ignored: ${(error as Error).message}`] };
  }
}
