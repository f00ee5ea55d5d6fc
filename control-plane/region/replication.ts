/** What a Redis says of its part in a replication (`INFO replication`). */
export type Replication =
  | { role: 'primary'; replicas: Array<{ address: string; state: string; lagSeconds: number }> }
  | {
      role: 'replica';
      primary: string;
      isLinkUp: boolean;
      isSyncing: boolean;
      /** Seconds since the primary said anything: what a promotion may lose at most, and a second. null: nothing was ever copied. */
      silentSeconds: number | null;
    };

/** Reads the text of `INFO replication`. */
export function readReplication(info: string): Replication {
  const fields = new Map(
    info.split(/\r?\n/).flatMap((line) => {
      const at = line.indexOf(':');
      return at > 0 ? [[line.slice(0, at), line.slice(at + 1)] as const] : [];
    }),
  );
  if (fields.get('role') !== 'slave') {
    const replicas = [...fields]
      .filter(([name]) => /^slave\d+$/.test(name))
      .map(([, text]) => {
        const of = Object.fromEntries(text.split(',').map((part) => part.split('=') as [string, string]));
        return { address: `${of['ip']}:${of['port']}`, state: of['state'] ?? '', lagSeconds: Number(of['lag'] ?? 0) };
      });
    return { role: 'primary', replicas };
  }
  const isLinkUp = fields.get('master_link_status') === 'up';
  const silent = Number(
    isLinkUp ? fields.get('master_last_io_seconds_ago') : fields.get('master_link_down_since_seconds'),
  );
  return {
    role: 'replica',
    primary: `${fields.get('master_host')}:${fields.get('master_port')}`,
    isLinkUp,
    isSyncing: fields.get('master_sync_in_progress') === '1',
    silentSeconds: Number.isFinite(silent) && silent >= 0 ? silent : null,
  };
}

export type Promotion = { kind: 'ready' } | { kind: 'done-already' } | { kind: 'refused'; why: string };

/** Whether a region may take over. A primary that still answers would go on writing: two primaries, and the sessions of one are lost. */
export function mayPromote(replication: Replication, isForced: boolean): Promotion {
  if (replication.role === 'primary') return { kind: 'done-already' };
  if (replication.isSyncing)
    return {
      kind: 'refused',
      why: `it is in the middle of a first copy from ${replication.primary}: what it holds is incomplete`,
    };
  if (replication.silentSeconds === null)
    return {
      kind: 'refused',
      why: `it has never heard of its primary ${replication.primary}, so there is nothing to take over`,
    };
  if (replication.isLinkUp && !isForced)
    return {
      kind: 'refused',
      why: `its primary ${replication.primary} still answers: stop that region first, or say --force for a planned move`,
    };
  return { kind: 'ready' };
}
