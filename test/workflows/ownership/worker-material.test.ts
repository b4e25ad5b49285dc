import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openLedger } from '../../../src/ledger/ledger.ts';
import { insertAccount, setUserId } from '../../../src/ledger/queries/accounts.ts';
import type { AccountName } from '../../../src/model/names.ts';
import type { Session, SessionDevice } from '../../../src/model/session.ts';
import { parseSessionString } from '../../../src/sessions/session-string.ts';
import { readWorkerMaterial } from '../../../src/workflows/ownership/worker-material.ts';
import { minimalYaml, parsed } from '../../inventory/sample-inventory.ts';
import { fixtureSession, fixtureUserId } from '../../sessions/fixture-sessions.ts';
import { hostSpec } from '../init/init-fixture.ts';

const ledger = await openLedger(join(mkdtempSync(join(tmpdir(), 'fleet-material-')), 'fleet.db'));
afterAll(() => ledger.close());

const material = (
  accounts: string,
  session: Session = fixtureSession(),
  device: SessionDevice = {},
) =>
  readWorkerMaterial(
    {
      inventory: parsed(`${minimalYaml}accounts: { anna: ${accounts} }\n`),
      ledger,
      readSecret: async () => 'hash',
      vault: {
        get: async () =>
          ({ session, vaultHash: '', sourceFormat: 'telethon', importedAt: '', device }) as never,
      },
    },
    'anna' as AccountName,
    session.keyId,
    hostSpec('h1'),
  );
const formatOf = (text: string): string => {
  const outcome = parseSessionString(text);
  return outcome.ok ? outcome.format : outcome.code;
};

it('fleet’s own worker gets a GramJS string and no command', async () => {
  const { session, command, config } = await material('');
  expect([formatOf(session), command]).toEqual(['gramjs-string', undefined]);
  expect(JSON.parse(config)).toMatchObject({ format: 1, apiId: 12_345, apiHash: 'hash' });
});

it.each(['telethon-string', 'pyrogram-string', 'mtcute-string'])(
  'a worker of one’s own gets its command and a %s',
  async (format) => {
    const { session, command } = await material(
      `{ worker: { command: [/opt/bot/run, --chat=a], session_format: ${format} } }`,
    );
    expect([formatOf(session), command]).toEqual([format, '/opt/bot/run --chat=a']);
  },
);

it('a form that carries the user takes it from what a worker has told', async () => {
  const unknown = fixtureSession({ userId: null });
  const wish = '{ worker: { command: [/opt/bot/run], session_format: pyrogram-string } }';
  await expect(material(wish, unknown)).rejects.toMatchObject({
    code: 'usage',
    hint: expect.stringContaining('user id') as unknown,
  });
  const about = {
    source_format: 'telethon',
    vault_hash: 'v',
    data_centre: 2,
    is_bot: 0,
    imported_at: 1,
  };
  await insertAccount(ledger.db, { name: 'anna', key_id: unknown.keyId, user_id: null, ...about });
  await setUserId(ledger.db, 'anna', String(fixtureUserId));
  const outcome = parseSessionString((await material(wish, unknown)).session);
  expect(outcome).toMatchObject({ ok: true, session: { userId: fixtureUserId } });
});

const pc: SessionDevice = {
  apiId: 4,
  apiHash: 'of the device',
  deviceModel: 'PC 64bit',
  langCode: 'ru',
};
it.each([
  [
    '',
    {
      apiId: 4,
      apiHash: 'of the device',
      deviceModel: 'PC 64bit',
      systemVersion: 'Linux',
      langCode: 'ru',
    },
  ],
  [
    '{ telegram: { device_model: desk } }',
    { apiId: 4, apiHash: 'of the device', deviceModel: 'desk', langCode: 'ru' },
  ],
  ['{ telegram: { api_id: 7 } }', { apiId: 7, apiHash: 'hash', deviceModel: 'PC 64bit' }],
])(
  'what came with the session counts, but less than its own entry: %s',
  async (entry, expected) => {
    expect(JSON.parse((await material(entry, fixtureSession(), pc)).config)).toMatchObject(
      expected,
    );
  },
);
