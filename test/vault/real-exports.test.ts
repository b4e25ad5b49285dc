import { convertFromGramjsSession, convertFromPyrogramSession, convertFromTelethonSession } from '@mtcute/convert';
import { readStringSession } from '@mtcute/core/utils.js';
import { expect, test } from 'vitest';
import type { SessionStringFormat } from '../../src/model/session.ts';
import { formatSession } from '../../src/sessions/format-session.ts';
import { fixtureKey, fixtureSession } from '../sessions/fixture-sessions.ts';

const readers: readonly [SessionStringFormat, (text: string) => ReturnType<typeof readStringSession>][] = [
  ['gramjs-string', convertFromGramjsSession],
  ['telethon-string', convertFromTelethonSession],
  ['pyrogram-string', convertFromPyrogramSession],
  ['mtcute-string', readStringSession],
];

test.each(readers)('%s is read back by a library that fleet does not use', (format, read) => {
  for (const dataCentre of [1, 2, 3, 4, 5])
    for (const isBot of [false, true]) {
      const session = fixtureSession({ dataCentre, isBot, authKey: fixtureKey(dataCentre) });
      const back = read(formatSession(session, format, 4321));
      expect([back.primaryDcs.main.id, Buffer.from(back.authKey)]).toEqual([dataCentre, Buffer.from(session.authKey)]);
      const self = format === 'pyrogram-string' || format === 'mtcute-string' ? [Number(session.userId), isBot] : [undefined, undefined];
      expect([back.self?.userId, back.self?.isBot]).toEqual(self);
    }
});
