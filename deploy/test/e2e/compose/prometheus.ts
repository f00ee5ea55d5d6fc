interface Series {
  metric: Record<string, string>;
  value?: [number, string];
  values?: Array<[number, string]>;
}

/** Instant query. */
export async function query(origin: string, expr: string): Promise<Series[]> {
  const response = await fetch(`${origin}/api/v1/query?query=${encodeURIComponent(expr)}`);
  const { status, data, error } = (await response.json()) as {
    status: string;
    data: { result: Series[] };
    error?: string;
  };
  if (status !== 'success') throw new Error(`Prometheus refuses ${expr}: ${error}`);
  return data.result;
}

/** What counters came to in all, also across restarts, from every sample that was taken: `increase()` would extrapolate. */
export async function counted(origin: string, selector: string, window = '1h'): Promise<number> {
  let total = 0;
  for (const { values = [] } of await query(origin, `${selector}[${window}]`)) {
    let before = 0;
    for (const [, text] of values) {
      const now = Number(text);
      total += now >= before ? now - before : now;
      before = now;
    }
  }
  return total;
}

export interface Alert {
  labels: Record<string, string>;
  status: { state: string };
}

export async function firingAlerts(alertmanager: string): Promise<Alert[]> {
  const response = await fetch(`${alertmanager}/api/v2/alerts`);
  return (await response.json()) as Alert[];
}
