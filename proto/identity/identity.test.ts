import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { createAuthority, issueLeaf } from '../../control-plane/certs/authority.ts';
import { readCertificateNames } from './certificate-names.ts';
import { hostOf, isLoopback, plainHost } from './host.ts';
import { limitLog } from './limit-log.ts';
import { formatMeshName, readMeshName, speaksFor, type MeshName } from './mesh-name.ts';
import { trustedCertificate } from './trusted-certificate.ts';

const now = new Date();
const gateway: MeshName = { trustDomain: 'm', role: 'gateway', id: 'a', isGroup: false };

test('a name is read as it was written, and nothing else is a name', (t) => {
  for (const name of [gateway, { ...gateway, isGroup: true }, { ...gateway, trustDomain: 'a.b-c_d', id: 'A.b_c-1' }])
    t.deepEqual(readMeshName(formatMeshName(name)), name);
  for (const uri of [
    '',
    'spiffe://m/gateway',
    'spiffe://m/gateway/',
    'spiffe://m/gateway/a/b',
    'spiffe://m/gateway/a/pods/pods',
    'spiffe://m/admin/a',
    'spiffe://M/gateway/a',
    'spiffe://m:1/gateway/a',
    'spiffe://x@m/gateway/a',
    'spiffe://m/gateway/a?b',
    'spiffe://m/gateway/a#b',
    'spiffe://m/gateway/..',
    'spiffe://m/gateway/%61',
    'spiffe://m/gateway/a\n',
    'https://m/gateway/a',
    ' spiffe://m/gateway/a',
  ])
    t.is(readMeshName(uri), null, uri);
});

test('a name speaks for its own node alone, a group’s for nodes that begin with it', (t) => {
  t.true(speaksFor(gateway, 'a'));
  for (const id of ['', 'b', 'a-1', 'A', 'aa']) t.false(speaksFor(gateway, id), id);
  const group = { ...gateway, isGroup: true };
  t.true(speaksFor(group, 'a-7d9-x2'));
  for (const id of ['', 'a', 'a-', 'ab-1', 'b-a-1']) t.false(speaksFor(group, id), id);
});

test('hosts have one spelling, and loopback is known in each of them', (t) => {
  for (const [text, plain] of [
    ['[::1]', '::1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['FE80::1%eth0', 'fe80::1'],
    ['A.Example.', 'a.example'],
  ] as const)
    t.is(plainHost(text), plain);
  for (const host of ['127.0.0.1', '127.9.8.7', '::1', '[::1]', '::ffff:127.0.0.1', 'localhost', 'LOCALHOST'])
    t.true(isLoopback(host), host);
  for (const host of [
    '',
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '127.evil.example',
    '127.0.0.1.evil.example',
    '1127.0.0.1',
    '::ffff:10.0.0.1',
  ])
    t.false(isLoopback(host), host);
  t.is(hostOf('[2001:DB8::0:1]:80'), '2001:db8::1');
  for (const address of ['', '10.0.0.1', '10.0.0.1:', '10.0.0.1:99999', '::1:80', 'a/b:80', 'a b:80'])
    t.is(hostOf(address), null, address);
});

test('one alternative name can’t pass for another: what Node quotes is read as one, several URIs name nobody', async (t) => {
  const authority = await createAuthority({ name: 'ca', days: 1, now });
  const namesOf = async (uri: string, altNames: string[] = []) => {
    const { certificate } = await issueLeaf(authority, { name: 'x', altNames, uri, days: 1, now });
    return readCertificateNames(new X509Certificate(certificate).subjectAltName);
  };
  t.deepEqual(await namesOf('spiffe://m/gateway/a', ['10.0.0.1', 'a.example']), {
    mesh: gateway,
    hosts: ['x', '10.0.0.1', 'a.example'],
  });
  t.is((await namesOf('spiffe://other/x, URI:spiffe://m/gateway/a')).mesh, null);
  t.is((await namesOf('x", URI:spiffe://m/gateway/a')).mesh, null);
  t.is(readCertificateNames('URI:spiffe://m/gateway/a, URI:spiffe://m/gateway/b').mesh, null);
  t.is(readCertificateNames('DNS:spiffe://m/gateway/a').mesh, null);
  for (const text of [undefined, '', 'garbage', 'URI', 'URI:"unfinished', 'URI:a"b, URI:spiffe://m/gateway/a'])
    t.is(readCertificateNames(text).mesh, null, text);
});

test('a certificate is trusted when an authority of ours has signed it, is no authority itself, and is valid now', async (t) => {
  const [ours, theirs] = await Promise.all(['ours', 'ours'].map((name) => createAuthority({ name, days: 2, now })));
  const leaf = await issueLeaf(ours!, { name: 'x', altNames: [], days: 1, now });
  const authorities = [new X509Certificate(ours!.certificate)];
  const at = (chain: string, ms = now.getTime()) => trustedCertificate(chain, authorities, ms) !== null;
  t.true(at(leaf.certificate));
  t.true(at(`${leaf.certificate}\n${ours!.certificate}`), 'with the authority behind it');
  t.false(at(ours!.certificate), 'an authority is nobody’s name');
  t.false(
    at((await issueLeaf(theirs!, { name: 'x', altNames: [], days: 1, now })).certificate),
    'the same name, another key',
  );
  t.false(at(leaf.certificate, now.getTime() + 2 * 86_400_000), 'expired');
  t.false(at(leaf.certificate, now.getTime() - 86_400_000), 'not valid yet');
  for (const text of ['', 'x', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----']) t.false(at(text), text);
});

test('what strangers do is logged once a minute for each kind, and not without end', (t) => {
  let time = 0;
  const isNews = limitLog(() => time);
  t.deepEqual([isNews('a'), isNews('a'), isNews('b')], [true, false, true]);
  t.is(Array.from({ length: 1000 }, (_, index) => isNews(`kind ${index}`)).filter(Boolean).length, 48);
  time += 60_000;
  t.true(isNews('a'));
});
