import { readFileSync } from 'node:fs';
import protobuf from 'protobufjs';

export type Attributes = Record<string, string | number | boolean>;

export interface RawValue {
  string_value?: string;
  bool_value?: boolean;
  int_value?: number;
  double_value?: number;
}
export type RawAttributes = { key: string; value?: RawValue }[];

const { root } = protobuf.parse(readFileSync(`${import.meta.dirname}/otlp.proto`, 'utf8'), { keepCase: true });

export const messageType = (name: string): protobuf.Type => root.lookupType(`opentelemetry.proto.${name}`);

export const NANOS_PER_MS = 1e6;

export const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('hex');

export const readValue = (value: RawValue = {}): string | number | boolean =>
  value.string_value ?? value.bool_value ?? value.int_value ?? value.double_value ?? '';

export const readAttributes = (raw: RawAttributes = []): Attributes =>
  Object.fromEntries(raw.map(({ key, value }) => [key, readValue(value)]));
