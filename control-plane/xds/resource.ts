import { createHash } from 'node:crypto';
import { pack, type Any } from '../../proto/xds/loader.ts';
import { referencesOf, type Reference } from './references.ts';

/**
 * One resource as it goes to clients. `version` is a hash of its bytes, so equal content has an equal version on every control plane.
 * The JSON it was made of is not kept: for a large fleet it is tens of megabytes per node.
 */
export interface XdsResource {
  readonly name: string;
  readonly version: string;
  readonly any: Any;
  readonly references: readonly Reference[];
}
/** Type URL → name → resource: everything one node may ask for. Never changed once handed over. */
export type Resources = ReadonlyMap<string, ReadonlyMap<string, XdsResource>>;

/** Packs one resource. Throws SchemaError when the schema would drop a part of it, Error when it calls itself something else. */
export function packResource(typeUrl: string, name: string, json: object): XdsResource {
  const own = 'cluster_name' in json ? json.cluster_name : 'name' in json ? json.name : undefined;
  if (own !== name) throw new Error(`${typeUrl} ${name} calls itself ${JSON.stringify(own)}`);
  const any = pack(typeUrl, json);
  return {
    name,
    version: createHash('sha256').update(any.value).digest('hex').slice(0, 16),
    any,
    references: referencesOf(typeUrl, json),
  };
}
