import { expect, test } from 'vitest';
import { nameErrorFor } from './name-server.ts';

const question = Buffer.from('\x07example\x03com\x00\x00\x01\x00\x01', 'latin1');
const header = (flags: string) => Buffer.from(`abcd${flags}0001000000000001`, 'hex');

test('every query is answered with its own question and "no such name"', () => {
  const query = Buffer.concat([header('0100'), question, Buffer.from('an additional record')]);
  expect(nameErrorFor(query)?.toString('hex')).toBe(
    `abcd8183${'0001000000000000'}${question.toString('hex')}`,
  );
});

test.each([
  ['an answer', Buffer.concat([header('8180'), question])],
  ['a query that is cut short', Buffer.concat([header('0100'), question.subarray(0, 10)])],
  ['nothing', Buffer.alloc(0)],
])('%s is left alone', (_what, packet) => {
  expect(nameErrorFor(packet)).toBeUndefined();
});
