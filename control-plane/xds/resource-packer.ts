import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { packResource, type XdsResource } from './resource.ts';

/**
 * Packs resources, and gives the same object again when nothing changed. Most resources are equal for all nodes and
 * from one snapshot to the next, and encoding is the expensive part. It keeps what was asked for since the last
 * `sweep`.
 */
export interface ResourcePacker {
  pack(typeUrl: string, name: string, json: object): XdsResource;
  /** Call once per round of snapshots: forgets what the round before the last one used. */
  sweep(): void;
  readonly size: number;
}

export function createResourcePacker(): ResourcePacker {
  let young = new Map<string, XdsResource>(),
    old = new Map<string, XdsResource>();
  return {
    pack(typeUrl, name, json) {
      // Parts of routes are sealed (references.ts), and the rest is large: equal ones are found by their bytes.
      const packed = typeUrl === RESOURCE_TYPE.routes ? packResource(typeUrl, name, json) : null;
      const key = `${typeUrl}\n${name}\n${packed ? packed.version : JSON.stringify(json)}`;
      const resource = young.get(key) ?? old.get(key) ?? packed ?? packResource(typeUrl, name, json);
      young.set(key, resource);
      return resource;
    },
    sweep() {
      old = young;
      young = new Map();
    },
    get size() {
      return young.size + old.size;
    },
  };
}
