import { LOG_ABSENT, LOG_LINES, LOG_WORDS } from '../../../proto/access-log.ts';
import { messageType } from '../../../proto/xds/schema.ts';
import type { AccessLogEntry } from '../access-log-entry.ts';

/** For tests: values of one log record by the names of `proto/access-log.ts`; what is not named is absent. */
export type LogValues = Partial<Record<keyof typeof LOG_WORDS | keyof typeof LOG_LINES, string>>;

const request = messageType('opentelemetry.proto.collector.logs.v1.ExportLogsServiceRequest');

export const logEntry = (values: LogValues, startedAtMs = 1_700_000_000_500): AccessLogEntry => ({
  startedAtMs,
  text: [
    Object.keys(LOG_WORDS)
      .map((name) => values[name as keyof LogValues] ?? LOG_ABSENT)
      .join(' '),
    ...Object.keys(LOG_LINES).map((name) => values[name as keyof LogValues] ?? LOG_ABSENT),
  ].join('\n'),
});

/** A batch as Envoy sends it. */
export const logBatch = (entries: readonly AccessLogEntry[]): Buffer =>
  Buffer.from(
    request
      .encode(
        request.fromObject({
          resource_logs: [
            {
              scope_logs: [
                {
                  log_records: entries.map(({ startedAtMs, text }) => ({
                    time_unix_nano: String(BigInt(startedAtMs) * 1_000_000n),
                    body: { string_value: text },
                  })),
                },
              ],
            },
          ],
        }),
      )
      .finish(),
  );
