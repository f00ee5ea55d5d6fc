/** `params` of an initialize request, alone or in a batch; undefined when there is none. */
export function initializeParamsOf(body: unknown): unknown {
  const message = (Array.isArray(body) ? body : [body]).find(
    (each) => isObject(each) && each['method'] === 'initialize',
  ) as Record<string, unknown> | undefined;
  return message && (message['params'] ?? {});
}

function isObject(value: unknown): value is Record<string, unknown> {
  return value !== null && typeof value === 'object' && !Array.isArray(value);
}
