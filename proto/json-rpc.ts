import { VERSION_CLAIM } from './era.ts';
import { eachElement, eachMember, readString, skipSpace, skipValue, type MemberVisitor } from './json-scan.ts';
import { MAX_JSON_DEPTH } from './parse-json.ts';

/** What the mesh must know of one JSON-RPC message. Strings longer than their bound, and members of a wrong type, are null. */
export interface RpcMessage {
  kind: 'request' | 'notification' | 'response' | 'invalid';
  method: string | null;
  /** The id, in its own type; null when there is none or it is no string and no number. */
  id: string | number | null;
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
  /** What it asks for stands there twice, or under a name in other case as well: servers read that differently. */
  isAmbiguous: boolean;
}

export type RpcBody =
  | { kind: 'single'; message: RpcMessage }
  | { kind: 'batch'; messages: RpcMessage[] }
  /** `malformed`: no JSON, or nested too deep. `no-message`: JSON that is no message. `too-many`: a batch of more than `MAX_BATCH`. */
  | { kind: 'invalid'; why: 'malformed' | 'no-message' | 'too-many' };

/** More messages than this in one batch are not read: the body counts as invalid. */
export const MAX_BATCH = 1000;
const MAX_METHOD_BYTES = 128,
  MAX_NAME_BYTES = 1024,
  MAX_URI_BYTES = 8192,
  MAX_ID_BYTES = 1024,
  MAX_STATE_BYTES = 1 << 20;
const OPEN_ARRAY = 0x5b,
  OPEN_OBJECT = 0x7b,
  LETTER_T = 0x74;

/** Classifies a body without building what nobody asks for. Never throws. A single message and a batch are JSON that `parseJson` takes. */
export function readRpcBody(bytes: Buffer): RpcBody {
  const at = skipSpace(bytes, 0);
  const isWhole = (end: number): boolean => end >= 0 && skipSpace(bytes, end) === bytes.length;
  if (bytes[at] === OPEN_OBJECT) {
    const { message, end } = readMessage(bytes, at);
    return isWhole(end) ? { kind: 'single', message } : MALFORMED;
  }
  if (bytes[at] !== OPEN_ARRAY) return isWhole(skipValue(bytes, at)) ? NO_MESSAGE : MALFORMED;
  const messages: RpcMessage[] = [];
  const end = eachElement(
    bytes,
    at,
    (start) => messages.push(readMessage(bytes, start, MAX_JSON_DEPTH - 1).message) <= MAX_BATCH,
  );
  if (messages.length > MAX_BATCH) return { kind: 'invalid', why: 'too-many' };
  if (!isWhole(end)) return MALFORMED;
  return messages.length === 0 ? NO_MESSAGE : { kind: 'batch', messages };
}

const MALFORMED: RpcBody = { kind: 'invalid', why: 'malformed' };
const NO_MESSAGE: RpcBody = { kind: 'invalid', why: 'no-message' };

/** The messages of a body, none for an invalid one. */
export const messagesOf = (body: RpcBody): RpcMessage[] =>
  body.kind === 'single' ? [body.message] : body.kind === 'batch' ? body.messages : [];

function readMessage(bytes: Buffer, at: number, depth = MAX_JSON_DEPTH): { message: RpcMessage; end: number } {
  const message = noMessage();
  let hasId = false;
  let hasAnswer = false;
  let seen = 0;
  const visit: MemberVisitor = (key, start, end) => {
    if (key === 'method') {
      seen = once(message, seen, SEEN_METHOD);
      message.method = readString(bytes, start, end, MAX_METHOD_BYTES) ?? null;
    } else if (key === 'id') {
      hasId = true;
      readId(message, bytes, start, end);
    } else if (key === 'result' || key === 'error') {
      hasAnswer = true;
      forgetAnswer(message, key, bytes[start] === OPEN_OBJECT);
    } else if (key === 'params') {
      seen = once(message, seen, SEEN_PARAMS);
      if (bytes[start] !== OPEN_OBJECT) forgetParams(message);
    } else noteOtherCase(message, key, 'METHOD', 'PARAMS');
  };
  const end = eachMember(bytes, at, visit, depth, (key) => {
    if (key === 'params') return (start, left) => readParams(message, bytes, start, left);
    if (key === 'result') return (start, left) => readResult(message, bytes, start, left);
    if (key === 'error') return (start, left) => readError(message, bytes, start, left);
    return null;
  });
  if (message.method === null) forgetParams(message);
  if (end >= 0) message.kind = kindOf(message, hasId, hasAnswer);
  return { message, end };
}

