import type { RpcId } from './rpc-error.ts';
import { eachElement, eachMember, readString, skipSpace } from './json-scan.ts';

/** What the mesh must know of one JSON-RPC message. Strings longer than their bound, and members of a wrong type, are null. */
export interface RpcMessage {
  kind: 'request' | 'notification' | 'response' | 'invalid';
  method: string | null;
  /** The id, in its own type; null when there is none or it is no string and no number. */
  id: RpcId;
  /** The id's own JSON text, so that `1.0`, or a number beyond 2^53, goes back as it came. */
  idText: string | null;
  /** `params.name`: tool or prompt. */
  name: string | null;
  /** `params.uri`: resource. */
  uri: string | null;
  /** `params.level` of logging/setLevel. */
  level: string | null;
  taskId: string | null;
  requestState: string | null;
  /** `params._meta["io.modelcontextprotocol/protocolVersion"]`. */
  claimedVersion: string | null;
  /** `params.requestId` of notifications/cancelled, as JSON text. */
  cancelsIdText: string | null;
  /** `error.code` of a response. */
  errorCode: number | null;
  /** `result.isError` of a response. */
  isToolError: boolean;
}

export type RpcBody =
  | { kind: 'single'; message: RpcMessage }
  | { kind: 'batch'; messages: RpcMessage[] }
  | { kind: 'invalid' };

/** More messages than this in one batch are not read: the body counts as invalid, and the replica judges it. */
export const MAX_BATCH = 1000;
const MAX_METHOD_BYTES = 128,
  MAX_NAME_BYTES = 1024,
  MAX_URI_BYTES = 8192,
  MAX_ID_BYTES = 1024,
  MAX_STATE_BYTES = 1 << 20;
export const VERSION_CLAIM = 'io.modelcontextprotocol/protocolVersion';
const OPEN_ARRAY = 0x5b,
  OPEN_OBJECT = 0x7b;

/** Classifies a body: one pass over its bytes, nothing built that isn't asked for. Never throws. */
export function readRpcBody(bytes: Buffer): RpcBody {
  const at = skipSpace(bytes, 0);
  if (bytes[at] === OPEN_OBJECT) {
    const { message, end } = readMessage(bytes, at);
    return end < 0 || skipSpace(bytes, end) !== bytes.length ? { kind: 'invalid' } : { kind: 'single', message };
  }
  if (bytes[at] !== OPEN_ARRAY) return { kind: 'invalid' };
  const messages: RpcMessage[] = [];
  const end = eachElement(bytes, at, (start) => messages.push(readMessage(bytes, start).message) <= MAX_BATCH);
  return end < 0 || messages.length === 0 || skipSpace(bytes, end) !== bytes.length
    ? { kind: 'invalid' }
    : { kind: 'batch', messages };
}

/** The messages of a body, none for an invalid one. */
export const messagesOf = (body: RpcBody): RpcMessage[] =>
  body.kind === 'single' ? [body.message] : body.kind === 'batch' ? body.messages : [];

function readMessage(bytes: Buffer, at: number): { message: RpcMessage; end: number } {
  const m: RpcMessage = {
    kind: 'invalid',
    method: null,
    id: null,
    idText: null,
    name: null,
    uri: null,
    level: null,
    taskId: null,
    requestState: null,
    claimedVersion: null,
    cancelsIdText: null,
    errorCode: null,
    isToolError: false,
  };
  let hasId = false,
    hasAnswer = false,
    paramsAt = -1,
    resultAt = -1,
    errorAt = -1;
  const end = eachMember(bytes, at, (key, start, stop) => {
    switch (key) {
      case 'method':
        m.method = readString(bytes, start, stop, MAX_METHOD_BYTES) ?? null;
        break;
      case 'id':
        hasId = true;
        readId(m, bytes, start, stop);
        break;
      case 'params':
        paramsAt = start;
        break;
      case 'result':
        hasAnswer = true;
        resultAt = start;
        break;
      case 'error':
        hasAnswer = true;
        errorAt = start;
        break;
    }
  });
  if (paramsAt >= 0 && m.method !== null) readParams(m, bytes, paramsAt);
  if (resultAt >= 0)
    eachMember(bytes, resultAt, (key, start, stop) => {
      if (key === 'isError') m.isToolError = bytes.toString('latin1', start, stop) === 'true';
    });
  if (errorAt >= 0)
    eachMember(bytes, errorAt, (key, start, stop) => {
      if (key === 'code') m.errorCode = readNumber(bytes, start, stop);
    });
  if (end >= 0)
    m.kind =
      m.method !== null
        ? hasId
          ? m.idText === null
            ? 'invalid'
            : 'request'
          : 'notification'
        : hasAnswer
          ? 'response'
          : 'invalid';
  return { message: m, end };
}

function readId(m: RpcMessage, bytes: Buffer, start: number, end: number): void {
  m.id = null;
  m.idText = null;
  if (end - start > MAX_ID_BYTES) return;
  const id = readString(bytes, start, end, MAX_ID_BYTES) ?? readNumber(bytes, start, end);
  if (id === null) return;
  m.id = id;
  m.idText = bytes.toString('utf8', start, end);
}

function readNumber(bytes: Buffer, start: number, end: number): number | null {
  const first = bytes[start]!;
  if (end - start > 64 || !(first === 0x2d || (first >= 0x30 && first <= 0x39))) return null;
  const number = Number(bytes.toString('latin1', start, end));
  return Number.isFinite(number) ? number : null;
}

function readParams(m: RpcMessage, bytes: Buffer, at: number): void {
  let metaAt = -1;
  eachMember(bytes, at, (key, start, end) => {
    switch (key) {
      case 'name':
        m.name = readString(bytes, start, end, MAX_NAME_BYTES) ?? null;
        break;
      case 'uri':
        m.uri = readString(bytes, start, end, MAX_URI_BYTES) ?? null;
        break;
      case 'level':
        m.level = readString(bytes, start, end, MAX_METHOD_BYTES) ?? null;
        break;
      case 'taskId':
        m.taskId = readString(bytes, start, end, MAX_NAME_BYTES) ?? null;
        break;
      case 'requestState':
        m.requestState = readString(bytes, start, end, MAX_STATE_BYTES) ?? null;
        break;
      case 'requestId':
        m.cancelsIdText = end - start <= MAX_ID_BYTES ? bytes.toString('utf8', start, end) : null;
        break;
      case '_meta':
        metaAt = start;
        break;
    }
  });
  if (metaAt < 0) return;
  eachMember(bytes, metaAt, (key, start, end) => {
    if (key === VERSION_CLAIM) m.claimedVersion = readString(bytes, start, end, MAX_METHOD_BYTES) ?? null;
  });
}
