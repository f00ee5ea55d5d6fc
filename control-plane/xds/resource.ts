import { createHash } from 'node:crypto';
import { pack, type Any } from '../../proto/xds/loader.ts';

/** One resource as it goes to clients. `version` is a hash of its bytes, so equal content has an equal version on every control plane. */
export interface XdsResource { readonly name: string; readonly version: string; readonly any: Any; readonly json: object }
/** Type URL → name → resource: everything one node may ask for. Never changed once handed over. */
export type Resources = ReadonlyMap<string, ReadonlyMap<string, XdsResource>>;

/** Packs one resource. Throws SchemaError when the schema would drop a part of it. */
export function packResource(typeUrl: string, name: string, json: object): XdsResource {
  const any = pack(typeUrl, json);
  return { name, version: createHash('sha256').update(any.value).digest('hex').slice(0, 16), any, json };
}
