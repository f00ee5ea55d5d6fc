import type { RpcRequest } from '../replica/session-messages.ts';
import type { SessionMove, SessionRecord } from '../../proto/session-record.ts';
import { MAX_SUBSCRIPTIONS } from '../session/subscriptions.ts';

/** One JSON-RPC message that a new replica gets so that it knows the session. `mustSucceed`: without it the session is not the same. */
export interface RecoveryStep {
  kind: 'initialize' | 'initialized' | 'set-level' | 'subscribe';
  message: RpcRequest;
  hasAnswer: boolean;
  mustSucceed: boolean;
}

/** What a replica said of itself. */
export interface InitializeResult {
  protocolVersion?: unknown;
  capabilities?: unknown;
}
export type InitializeVerdict =
  | { kind: 'same' }
  | { kind: 'differs'; what: 'version' | 'capability'; missing: string[] };

/** The id prefix cannot meet a client's: on a recovered session the client's requests come only after these are answered. */
const id = (step: number): string => `holdfast-recovery-${step}`;

/** The messages that rebuild a session, in order: each is sent when the one before was answered. */
export function planRecovery(record: SessionRecord): [RecoveryStep, ...RecoveryStep[]] {
  const steps: [RecoveryStep, ...RecoveryStep[]] = [
    {
      kind: 'initialize',
      message: { jsonrpc: '2.0', id: id(0), method: 'initialize', params: record.initializeParams },
      hasAnswer: true,
      mustSucceed: true,
    },
    {
      kind: 'initialized',
      message: { jsonrpc: '2.0', method: 'notifications/initialized' },
      hasAnswer: false,
      mustSucceed: true,
    },
  ];
  if (record.logLevel !== null)
    steps.push({
      kind: 'set-level',
      message: { jsonrpc: '2.0', id: id(1), method: 'logging/setLevel', params: { level: record.logLevel } },
      hasAnswer: true,
      mustSucceed: false,
    });
  // A resource may be gone by now: its subscription failing is no reason to give up the session.
  // An earlier version may have kept more: one lost session must not cost a replica a thousand requests.
  for (const [index, uri] of record.subscriptions.slice(-MAX_SUBSCRIPTIONS).entries())
    steps.push({
      kind: 'subscribe',
      message: { jsonrpc: '2.0', id: id(2 + index), method: 'resources/subscribe', params: { uri } },
      hasAnswer: true,
      mustSucceed: false,
    });
  return steps;
}

/** The client was promised a protocol version and capabilities: another replica must offer the same version and at least those. */
export function judgeInitialize(
  record: Pick<SessionRecord, 'protocolVersion' | 'capabilities'>,
  result: InitializeResult,
): InitializeVerdict {
  if (result.protocolVersion !== record.protocolVersion)
    return { kind: 'differs', what: 'version', missing: [record.protocolVersion] };
  const missing = missingCapabilities(record.capabilities, result.capabilities, '');
  return missing.length > 0 ? { kind: 'differs', what: 'capability', missing } : { kind: 'same' };
}

/** Longest way into nested capabilities that is compared. */
const MAX_DEPTH = 4;

function missingCapabilities(promised: Record<string, unknown>, offered: unknown, path: string, depth = 0): string[] {
  const has =
    offered !== null && typeof offered === 'object' && !Array.isArray(offered)
      ? (offered as Record<string, unknown>)
      : {};
  const missing: string[] = [];
  for (const [name, value] of Object.entries(promised)) {
    const at = path + name;
    if (value === false || value === null || value === undefined) continue;
    const theirs = Object.hasOwn(has, name) ? has[name] : undefined;
    if (theirs === undefined || theirs === null || theirs === false) missing.push(at);
    else if (typeof value === 'object' && !Array.isArray(value) && depth < MAX_DEPTH)
      missing.push(...missingCapabilities(value as Record<string, unknown>, theirs, `${at}.`, depth + 1));
  }
  return missing;
}

/** The record after the move. Everything else of it stays. */
export function movedRecord(
  record: SessionRecord,
  to: { slot: string; backend: string; upstreamId: string },
  nowMs: number,
  moves?: SessionMove[],
): SessionRecord {
  return {
    ...record,
    slot: to.slot,
    backend: to.backend,
    upstreamId: to.upstreamId,
    epoch: record.epoch + 1,
    ...(moves && { moves }),
    lastActivityMs: nowMs,
  };
}

/**
 * Notifications that a client must get on its GET stream after a move, since the new replica doesn't know what was sent before. They are a
 * list_changed for each list that the server advertised, and an update of each subscribed resource.
 */
export function catchUpNotifications(record: Pick<SessionRecord, 'capabilities' | 'subscriptions'>): RpcRequest[] {
  const notes: RpcRequest[] = [];
  for (const kind of ['tools', 'prompts', 'resources'] as const) {
    const capability = record.capabilities[kind];
    if (
      capability !== null &&
      typeof capability === 'object' &&
      (capability as { listChanged?: unknown }).listChanged === true
    )
      notes.push({ jsonrpc: '2.0', method: `notifications/${kind}/list_changed` });
  }
  for (const uri of record.subscriptions)
    notes.push({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } });
  return notes;
}
