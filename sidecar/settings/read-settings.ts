import { parseArgs } from 'node:util';
import { LineCounter, parseDocument } from 'yaml';
import { overlay, readEnvironment, type Environment } from '../../proto/config-file/environment.ts';
import { nearest } from '../../proto/config-file/nearest.ts';
import { formatPath, showValue, type Problem } from '../../proto/config-file/problem.ts';
import { isLoopback } from '../../proto/identity/host.ts';
import { sharedSettingsSchema, type SharedSettings } from '../../proto/settings.ts';

/** Address that something listens on or is reached at: a TCP `host:port`, or a Unix socket's path. */
export type Endpoint = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string };

export interface SidecarSettings {
  nodeId: string;
  /** Control planes, `host:port`, in the order in which they are tried. */
  controlPlanes: [string, ...string[]];
  extProc: Endpoint;
  relay: { host: string; port: number };
  admin: { host: string; port: number };
  /** The relay over mTLS for neighbours; null: they use `relay`, where it can be reached. */
  relayPeer: { host: string; port: number } | null;
  /** ext_proc over TCP for neighbours; null: none. */
  peer: { host: string; port: number } | null;
  /** Where clients or an edge reach this node's Envoy; null when not told. */
  listen: { host: string; port: number } | null;
  /** Host that other nodes reach this one by; when null the listening host, or this machine's address if that is a wildcard. */
  advertise: string | null;
  /** Where what the control plane said is kept for a start without one; null: nowhere. */
  stateDir: string | null;
  /** Folder of `<node id>.crt`, `<node id>.key` and `ca.crt` for mTLS with neighbours and the control plane; null: plain. */
  certs: string | null;
  shared: SharedSettings;
}

export type ReadSettings =
  | { kind: 'ok'; settings: SidecarSettings }
  | { kind: 'bad'; problems: Problem[] }
  | { kind: 'help' };

const OPTIONS = {
  'node-id': { type: 'string' },
  xds: { type: 'string' },
  'ext-proc': { type: 'string' },
  relay: { type: 'string' },
  admin: { type: 'string' },
  'relay-peer': { type: 'string' },
  peer: { type: 'string' },
  listen: { type: 'string' },
  advertise: { type: 'string' },
  'state-dir': { type: 'string' },
  certs: { type: 'string' },
  config: { type: 'string' },
  help: { type: 'boolean' },
} as const;

/** What is missing where a port off loopback is asked for. */
const CERTS_NEEDED =
  '--certs beside it: without certificates anybody who reaches this node passes for a part of the mesh (`holdfast certs init gateway/NAME=ADDRESS`)';

export const USAGE = `node sidecar/main.ts --xds HOST:PORT[,HOST:PORT…] --ext-proc /path/to.sock|HOST:PORT
  --node-id NAME      name of this gateway node (HA_NODE_ID)
  --relay HOST:PORT   where Envoy finds the relay (127.0.0.1:7900)
  --admin HOST:PORT   /health, /readyz, /metrics (127.0.0.1:7901)
  --relay-peer HOST:PORT  the relay for neighbours, over mTLS; with --certs, when --relay is on loopback alone
  --peer HOST:PORT    ext_proc for neighbours whose own sidecar is gone
  --listen HOST:PORT  where clients or an edge reach this node's Envoy, told to the control plane
  --advertise HOST    host that other nodes reach this one by
  --state-dir DIR     keep what the control plane said, for a start without one
  --certs DIR         mTLS with neighbours and control plane: <node id>.crt, <node id>.key, ca.crt
  --config FILE       the mesh's configuration; only the sections with an environment twin are read (README)`;

