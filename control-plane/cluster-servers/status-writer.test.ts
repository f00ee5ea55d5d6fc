import test from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import type { McpServerObject } from './mcp-server.ts';
import { StatusWriter } from './status-writer.ts';

test('an object whose status the API server refuses, or never answers for, does not keep the others from theirs', async (t) => {
  const names = Array.from({ length: 100 }, (_, at) => `s${at}`);
  const objects: McpServerObject[] = names.map((name) => ({
    metadata: { name, namespace: 'team' },
    spec: { backends: [{ service: name }] },
  }));
  const written = new Set<string>();
  const warned: object[] = [];
  const isRefused = (name: string): boolean => Number(name.slice(1)) < 80;
  const writer = new StatusWriter({
    cluster: {
      resources: () => objects,
      problems: () => new Map(names.map((name) => [`McpServer team/${name}`, null])),
    },
    api: {
      writeStatus: async (_namespace, name) => {
        if (name === 's0') await new Promise(() => {});
        if (isRefused(name)) throw new Error('422');
        written.add(name);
      },
    },
    topology: () => null,
    discovery: () => new Map(),
    isLeader: () => true,
    now: () => 0,
    log: { warn: (said: object) => warned.push(said) },
    everyMs: 1,
    writeMs: 20,
  });
  t.teardown(() => writer.stop());
  await waitFor(() => written.size === 20, { what: 'the others’ statuses' });
  t.truthy(writer.problem());
  t.is(warned.length, 1);
});
