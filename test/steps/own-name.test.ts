import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { identityStep } from '../../src/steps/preflight.ts';

const library = fileURLToPath(new URL('../../templates/host-program/own.sh', import.meta.url));

/** What the step says on a machine with this host.json; empty: nothing against it. */
function said(hostJson: string, name: string, former: string | null): string {
  const { check } = identityStep({ fleet: 'shop', name, former });
  const program = `. "$1"; read_text() { TEXT=$HOST_JSON; }; fail() { printf '%s|%s|%s' "$@"; }; ${check}`;
  return execFileSync('bash', ['-c', program, 'test', library], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOST_JSON: hostJson },
  });
}

const config = (fleet: string, host: string): string =>
  JSON.stringify({ format: 1, fleet, host }, null, 2);

it('a machine that is a host under another name is refused, and the way out is named', () => {
  expect(said(config('shop', 'h1'), 'h2', null)).toMatch(
    /^host-foreign\|this machine is the host h1 .*\|.*fleet hosts rename h1 h2/,
  );
  expect(said(config('shop', 'h1'), 'h2', 'h0')).toMatch(/^host-foreign/);
});

it('its own name, the one before a rename, another fleet and a bare machine are no reason', () => {
  expect(said(config('shop', 'h1'), 'h1', null)).toBe('');
  expect(said(config('shop', 'h1'), 'h2', 'h1')).toBe('');
  expect(said(config('shop', 'h2'), 'h2', 'h1')).toBe('');
  expect(said(config('else', 'h1'), 'h2', null)).toBe('');
  expect(said('', 'h2', null)).toBe('');
  expect(said('{ "host": "h1" }', 'h2', null)).toBe('');
});
