import { readSmallFile } from '../../proto/read-small-file.ts';
import { headerFromFile } from '../../proto/replica-header.ts';
import { connect, NO_ANSWER, sendFailure, type Connection } from './http-send.ts';
import { httpProbe } from './http-probe.ts';
import { McpProbe } from './mcp-probe.ts';
import type { Observation } from './observation.ts';
import type { ProbeTarget } from './probe-target.ts';
import { ProbeWire } from './probe-wire.ts';

/** One replica's probe: how to look once, within the time allowed, and how to leave without a trace. */
export interface ReplicaProbe {
  look(isFull: boolean): Promise<Observation>;
  /** Ends the probe's session and its connection. Never fails: a replica that is gone holds nothing. */
  end(): Promise<void>;
}

/** `monotonicMs` measures durations. */
export function replicaProbe(target: ProbeTarget, monotonicMs: () => number): ReplicaProbe {
  const { settings } = target;
  let connection: Connection, mcp: McpProbe;
  const headers: Record<string, string> = {};
  const open = () => {
    connection = connect(target.address, target.tls, settings.timeoutMs);
    mcp = new McpProbe(new ProbeWire(connection, { path: target.path, headers }), settings);
  };
  return {
    async look(isFull) {
      const startMs = monotonicMs();
      const elapsed = () => monotonicMs() - startMs;
      try {
        if (!connection) open();
        if (isFull) setHeaders(headers, target);
        setHeaderFiles(headers, target);
        const timeoutMs = settings.type === 'mcp' && isFull ? settings.fullTimeoutMs : settings.timeoutMs;
        const signal = AbortSignal.timeout(timeoutMs);
        if (settings.type === 'http') return await httpProbe(connection, settings.path, headers, signal, elapsed);
        return { ...(await mcp.run(isFull, signal)), durationMs: elapsed() };
      } catch (error) {
        return { ...namingTheKey(sendFailure(error), isFull, settings), durationMs: elapsed() };
      }
    },
    async end() {
      if (!connection) return;
      if (settings.type === 'mcp') await mcp.end(AbortSignal.timeout(settings.timeoutMs)).catch(() => {});
      await connection.close();
    },
  };
}

/** Host and Authorization, read again so that a changed token is taken up. */
function setHeaders(headers: Record<string, string>, { host, settings }: ProbeTarget): void {
  if (host !== null) headers['host'] = host;
  if (settings.tokenFile !== null) headers['authorization'] = `Bearer ${readSmallFile(settings.tokenFile).trim()}`;
}

/** As gateways do for requests: a file that can’t be read any more leaves the last good value. */
function setHeaderFiles(headers: Record<string, string>, { settings }: ProbeTarget): void {
  for (const [name, file] of Object.entries(settings.headerFiles))
    try {
      headers[name] = headerFromFile(name, file);
    } catch (error) {
      if (headers[name] === undefined) throw error;
    }
}

/** Silence of a slow server looks like that of a dead one: the text says which time was up, and which key gives more. */
function namingTheKey(
  failure: ReturnType<typeof sendFailure>,
  isFull: boolean,
  { type, timeoutMs, fullTimeoutMs }: ProbeTarget['settings'],
): ReturnType<typeof sendFailure> {
  if (failure.detail !== NO_ANSWER) return failure;
  const isInitialize = type === 'mcp' && isFull;
  const [ms, keys] = isInitialize
    ? [fullTimeoutMs, 'timeouts.initializeMs or probe.timeoutMs']
    : [timeoutMs, 'probe.timeoutMs'];
  return { ...failure, detail: `${NO_ANSWER} (${ms} ms; ${keys} of the server gives more)` };
}
