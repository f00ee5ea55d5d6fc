import { parseArgs } from 'node:util';

/** What the command line of an example server may say. */
export interface ServerOptions {
  port: number;
  host: string;
  path: string;
  /** Label that `whoami` shows; tests tell replicas apart by it. */
  name: string;
  /** File that each `charge` appends one line to; null: counted in the process only. */
  ledger: string | null;
  responses: 'sse' | 'json';
  /** No session ids at all: every request meets a fresh server object. */
  isStateless: boolean;
  /** Also speaks HTTP+SSE (2024-11-05): GET opens the stream, POST goes to `<path>/messages`. */
  hasHttpSse: boolean;
  /** Sessions idle for longer are closed. */
  sessionTtlMs: number;
  /** Further initializes are refused with 503. */
  maxSessions: number;
  /** Keeps events so that streams can be resumed with Last-Event-ID. */
  isResumable: boolean;
  /** Refuses foreign Host and Origin headers. */
  isLocalhostOnly: boolean;
  /** This share of tool calls, 0 to 1, answers with `isError` and does nothing: a bad release. */
  toolErrorRate: number;
  /** PEM files of the certificate and key to serve with; null: plain HTTP. */
  tls: { certificateFile: string; keyFile: string } | null;
}

const FLAGS = {
  port: { type: 'string', default: '0' },
  host: { type: 'string', default: '127.0.0.1' },
  path: { type: 'string', default: '/mcp' },
  name: { type: 'string' },
  ledger: { type: 'string' },
  'sse-only': { type: 'boolean', default: false },
  'json-responses': { type: 'boolean', default: false },
  stateless: { type: 'boolean', default: false },
  'http-sse': { type: 'boolean', default: false },
  'session-ttl-ms': { type: 'string', default: '3600000' },
  'max-sessions': { type: 'string', default: '20000' },
  resumable: { type: 'boolean', default: false },
  'localhost-only': { type: 'boolean', default: false },
  'tool-error-rate': { type: 'string', default: '0' },
  'tls-certificate': { type: 'string' },
  'tls-key': { type: 'string' },
} as const;

/** Throws with one message that says what is wrong and what is expected. */
export function readOptions(argv: readonly string[], fallbackName: string): ServerOptions {
  const { values } = parseArgs({ args: [...argv], options: FLAGS, strict: true });
  if (values['sse-only'] && values['json-responses'])
    throw new Error('--sse-only and --json-responses exclude each other: give one of them');
  const { 'tls-certificate': certificateFile, 'tls-key': keyFile } = values;
  if ((certificateFile === undefined) !== (keyFile === undefined))
    throw new Error('--tls-certificate and --tls-key belong together: give both');
  return {
    port: wholeNumber('--port', values.port, 0, 65_535),
    host: values.host,
    path: values.path,
    name: values.name ?? fallbackName,
    ledger: values.ledger ?? null,
    responses: values['json-responses'] ? 'json' : 'sse',
    isStateless: values.stateless,
    hasHttpSse: values['http-sse'],
    sessionTtlMs: wholeNumber('--session-ttl-ms', values['session-ttl-ms'], 1, 30 * 86_400_000),
    maxSessions: wholeNumber('--max-sessions', values['max-sessions'], 1, 1_000_000),
    isResumable: values.resumable,
    isLocalhostOnly: values['localhost-only'],
    toolErrorRate: share('--tool-error-rate', values['tool-error-rate']),
    tls: certificateFile === undefined || keyFile === undefined ? null : { certificateFile, keyFile },
  };
}

function wholeNumber(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text === '' || !Number.isInteger(value) || value < least || value > most)
    throw new Error(`${flag} ${text}: expected a whole number from ${least} to ${most}`);
  return value;
}

function share(flag: string, text: string): number {
  const value = Number(text);
  if (text === '' || !(value >= 0 && value <= 1)) throw new Error(`${flag} ${text}: expected a number from 0 to 1`);
  return value;
}
