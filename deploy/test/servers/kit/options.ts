import { Command } from 'commander';
import { formatOptionProblem, readCommandLine, value, wholeNumber } from '../../../../proto/command-line.ts';

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

interface Values {
  port: number;
  host: string;
  path: string;
  name?: string;
  ledger?: string;
  sseOnly: boolean;
  jsonResponses: boolean;
  stateless: boolean;
  httpSse: boolean;
  sessionTtlMs: number;
  maxSessions: number;
  resumable: boolean;
  localhostOnly: boolean;
  toolErrorRate: number;
  tlsCertificate?: string;
  tlsKey?: string;
}

const share = value('a number from 0 to 1', (text) => {
  const number = Number(text);
  return text !== '' && number >= 0 && number <= 1 ? number : undefined;
});

const serverCommand = (): Command =>
  new Command('server')
    .description('An example MCP server.')
    .option('--port <port>', '0 takes a free one', wholeNumber(0, 65_535), 0)
    .option('--host <address>', 'where it listens', '127.0.0.1')
    .option('--path <path>', 'path of MCP', '/mcp')
    .option('--name <label>', 'what whoami answers')
    .option('--ledger <file>', 'one line is appended for each charge')
    .option('--sse-only', 'answers are event streams', false)
    .option('--json-responses', 'answers are JSON', false)
    .option('--stateless', 'no session ids', false)
    .option('--http-sse', 'speaks HTTP+SSE (2024-11-05) too', false)
    .option('--session-ttl-ms <ms>', 'idle sessions are closed after it', wholeNumber(1, 30 * 86_400_000), 3_600_000)
    .option('--max-sessions <n>', 'further ones are refused', wholeNumber(1, 1_000_000), 20_000)
    .option('--resumable', 'keeps events for Last-Event-ID', false)
    .option('--localhost-only', 'refuses foreign Host and Origin headers', false)
    .option('--tool-error-rate <share>', 'tool calls that answer with isError', share, 0)
    .option('--tls-certificate <file>', 'PEM; with --tls-key')
    .option('--tls-key <file>', 'PEM; with --tls-certificate');

/** What `--help` and `--version` ask for. */
export class Information extends Error {}

/** Throws with one message that says what is wrong and what is expected. */
export function readOptions(argv: readonly string[], fallbackName: string): ServerOptions {
  const read = readCommandLine<Values>(serverCommand(), argv);
  if (read.kind === 'information') throw new Information(read.text);
  if (read.kind === 'bad') throw new Error(read.problems.map(formatOptionProblem).join('; '));
  const { port, host, path, sessionTtlMs, maxSessions, toolErrorRate, ...values } = read.values;
  if (values.sseOnly && values.jsonResponses)
    throw new Error('--sse-only and --json-responses exclude each other: give one of them');
  const { tlsCertificate: certificateFile, tlsKey: keyFile } = values;
  if ((certificateFile === undefined) !== (keyFile === undefined))
    throw new Error('--tls-certificate and --tls-key belong together: give both');
  return {
    port,
    host,
    path,
    name: values.name ?? fallbackName,
    ledger: values.ledger ?? null,
    responses: values.jsonResponses ? 'json' : 'sse',
    isStateless: values.stateless,
    hasHttpSse: values.httpSse,
    sessionTtlMs,
    maxSessions,
    isResumable: values.resumable,
    isLocalhostOnly: values.localhostOnly,
    toolErrorRate,
    tls: certificateFile === undefined || keyFile === undefined ? null : { certificateFile, keyFile },
  };
}
