import { Registry, type OpenMetricsContentType } from 'prom-client';

export interface Exposition {
  contentType: string;
  body: string;
}

/**
 * Renders a registry as OpenMetrics (with exemplars) or in the older text format, as the scraper's Accept header asks.
 * prom-client keeps one format per registry. It strips `_total` from counters' names when it writes OpenMetrics. So
 * renderings take turns, and each one leaves the names as it found them.
 */
export class Exposer {
  readonly #registry: Registry<OpenMetricsContentType>;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(registry: Registry<OpenMetricsContentType>) {
    this.#registry = registry;
  }

  render(accept: string | undefined): Promise<Exposition> {
    const result = this.#turn.then(() => this.#renderNow(accept?.includes('application/openmetrics-text') ?? false));
    this.#turn = result.catch(() => undefined);
    return result;
  }

  async #renderNow(asOpenMetrics: boolean): Promise<Exposition> {
    const registry = this.#registry;
    const contentType = asOpenMetrics ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
    const metrics = registry.getMetricsAsArray() as unknown as { name: string }[];
    const names = metrics.map((metric) => metric.name);
    registry.setContentType(contentType as never);
    try {
      return { contentType, body: await registry.metrics() };
    } finally {
      for (const [index, metric] of metrics.entries()) metric.name = names[index] ?? metric.name;
    }
  }
}