const noMessage = (): RpcMessage => ({
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
  isAmbiguous: false,
});

const SEEN_METHOD = 1,
  SEEN_PARAMS = 2,
  SEEN_NAME = 4,
  SEEN_URI = 8;
/** Members seen so far, with one more. */
function once(message: RpcMessage, seen: number, member: number): number {
  if ((seen & member) !== 0) message.isAmbiguous = true;
  return seen | member;
}

/** As servers read that take names in any case, and the long s for an s. */
function noteOtherCase(message: RpcMessage, key: string, one: string, other: string): void {
  if (key.length !== one.length && key.length !== other.length) return;
  const upper = key.toUpperCase();
  if (upper === one || upper === other) message.isAmbiguous = true;
}

function kindOf({ method, idText }: RpcMessage, hasId: boolean, hasAnswer: boolean): RpcMessage['kind'] {
  if (method === null) return hasAnswer ? 'response' : 'invalid';
  if (!hasId) return 'notification';
  return idText === null ? 'invalid' : 'request';
}

/** A later duplicate of the member counts alone. */
function forgetParams(message: RpcMessage): void {
  message.name = message.uri = message.level = message.taskId = message.requestState = null;
  message.claimedVersion = message.cancelsIdText = null;
}
function forgetAnswer(message: RpcMessage, key: 'result' | 'error', isObject: boolean): void {
  if (isObject) return;
  if (key === 'result') message.isToolError = false;
  else message.errorCode = null;
}

function readResult(message: RpcMessage, bytes: Buffer, at: number, depth: number): number {
  message.isToolError = false;
  const visit: MemberVisitor = (key, start, end) => {
    // A whole value that begins so is the literal.
    if (key === 'isError') message.isToolError = bytes[start] === LETTER_T && end === start + 4;
  };
  return eachMember(bytes, at, visit, depth);
}

function readError(message: RpcMessage, bytes: Buffer, at: number, depth: number): number {
  message.errorCode = null;
  const visit: MemberVisitor = (key, start, end) => {
    if (key === 'code') message.errorCode = readNumber(bytes, start, end);
  };
  return eachMember(bytes, at, visit, depth);
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
  const first = bytes[start] ?? 0;
  if (end - start > 64 || !(first === 0x2d || (first >= 0x30 && first <= 0x39))) return null;
  const number = Number(bytes.toString('latin1', start, end));
  return Number.isFinite(number) ? number : null;
}

function readParams(message: RpcMessage, bytes: Buffer, at: number, depth: number): number {
  forgetParams(message);
  let seen = 0;
  const visit: MemberVisitor = (key, start, end) => {
    const text = (maxBytes: number): string | null => readString(bytes, start, end, maxBytes) ?? null;
    switch (key) {
      case 'name':
        seen = once(message, seen, SEEN_NAME);
        message.name = text(MAX_NAME_BYTES);
        break;
      case 'uri':
        seen = once(message, seen, SEEN_URI);
        message.uri = text(MAX_URI_BYTES);
        break;
      case 'level':
        message.level = text(MAX_METHOD_BYTES);
        break;
      case 'taskId':
        message.taskId = text(MAX_NAME_BYTES);
        break;
      case 'requestState':
        message.requestState = text(MAX_STATE_BYTES);
        break;
      case 'requestId':
        message.cancelsIdText = end - start <= MAX_ID_BYTES ? bytes.toString('utf8', start, end) : null;
        break;
      case '_meta':
        if (bytes[start] !== OPEN_OBJECT) message.claimedVersion = null;
        break;
      default:
        noteOtherCase(message, key, 'NAME', 'URI');
    }
  };
  return eachMember(bytes, at, visit, depth, (key) =>
    key === '_meta' ? (start, left) => readMeta(message, bytes, start, left) : null,
  );
}

function readMeta(message: RpcMessage, bytes: Buffer, at: number, depth: number): number {
  message.claimedVersion = null;
  const visit: MemberVisitor = (key, start, end) => {
    if (key === VERSION_CLAIM) message.claimedVersion = readString(bytes, start, end, MAX_METHOD_BYTES) ?? null;
  };
  return eachMember(bytes, at, visit, depth);
}
