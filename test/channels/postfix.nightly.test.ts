/**
 * Mail as people have it: a real postfix with STARTTLS and users, and all the ways in which it
 * takes nothing.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { type Folder, makeFolder } from '../cli/fleet-command.ts';
import { postfixUser, type RealPostfix, startPostfix } from './real-postfix.ts';

beforeAll(() => {
  for (const program of ['/usr/sbin/postfix', '/usr/sbin/saslpasswd2'])
    expect(existsSync(program), `${program} is installed (scripts/setup.sh --nightly)`).toBe(true);
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const inventoryFor = (port: number): string => {
  const channel = (to: string, more = ''): string =>
    `{ kind: mail, server: "smtp://localhost:${port}", user: ` +
    `${postfixUser.name}@mail.fleet.test, from: fleet@fleet.test, to: [${to}], password: ` +
    `env:PASSWORD${more} }`;
  return `version: 1
fleet: shop
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:API_HASH }
hosts: { web-1: { address: 192.0.2.1 } }
alerts:
  channels:
    good: ${channel('ops@fleet.test')}
    nobody: ${channel('nobody@fleet.test')}
    half: ${channel('ops@fleet.test, nobody@fleet.test')}
    grey: ${channel('grey@fleet.test')}
    anonymous: { kind: mail, server: "smtp://localhost:${port}", from: fleet@fleet.test, to: [ops@fleet.test] }
`;
};

interface Trial {
  readonly code: number | null;
  readonly said: string;
}

async function world(): Promise<{
  readonly postfix: RealPostfix;
  readonly test: (channel: string, env?: Record<string, string>) => Promise<Trial>;
}> {
  const postfix = startPostfix(await freePort());
  const folder: Folder = await makeFolder(inventoryFor(postfix.port));
  const authority = join(folder.path, 'authority.pem');
  await writeFile(authority, postfix.authority);
  const test = async (channel: string, env: Record<string, string> = {}): Promise<Trial> => {
    const all = {
      PASSWORD: postfixUser.password,
      NODE_EXTRA_CA_CERTS: authority,
      API_HASH: 'x'.repeat(32),
      COLUMNS: '300',
      ...env,
    };
    const { code, stdout, stderr } = await folder.fleet(['alerts', 'test', channel], all);
    expect(stdout + stderr).not.toContain(all.PASSWORD);
    return { code, said: stdout + stderr };
  };
  return { postfix, test };
}

it('a real mail server takes mail over STARTTLS from its user, refuses, asks for patience, and has no room', {
  timeout: 300_000,
}, async () => {
  const { postfix, test } = await world();
  expect(await test('good')).toMatchObject({ code: 0, said: expect.stringContaining('taken') });
  await expect.poll(() => postfix.mails().length, { timeout: 30_000 }).toBe(1);
  const [mail] = postfix.mails();
  expect(mail).toMatch(/^Subject: shop: 1 notice$/m);
  expect(mail).toMatch(/with ESMTPSA/);
  expect(mail).toMatch(/this is a test message/);

  const refused = await test('nobody');
  expect(refused.code).not.toBe(0);
  expect(refused.said).toMatch(
    /did not take the mail \(EENVELOPE\): 550 5\.1\.1 <nobody@fleet\.test>/,
  );
  expect(refused.said).toMatch(/look at from: and to: of the channel/);

  const half = await test('half');
  expect(half.said).toMatch(/took the mail, but not for nobody@fleet\.test: 550 5\.1\.1/);
  await expect.poll(() => postfix.mails().length, { timeout: 30_000 }).toBe(2);

  const grey = await test('grey');
  expect(grey.said).toMatch(/451 4\.7\.1 .*Greylisted/);
  expect(grey.said).toMatch(/tried again later/);

  expect((await test('good', { PASSWORD: 'another-password-of-mail' })).said).toMatch(
    /\(EAUTH\): 535 5\.7\.8.*\n?.*user or password is refused/,
  );
  expect((await test('anonymous')).said).toMatch(
    /did not take the mail \(EENVELOPE\): 554 5\.7\.1/,
  );
  expect((await test('good', { NODE_EXTRA_CA_CERTS: '' })).said).toMatch(
    /has a certificate that this machine does not trust\n[\s\S]*NODE_EXTRA_CA_CERTS/,
  );

  postfix.fill();
  await expect
    .poll(async () => (await test('good')).said, { timeout: 60_000, interval: 1000 })
    .toMatch(/452 4\.3\.1 Insufficient system storage/);
  expect((await test('good')).said).toMatch(/tried again later/);
});
