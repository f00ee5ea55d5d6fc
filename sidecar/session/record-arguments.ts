import { COMPACT_FIELD, doorName, encodeCompact } from '../../proto/compact-record.ts';
import { PLAIN_RECORD_VERSION, RECORD_VERSION, type SessionRecord } from '../../proto/session-record.ts';
import { encodeRecord } from './record-codec.ts';
import type { ScriptArgument } from './redis-script-runner.ts';
import { unboundDigest } from './unbound-digest.ts';

/** `plain`: nodes may be there that read nothing else. */
export type RecordForm = 'plain' | 'compact';

const VERSION: Record<RecordForm, number> = { plain: PLAIN_RECORD_VERSION, compact: RECORD_VERSION };

/** What scripts that write a record get first: see redis-scripts.ts. A record of a later version stays one. */
export function recordArguments(record: SessionRecord, form: RecordForm): ScriptArgument[] {
  const { epoch, slot, upstreamId, lastActivityMs, digest } = record,
    version = record.version > RECORD_VERSION ? record.version : VERSION[form],
    unbound = unboundDigest(record),
    head = [epoch, slot, upstreamId, version, lastActivityMs, digest, unbound ?? ''];
  if (form === 'plain') {
    const fields = ['upstream', upstreamId, 'record', encodeRecord({ ...record, version })];
    if (unbound !== null) fields.push('unbound', unbound);
    return [...head, '', doorName(digest), '', '', fields.length, ...fields];
  }
  const { fields, shared } = encodeCompact(record),
    door = unbound === null ? '' : doorName(unbound);
  if (door !== '') fields.push([COMPACT_FIELD.door, door]);
  return [...head, door, doorName(digest), shared.name, shared.text, fields.length * 2, ...fields.flat()];
}
