import { createSocket, type Socket } from 'node:dgram';
import type { AddressInfo } from 'node:net';
import { isIPv4 } from 'node:net';

export type FakeRecord = { ttl: number } & ({ address: string } | { priority: number; port: number; target: string });

const TYPES: Record<number, string> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };

/** For tests: answers A, AAAA and SRV over UDP on loopback from `zone`, keyed `A name`; counts the questions. RFC 1035, as little of it as node's resolver needs. */
export class FakeDnsServer {
  readonly zone = new Map<string, FakeRecord[]>();
  readonly asked: string[] = [];
  /** RCODE of every answer while set: 2 is SERVFAIL. */
  failsWith: number | null = null;
  readonly #socket: Socket = createSocket('udp4');

  get address(): string {
    return `127.0.0.1:${(this.#socket.address() as AddressInfo).port}`;
  }

  async start(): Promise<this> {
    this.#socket.on('message', (query, from) => {
      this.#socket.send(this.#answer(query), from.port, from.address);
    });
    await new Promise<void>((resolve) => {
      this.#socket.bind(0, '127.0.0.1', resolve);
    });
    return this;
  }

  stop(): void {
    this.#socket.close();
  }

  #answer(query: Buffer): Buffer {
    let at = 12;
    const labels: string[] = [];
    for (let size = query[at]!; size > 0; size = query[at]!) {
      labels.push(query.toString('latin1', at + 1, at + 1 + size));
      at += 1 + size;
    }
    const question = query.subarray(12, at + 5);
    const type = TYPES[query.readUInt16BE(at + 1)] ?? 'other',
      name = labels.join('.');
    this.asked.push(`${type} ${name}`);
    const records = this.failsWith === null ? (this.zone.get(`${type} ${name}`) ?? []) : [];
    const isKnown = [...this.zone.keys()].some((key) => key.endsWith(` ${name}`));
    const header = Buffer.alloc(12);
    query.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8180 | (this.failsWith ?? (isKnown ? 0 : 3)), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, question, ...records.map((record) => encode(record, query.readUInt16BE(at + 1)))]);
  }
}

function encode(record: FakeRecord, type: number): Buffer {
  const data =
    'address' in record
      ? encodeAddress(record.address)
      : Buffer.concat([
          Buffer.from([0, record.priority, 0, 1, record.port >> 8, record.port & 255]),
          encodeName(record.target),
        ]);
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0); // the name is the question's
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(record.ttl, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function encodeAddress(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [before = '', after = ''] = address.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)));
  const head = groups(before),
    tail = groups(after);
  const bytes = Buffer.alloc(16);
  [...head, ...Array<number>(8 - head.length - tail.length).fill(0), ...tail].forEach((group, index) => {
    bytes.writeUInt16BE(group, index * 2);
  });
  return bytes;
}

const encodeName = (name: string): Buffer =>
  Buffer.concat([
    ...name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ]);
