import * as z from 'zod';
import { readAddress } from './address.ts';

/** Names of servers, backends and nodes: they become parts of resource names, metric labels and Redis keys. */
export const nameSchema = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits and inner hyphens, 1–63 characters');

export const listenSchema = z
  .string()
  .refine((text) => readAddress(text) !== undefined, 'an address like 127.0.0.1:8080 or [::1]:8080');

export const replicaAddressSchema = z
  .string()
  .refine(
    (text) => (readAddress(text)?.port ?? 0) > 0,
    'an IP address and a port like 10.0.0.7:3000 (for a host name use `discovery: {type: dns, …}`)',
  );

export const someMilliseconds = z.int().min(1).max(86_400_000);
export const milliseconds = (fallback: number, description: string) =>
  someMilliseconds.default(fallback).describe(description);

/** Certificate and key that a listener shows; read again when the files change. */
export const listenerTlsSchema = z.strictObject({
  certificateFile: z.string().min(1).describe('PEM file with the certificate chain.'),
  keyFile: z.string().min(1).describe('PEM file with its private key.'),
  clientCaFile: z
    .string()
    .min(1)
    .optional()
    .describe('PEM file of the authorities whose client certificates are asked for.'),
});

/** TLS towards something we connect to. */
export const upstreamTlsSchema = z.strictObject({
  caFile: z.string().min(1).optional().describe('PEM file of the authorities to trust; the system’s when absent.'),
  serverName: z.string().min(1).optional().describe('Name to ask for (SNI) and to find in the certificate.'),
  certificateFile: z.string().min(1).optional().describe('Client certificate, for mutual TLS.'),
  keyFile: z.string().min(1).optional().describe('Its key.'),
});
export type UpstreamTls = z.infer<typeof upstreamTlsSchema>;
export type ListenerTls = z.infer<typeof listenerTlsSchema>;
