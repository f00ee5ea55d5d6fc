import { LineCounter, parseDocument } from 'yaml';
import { overlay, readEnvironment, type Environment } from '../../proto/config-file/environment.ts';
import { formatPath, showValue, type Problem } from '../../proto/config-file/problem.ts';
import { FEW_ALIASES, yamlValue } from '../../proto/config-file/yaml-value.ts';
import type { OptionProblem } from '../../proto/command-line.ts';
import { fileProblem } from '../../proto/file-problem.ts';
import { isLoopback } from '../../proto/identity/host.ts';
import { JOINED_FILES } from '../../proto/join.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import { readFlags, type Flags } from './flags.ts';
import { sharedSettingsSchema, type SharedSettings } from '../../proto/settings.ts';

/** Address that something listens on or is reached at: a TCP `host:port`, or a Unix socket's path. */
export type Endpoint = { kind: 'tcp'; host: string; port: number } | { kind: 'unix'; path: string };

export interface SidecarSettings {
  nodeId: string;
  /** Control planes, `host:port`, in the order in which they are tried. */
  controlPlanes: [string, ...string[]];
  extProc: Endpoint;
  /** Unary calls are answered by Node's HTTP/2 server: a way back, if the sidecar’s own is at fault. */
  isPlainExtProc: boolean;
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
  /** `certs` is of a pod that joined by its ServiceAccount, which renews it. */
  hasJoined: boolean;
  shared: SharedSettings;
}

export type ReadSettings =
  | { kind: 'ok'; settings: SidecarSettings }
  | { kind: 'bad'; problems: Problem[]; usage: string }
  | { kind: 'information'; text: string };

/** What is missing where a port off loopback is asked for. */
const CERTS_NEEDED =
  '--certs beside it: without certificates anybody who reaches this node passes for a part of the mesh (`holdfast certs init gateway/NAME=ADDRESS`)';

type PlaceFlag = 'xds' | 'ext-proc' | 'relay' | 'admin' | 'relay-peer' | 'peer' | 'listen';
type Flag = PlaceFlag | 'joined';
type Report = (flag: Flag, expected: string, got: unknown) => void;

/** Flags, then environment, then file, then defaults. Every problem at once; nothing is thrown. `readFile` gives a file's text or throws. */
export function readSettings(
  args: readonly string[],
  env: Environment,
  readFile: (path: string) => string,
): ReadSettings {
  const line = readFlags(args);
  if (line.kind === 'information') return line;
  const problems: Problem[] = line.kind === 'bad' ? line.problems.map(asProblem) : [];
  const values: Partial<Flags> = line.values;
  const report: Report = (name, expected, got) => {
    problems.push({ path: `--${name}`, line: null, column: null, expected, got: showValue(got), suggestion: null });
  };
  const tcp = (name: Flag, given: string | undefined): { host: string; port: number } | null => {
    if (given === undefined) return null;
    const read = readTcp(given);
    if (!read) report(name, 'host:port', given);
    return read ?? null;
  };

  const shared = readShared(values.config, withJoined(values.joined, env, readFile, problems), readFile, problems);
  const certs = values.joined ?? values.certs;
  if (values.joined !== undefined && values.certs !== undefined)
    report('joined', 'no --certs beside it', values.joined);
  const controlPlanes = readControlPlanes(values.xds, report);
  const extProc = readEndpoint(values.extProc);
  if (!extProc) report('ext-proc', 'the path of a Unix socket (at most 99 characters) or host:port', values.extProc);
  const relay = tcp('relay', values.relay),
    admin = tcp('admin', values.admin),
    peer = tcp('peer', values.peer),
    relayPeer = tcp('relay-peer', values.relayPeer),
    listen = tcp('listen', values.listen);
  const places: Places = { relay, admin, peer, relayPeer, extProc, controlPlanes };
  const given: Record<PlaceFlag, string | undefined> = {
    'ext-proc': values.extProc,
    'relay-peer': values.relayPeer,
    xds: values.xds,
    peer: values.peer,
    listen: values.listen,
    relay: values.relay,
    admin: values.admin,
  };
  for (const { flag, expected } of placeProblems(places, certs !== undefined)) report(flag, expected, given[flag]);
  const [first, ...others] = controlPlanes;
  if (problems.length > 0 || !shared || !extProc || !relay || !admin || first === undefined)
    return { kind: 'bad', problems, usage: line.usage };
  return {
    kind: 'ok',
    settings: {
      nodeId: values.nodeId ?? shared.ha.nodeId,
      controlPlanes: [first, ...others],
      extProc,
      isPlainExtProc: values.plainExtProc ?? false,
      relay,
      relayPeer,
      admin,
      peer,
      listen,
      advertise: values.advertise ?? null,
      stateDir: values.stateDir ?? null,
      certs: certs ?? null,
      hasJoined: values.joined !== undefined,
      shared,
    },
  };
}

/** The environment of a pod that joined: where Redis is stands in the folder. */
function withJoined(
  folder: string | undefined,
  env: Environment,
  readFile: (path: string) => string,
  problems: Problem[],
): Environment {
  if (folder === undefined) return env;
  const path = `${folder}/${JOINED_FILES.redisUrl}`;
  try {
    return { ...env, SESSION_STORE: 'redis', SESSION_STORE_URL: readFile(path) };
  } catch (error) {
    const expected = '--joined to name the folder of a pod that joined (sidecar/join/main.ts)';
    problems.push({ path, line: null, column: null, expected, got: (error as Error).message, suggestion: null });
    return env;
  }
}

const asProblem = ({ option, got, expected, suggestion }: OptionProblem): Problem => ({
  path: option,
  line: null,
  column: null,
  expected,
  got: showValue(got === '' ? option : (got ?? undefined)),
  suggestion,
});

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
): Array<{ flag: PlaceFlag; expected: string }> {
  const isOpen = (place: { host: string } | null | undefined): boolean => place != null && !isLoopback(place.host);
  const found: Array<[isProblem: boolean, flag: PlaceFlag, expected: string]> = [
    [relayPeer !== null && !hasCerts, 'relay-peer', '--certs beside it: neighbours show certificates there'],
    [isOpen(relay), 'relay', 'a loopback address: neighbours come by --relay-peer, with --certs'],
    [
      extProc?.kind === 'tcp' && isOpen(extProc),
      'ext-proc',
      'a Unix socket or a loopback address: neighbours come by --peer, with --certs',
    ],
    [!hasCerts && isOpen(peer), 'peer', `a loopback address, or ${CERTS_NEEDED}`],
    [!hasCerts && isOpen(admin), 'admin', `a loopback address, or ${CERTS_NEEDED}`],
    ...controlPlanes.map((address): [boolean, 'xds', string] => [
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
    report('a file that can be read', fileProblem(error));
    return undefined;
  }
  const lines = new LineCounter();
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false });
  for (const error of document.errors) {
    const { line, col } = lines.linePos(error.pos[0]);
    report('valid YAML', error.message, line, col);
  }
  if (document.errors.length > 0) return undefined;
  const parsed = yamlValue(document);
  if ('problem' in parsed) {
    report(FEW_ALIASES, parsed.problem);
    return undefined;
  }
  const mapping = parseJsonObject(JSON.stringify(parsed.value) ?? 'null');
  if (!mapping) report('a mapping', showValue(parsed.value));
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
