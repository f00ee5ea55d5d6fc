import type { Manifest } from '../../../../control-plane/inject/manifest.ts';
import { objectsOf, readDocuments } from '../../../../control-plane/inject/yaml/read-manifests.ts';
import type { ApiObjects } from './api-objects.ts';

/** The objects of a text as the API server would store them: it gets the text as somebody wrote it. Rejects with its words when it refuses one. */
export async function storedObjects(objects: ApiObjects, source: string, title: string): Promise<Manifest[]> {
  const read = readDocuments(source);
  if ('problem' in read) throw new Error(`${title}: ${read.problem}`);
  const stored: Manifest[] = [];
  for (const [index, value] of read.values.entries()) {
    if (value === null) continue;
    const [start = 0, , end] = read.documents[index]?.contents?.range ?? [];
    const items = objectsOf(value);
    for (const item of items) {
      const text = items[0] === value ? source.slice(start, end) : JSON.stringify(item);
      const { status, body } = await objects.apply(item, { dryRun: true, text });
      if (status >= 300)
        throw new Error(`${title}: ${item.kind} ${item.metadata.name}: ${String(body['message'])}\n${text}`);
      stored.push(body as unknown as Manifest);
    }
  }
  return stored;
}
