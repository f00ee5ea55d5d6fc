import { parseArgs } from 'node:util';
import { LineCounter, parseDocument } from 'yaml';
import { overlay, readEnvironment, type Environment } from '../../proto/config-file/environment.ts';
import { nearest } from '../../proto/config-file/nearest.ts';
import { formatPath, showValue, type Problem } from '../../proto/config-file/problem.ts';
import { isLoopback } from '../../proto/identity/host.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
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

type Flag = keyof typeof OPTIONS;
type Report = (flag: Flag, expected: string, got: unknown) => void;

/** Flags, then environment, then file, then defaults. Every problem at once; nothing is thrown. `readFile` gives a file's text or throws. */
export function readSettings(
  args: readonly string[],
  env: Environment,
  readFile: (path: string) => string,
): ReadSettings {
  const problems: Problem[] = [];
  const values = readFlags(args, problems);
  if (values === 'help') return { kind: 'help' };
  const report: Report = (name, expected, got) => {
    problems.push({ path: `--${name}`, line: null, column: null, expected, got: showValue(got), suggestion: null });
  };
  const tcp = (name: Flag, fallback?: string): { host: string; port: number } | null => {
    const given = values[name] ?? fallback;
    if (given === undefined) return null;
    const read = readTcp(given);
    if (!read) report(name, 'host:port', given);
    return read ?? null;
  };

  const shared = readShared(values.config, env, readFile, problems);
  const controlPlanes = readControlPlanes(values.xds, report);
  const extProc = readEndpoint(values['ext-proc']);
  if (!extProc)
    report('ext-proc', 'the path of a Unix socket (at most 99 characters) or host:port', values['ext-proc']);
  const relay = tcp('relay', '127.0.0.1:7900'),
    admin = tcp('admin', '127.0.0.1:7901'),
    peer = tcp('peer'),
    relayPeer = tcp('relay-peer'),
    listen = tcp('listen');
  const places: Places = { relay, admin, peer, relayPeer, extProc, controlPlanes };
  for (const { flag, expected } of placeProblems(places, values.certs !== undefined))
    report(flag, expected, values[flag]);
  const [first, ...others] = controlPlanes;
  if (problems.length > 0 || !shared || !extProc || !relay || !admin || first === undefined)
    return { kind: 'bad', problems };
  return {
    kind: 'ok',
    settings: {
      nodeId: values['node-id'] ?? shared.ha.nodeId,
      controlPlanes: [first, ...others],
      extProc,
      relay,
      relayPeer,
      admin,
      peer,
      listen,
      advertise: values.advertise ?? null,
      stateDir: values['state-dir'] ?? null,
      certs: values.certs ?? null,
      shared,
    },
  };
}

/** The texts of the flags, or that help was asked for. A flag that is not known is a problem, and so is a word that is no flag's. */
function readFlags(args: readonly string[], problems: Problem[]): Partial<Record<Flag, string>> | 'help' {
  const { values, tokens } = parseArgs({
    args: [...args],
    options: OPTIONS,
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  if (values.help) return 'help';
  const report = (path: string, expected: string, got: string, suggestion: string | null = null): void => {
    problems.push({ path, line: null, column: null, expected, got: showValue(got), suggestion });
  };
  // The word after an unknown option is most likely its value, and no second problem.
  let isAfterUnknown = false;
  for (const token of tokens) {
    const isUnknown = token.kind === 'option' && !(token.name in OPTIONS);
    if (token.kind === 'positional' && !isAfterUnknown) report('command line', 'only options', token.value);
    if (isUnknown) {
      const meant = nearest(token.name, Object.keys(OPTIONS));
      report(`--${token.name}`, 'an option of the sidecar', token.name, meant ? `Did you mean --${meant}?` : null);
    }
    isAfterUnknown = isUnknown;
  }
  return Object.fromEntries(Object.entries(values).filter(([, value]) => typeof value === 'string'));
}

function readControlPlanes(text: string | undefined, report: Report): string[] {
  const addresses = (text ?? '')
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
  if (addresses.length === 0) report('xds', 'the addresses of the control planes, host:port[,host:port…]', text);
  for (const address of addresses) if (!readTcp(address)) report('xds', 'host:port', address);
  return addresses;
}

interface Places {
  relay: { host: string } | null;
  admin: { host: string } | null;
  peer: { host: string } | null;
  relayPeer: { host: string } | null;
  extProc: Endpoint | undefined;
  controlPlanes: readonly string[];
}

/** Plain ports off loopback, and what each needs. */
function placeProblems(
  { relay, admin, peer, relayPeer, extProc, controlPlanes }: Places,
  hasCerts: boolean,
): Array<{ flag: Flag; expected: string }> {
  const isOpen = (place: { host: string } | null | undefined): boolean => place != null && !isLoopback(place.host);
  const found: Array<[isProblem: boolean, flag: Flag, expected: string]> = [
    [relayPeer !== null && !hasCerts, 'relay-peer', '--certs beside it: neighbours show certificates there'],
    [isOpen(relay), 'relay', 'a loopback address: neighbours come by --relay-peer, with --certs'],
    [
      extProc?.kind === 'tcp' && isOpen(extProc),
      'ext-proc',
      'a Unix socket or a loopback address: neighbours come by --peer, with --certs',
    ],
    [!hasCerts && isOpen(peer), 'peer', `a loopback address, or ${CERTS_NEEDED}`],
    [!hasCerts && isOpen(admin), 'admin', `a loopback address, or ${CERTS_NEEDED}`],
    ...controlPlanes.map((address): [boolean, Flag, string] => [
      !hasCerts && isOpen(readTcp(address)),
      'xds',
      `loopback addresses, or ${CERTS_NEEDED}`,
    ]),
  ];
  return found.flatMap(([isProblem, flag, expected]) => (isProblem ? [{ flag, expected }] : []));
}

function readShared(
  path: string | undefined,
  env: Environment,
  readFile: (path: string) => string,
  problems: Problem[],
): SharedSettings | undefined {
  const { values, problems: ofEnvironment } = readEnvironment(env);
  problems.push(...ofEnvironment);
  const raw = path === undefined ? {} : readYaml(path, readFile, problems);
  if (!raw) return undefined;
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

/** The file as a mapping of its own; undefined when it is none, and then the problems say why. */
function readYaml(
  path: string,
  readFile: (path: string) => string,
  problems: Problem[],
): Record<string, unknown> | undefined {
  const report = (expected: string, got: string, line = 1, column = 1): void => {
    problems.push({ path, line, column, expected, got, suggestion: null });
  };
  let content: string;
  try {
    content = readFile(path);
  } catch (error) {
    report('a file that can be read', (error as Error).message);
    return undefined;
  }
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0]);
    report('valid YAML', error.message, line, col);
  }
  if (document.errors.length > 0) return undefined;
  const parsed = document.toJS({ maxAliasCount: 100 }) as unknown;
  const mapping = parseJsonObject(JSON.stringify(parsed) ?? 'null');
  if (!mapping) report('a mapping', showValue(parsed));
  return mapping;
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
  const [, ipv6, name, digits] = /^(?:\[([0-9a-f:.]+)\]|([^:\s[\]/]+)):(\d{1,5})$/i.exec(text) ?? [];
  const host = ipv6 ?? name,
    port = Number(digits);
  return host !== undefined && port <= 65_535 ? { host, port } : undefined;
}
