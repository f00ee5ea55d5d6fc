import { parseDocument } from 'yaml';
import { yamlValue } from '../../proto/config-file/yaml-value.ts';
import { readAddress } from '../config/address.ts';
import { replicaAt, type DiscoveredReplica } from './source.ts';

/** Bounds that no honest list meets. */
const MAX_REPLICAS = 10_000;

/** Reads a file source: a list of `ip:port` or `{address, name}`, in JSON or YAML. The problem says which entry is wrong and why. */
export function parseReplicaList(text: string): { replicas: DiscoveredReplica[] } | { problem: string } {
  const document = parseDocument(text);
  const broken = document.errors[0];
  if (broken) return { problem: `line ${broken.linePos?.[0].line ?? 1}: ${broken.message.split('\n')[0]}` };
  const read = yamlValue(document);
  if ('problem' in read) return read;
  const list = read.value;
  if (!Array.isArray(list)) return { problem: 'expected a list of `ip:port` or `{address, name}`' };
  if (list.length > MAX_REPLICAS) return { problem: `${list.length} entries, at most ${MAX_REPLICAS} are read` };
  const replicas: DiscoveredReplica[] = [];
  for (const [index, entry] of list.entries()) {
    const read = readEntry(entry);
    if (typeof read === 'string') return { problem: `entry ${index + 1}: ${read}` };
    if (replicas.some((each) => each.name === read.name || each.address === read.address))
      return { problem: `entry ${index + 1}: ${read.name} is there twice` };
    replicas.push(read);
  }
  return { replicas };
}

function readEntry(entry: unknown): DiscoveredReplica | string {
  const { address, name } = (typeof entry === 'string' ? { address: entry } : (entry ?? {})) as {
    address?: unknown;
    name?: unknown;
  };
  if (typeof address !== 'string' || (readAddress(address)?.port ?? 0) === 0)
    return 'expected an IP address and a port like 10.0.0.7:3000';
  if (name !== undefined && (typeof name !== 'string' || name === '' || name.length > 63))
    return 'a name is a text of 1–63 characters';
  return replicaAt(address, name);
}
