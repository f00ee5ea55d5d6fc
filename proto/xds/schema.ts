import { readdirSync, readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

/**
 * All .proto files of this folder in one type tree. Field names stay as written (snake_case), because Envoy's own configuration and
 * documentation use them.
 */
const root = new protobuf.Root();
for (const file of readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.proto'))
  .sort()) {
  protobuf.parse(readFileSync(`${import.meta.dirname}/${file}`, 'utf8'), root, { keepCase: true });
}
root.resolveAll();

export const TYPE_URL_PREFIX = 'type.googleapis.com/';

/** Type URLs of what travels on the ADS stream, in the order in which a new resource must arrive (make before break). */
export const RESOURCE_TYPE = {
  cluster: 'type.googleapis.com/envoy.config.cluster.v3.Cluster',
  endpoints: 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
  /** A filter's configuration that is a resource of its own. */
  extensions: 'type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig',
  listener: 'type.googleapis.com/envoy.config.listener.v3.Listener',
  scopes: 'type.googleapis.com/envoy.config.route.v3.ScopedRouteConfiguration',
  routes: 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration',
  secrets: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret',
} as const;

const found = new Map<string, protobuf.Type | undefined>();

/** The message type of that full name; undefined when our files have none. */
export function findType(name: string): protobuf.Type | undefined {
  if (!found.has(name)) {
    const hit = root.lookup(name, [protobuf.Type]);
    found.set(name, hit instanceof protobuf.Type && hit.fullName === `.${name}` ? hit : undefined);
  }
  return found.get(name);
}

export function messageType(name: string): protobuf.Type {
  const type = findType(name);
  if (!type)
    throw new Error(
      `proto/xds has no message ${name}: add it, with Envoy's field numbers, or send it as a TypedStruct (typed())`,
    );
  return type;
}

const names = new Map<protobuf.Type, string>();

/** A type's name with a dot before it. protobufjs puts it together anew each time, which took a fifth of the time of encoding. */
export function fullNameOf(type: protobuf.Type): string {
  const name = names.get(type) ?? type.fullName;
  names.set(type, name);
  return name;
}

/** The message whose bytes a field of ours holds, where Envoy's own field holds the message: the same on the wire. */
export function packedType(field: protobuf.Field): protobuf.Type | undefined {
  const name = field.options?.['(packs)'] as unknown;
  return typeof name === 'string' ? messageType(name) : undefined;
}

export const serviceType = (name: string): protobuf.Service => root.lookupService(name);

/** Every message with the fields we know, for checks against Envoy's own descriptors. */
export function everyMessage(space: protobuf.NamespaceBase = root): protobuf.Type[] {
  return space.nestedArray.flatMap((item) => [
    ...(item instanceof protobuf.Type ? [item] : []),
    ...(item instanceof protobuf.Namespace ? everyMessage(item) : []),
  ]);
}
