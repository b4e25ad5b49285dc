import { expect, test } from 'vitest';
import type { HostName } from '../../src/model/names.ts';
import type { HostRefusal } from '../../src/planning/fleet/refusals.ts';
import { refusalLines, roomHint } from '../../src/verbs/results/moves/refused.ts';

const refusal = (host: string, code: HostRefusal['code'], message: string): HostRefusal => ({
  ...{ host: host as HostName, code, message },
});
const unready = (count: number): HostRefusal[] =>
  Array.from({ length: count }, (_, index) => {
    const host = `web-${index + 1}`;
    return refusal(host, 'not-ready', `host is not ready: run: fleet init --limit ${host}`);
  });

test('hosts that refuse for the same reason are one line, however many they are', () => {
  expect(refusalLines([...unready(2_000), refusal('db-1', 'full', '5 of 5 accounts')])).toEqual([
    'web-1, web-2, web-3, web-4, web-5, web-6, web-7, web-8 and 1992 more: ' +
      'host is not ready: run: fleet init --limit HOST',
    'db-1: 5 of 5 accounts',
  ]);
  expect(refusalLines(unready(1))).toEqual([
    'web-1: host is not ready: run: fleet init --limit web-1',
  ]);
  // One name more would be as long as the words about it.
  expect(refusalLines(unready(9))[0]).toContain('web-8, web-9: host');
});

test('what makes room follows from why there is none', () => {
  expect(roomHint(unready(3))).toBe('fleet init makes hosts ready');
  expect(roomHint([...unready(1), refusal('a', 'full', ''), refusal('b', 'full', '')])).toBe(
    'add a host, or raise max_accounts; or: fleet init makes hosts ready',
  );
  expect(roomHint([])).toBe('add a host to the inventory');
});
