/** A batch goes out this often, or when it is full. */
const EVERY_MS = 1000;
const MAX_BATCH = 512;

/** How the SDK's batch processors of every signal work. */
export const batchOptions = (maxQueueSize: number, timeoutMs: number) => ({
  maxQueueSize,
  maxExportBatchSize: MAX_BATCH,
  scheduledDelayMillis: EVERY_MS,
  // The exporter gives up first, since it counts what is lost.
  exportTimeoutMillis: 2 * timeoutMs,
});
