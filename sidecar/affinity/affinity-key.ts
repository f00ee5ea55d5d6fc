import { hash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { eachMember, readString, skipSpace } from '../../proto/json-scan.ts';
import type { RpcMessage } from '../../proto/json-rpc.ts';
import { parseJson } from '../../proto/parse-json.ts';
import type { ServerPolicy } from '../../proto/server-policy.ts';
import { headerValue } from './header-value.ts';
import { followPointer } from './json-pointer.ts';

/** Something that only one replica holds, by the digest of its name: neither task ids nor states are stored. */
export interface AffinityKey {
  kind: 'task' | 'state' | 'handle';
  digest: string;
}

type Handles = ServerPolicy['affinity']['handles'];
/** Longest requestState that is looked for. */
const MAX_STATE_BYTES = 1 << 20,
  MAX_NAME_BYTES = 1024;

const key = (kind: AffinityKey['kind'], ...parts: string[]): AffinityKey => ({
  kind,
  digest: hash('sha256', JSON.stringify(parts)),
});
/** Handles that are given and taken under one name: the argument's, else the header's. */
const nameOf = ({ argument, header }: Handles[number]): string => argument ?? header?.toLowerCase() ?? '';
const textOf = (value: unknown): string | null =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : null;

/** What a request names, the surest first. The body decides; a header only for handles that are declared by header alone. */
export function keysOfRequest(
  { method, taskId, requestState }: RpcMessage,
  body: Buffer,
  headers: IncomingHttpHeaders,
  handles: Handles,
): AffinityKey[] {
  const keys: AffinityKey[] = [];
  if (requestState !== null) keys.push(key('state', requestState));
  if (taskId !== null && method?.startsWith('tasks/')) keys.push(key('task', taskId));
  if (handles.length === 0) return keys;
  const args = followPointer(parseJson(body), '/params/arguments');
  for (const handle of handles) {
    const inBody =
      handle.argument === undefined
        ? null
        : textOf(followPointer(args, `/${handle.argument.replaceAll('~', '~0').replaceAll('/', '~1')}`));
    const inHeader =
      handle.argument === undefined && handle.header !== undefined ? headers[handle.header.toLowerCase()] : undefined;
    const value = inBody ?? (typeof inHeader === 'string' ? headerValue(inHeader) : null);
    if (value !== null) keys.push(key('handle', nameOf(handle), value));
  }
  return keys;
}

/** What an answer hands out that only its replica holds. */
export function keysOfAnswer(data: Buffer, handles: Handles): AffinityKey[] {
  const keys: AffinityKey[] = [];
  let resultAt = -1;
  eachMember(data, skipSpace(data, 0), (name, start) => {
    if (name === 'result') resultAt = start;
  });
  if (resultAt < 0) return keys;
  let isTask = false,
    taskId: string | undefined;
  eachMember(data, resultAt, (name, start, end) => {
    if (name === 'resultType') isTask = readString(data, start, end, MAX_NAME_BYTES) === 'task';
    else if (name === 'taskId') taskId = readString(data, start, end, MAX_NAME_BYTES);
    else if (name === 'requestState') {
      const state = readString(data, start, end, MAX_STATE_BYTES);
      if (state !== undefined) keys.push(key('state', state));
    }
  });
  if (isTask && taskId !== undefined) keys.push(key('task', taskId));
  if (handles.some(({ resultPath }) => resultPath !== undefined)) {
    const result = followPointer(parseJson(data), '/result');
    for (const handle of handles) {
      const value = handle.resultPath === undefined ? null : textOf(followPointer(result, handle.resultPath));
      if (value !== null) keys.push(key('handle', nameOf(handle), value));
    }
  }
  return keys;
}
