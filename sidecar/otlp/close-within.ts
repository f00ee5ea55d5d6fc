/** A shutdown waits no longer for a collector. */
const CLOSE_MS = 1000;

/** Ends a provider of OpenTelemetry: it sends what waits, as far as it gets. */
export async function closeWithin(provider: { shutdown(): Promise<void> }): Promise<void> {
  const waited = new Promise<void>((resolve) => {
    setTimeout(resolve, CLOSE_MS).unref();
  });
  await Promise.race([provider.shutdown().catch(() => undefined), waited]);
}