/** Flags, then environment, then file, then defaults. Every problem at once; nothing is thrown. `readFile` gives a file's text or throws. */
export function readSettings(
  args: readonly string[],
  env: Environment,
  readFile: (path: string) => string,
): ReadSettings {
  const problems: Problem[] = [];
  const flag = (name: string, expected: string, got: unknown, suggestion: string | null = null): void => {
    problems.push({ path: `--${name}`, line: null, column: null, expected, got: showValue(got), suggestion });
  };
  const { values, tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  if (values.help) return { kind: 'help' };
  // The word after an unknown option is most likely its value, and no second problem.
  let isAfterUnknown = false;
  for (const token of tokens) {
    const isUnknown = token.kind === 'option' && !(token.name in OPTIONS);
    if (token.kind === 'positional' && !isAfterUnknown)
      problems.push({
        path: 'command line',
        line: null,
        column: null,
        expected: 'only options',
        got: showValue(token.value),
        suggestion: null,
      });
    isAfterUnknown = isUnknown;
    if (isUnknown) {
      const meant = nearest(token.name, Object.keys(OPTIONS));
      flag(token.name, 'an option of the sidecar', token.name, meant ? `Did you mean --${meant}?` : null);
    }
  }
  const text = (name: keyof typeof OPTIONS): string | undefined =>
    typeof values[name] === 'string' ? values[name] : undefined;
  const tcp = (name: keyof typeof OPTIONS, fallback?: string): { host: string; port: number } | null => {
    const given = text(name) ?? fallback;
    if (given === undefined) return null;
    const read = readTcp(given);
    if (!read) flag(name, 'host:port', given);
    return read ?? null;
  };

  const shared = readShared(text('config'), env, readFile, problems);
  const xds = (text('xds') ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (xds.length === 0) flag('xds', 'the addresses of the control planes, host:port[,host:port…]', text('xds'));
  for (const address of xds) if (!readTcp(address)) flag('xds', 'host:port', address);
  const extProc = readEndpoint(text('ext-proc'));
  if (!extProc) flag('ext-proc', 'the path of a Unix socket (at most 99 characters) or host:port', text('ext-proc'));
  const relay = tcp('relay', '127.0.0.1:7900');
  const admin = tcp('admin', '127.0.0.1:7901');
  const peer = tcp('peer');
  const relayPeer = tcp('relay-peer');
  const listen = tcp('listen');
  if (relayPeer && text('certs') === undefined)
    flag('relay-peer', '--certs beside it: neighbours show certificates there', text('relay-peer'));
  const hasCerts = text('certs') !== undefined;
  /** A plain port off loopback, and who would come by it. */
  const keepLocal = (name: keyof typeof OPTIONS, place: { host: string } | null, expected: string): void => {
    if (place && !isLoopback(place.host)) flag(name, expected, text(name));
  };
  keepLocal('relay', relay, 'a loopback address: neighbours come by --relay-peer, with --certs');
  if (extProc?.kind === 'tcp')
    keepLocal('ext-proc', extProc, 'a Unix socket or a loopback address: neighbours come by --peer, with --certs');
  if (!hasCerts) {
    keepLocal('peer', peer, `a loopback address, or ${CERTS_NEEDED}`);
    keepLocal('admin', admin, `a loopback address, or ${CERTS_NEEDED}`);
    for (const address of xds) keepLocal('xds', readTcp(address) ?? null, `loopback addresses, or ${CERTS_NEEDED}`);
  }
  if (problems.length > 0 || !shared || !extProc || !relay || !admin) return { kind: 'bad', problems };
  return {
    kind: 'ok',
    settings: {
      nodeId: text('node-id') ?? shared.ha.nodeId,
      controlPlanes: xds as [string, ...string[]],
      extProc,
      relay,
      relayPeer,
      admin,
      peer,
      listen,
      advertise: text('advertise') ?? null,
      stateDir: text('state-dir') ?? null,
      certs: text('certs') ?? null,
      shared,
    },
  };
}

function readShared(
  path: string | undefined,
  env: Environment,
  readFile: (path: string) => string,
  problems: Problem[],
): SharedSettings | undefined {
  const { values, problems: ofEnvironment } = readEnvironment(env);
  problems.push(...ofEnvironment);
  const inFile = (expected: string, got: string, line = 1, column = 1): void => {
    problems.push({ path: path!, line, column, expected, got, suggestion: null });
  };
  let raw: Record<string, unknown> = {};
  if (path !== undefined) {
    let content: string;
    try {
      content = readFile(path);
    } catch (error) {
      inFile('a file that can be read', (error as Error).message);
      return undefined;
    }
    const lines = new LineCounter();
    const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
    for (const error of document.errors) {
      const { line, col } = lines.linePos(error.pos[0]);
      inFile('valid YAML', error.message, line, col);
    }
    if (document.errors.length > 0) return undefined;
    const parsed = document.toJS({ maxAliasCount: 100 }) as unknown;
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
      inFile('a mapping', showValue(parsed));
      return undefined;
    }
    raw = JSON.parse(JSON.stringify(parsed)) as Record<string, unknown>;
  }
  overlay(raw, values);
  const parsed = sharedSettingsSchema.safeParse(raw, { reportInput: true });
  if (parsed.success) return parsed.data;
  for (const issue of parsed.error.issues) {
    const where = formatPath(issue.path);
    const name = values.get(where)?.name;
    problems.push({
      path: name ?? where,
      line: name || path === undefined ? null : 1,
      column: null,
      expected: issue.message,
      got: showValue(issue.input),
      suggestion: null,
    });
  }
  return undefined;
}

function readEndpoint(text: string | undefined): Endpoint | undefined {
  if (text === undefined || text === '') return undefined;
  const path = text.startsWith('unix:')
    ? text.slice(5)
    : text.startsWith('/') || text.startsWith('./')
      ? text
      : undefined;
  if (path !== undefined) return path.length > 0 && path.length < 100 ? { kind: 'unix', path } : undefined;
  const read = readTcp(text);
  return read && { kind: 'tcp', ...read };
}

function readTcp(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s[\]/]+)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  return match && port <= 65_535 ? { host: (match[1] ?? match[2])!, port } : undefined;
}
