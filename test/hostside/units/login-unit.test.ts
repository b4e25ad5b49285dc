import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** What of a unit's file says how its program is shut in, in any order. */
const isOfSandbox =
  /^(?:NoNew|Capab|Ambient|UMask|Protect|Private|RemoveIPC|Inacc|Restrict|LockP|SystemCall|IPAddressDeny|DynamicUser|MemorySwap|LimitCORE|LimitSIG|TemporaryFile|ReadOnlyPaths)\w*=/;

const sandboxOf = (name: string): readonly string[] =>
  readFileSync(`templates/units/${name}`, 'utf8')
    .split('\n')
    .filter((line) => isOfSandbox.test(line))
    .filter((line) => !line.startsWith('RestartPrevent'))
    .sort();

it('a login is shut in exactly as an account is', () => {
  expect(sandboxOf('fleet-login@.service')).toEqual(sandboxOf('fleet-account@.service'));
  expect(sandboxOf('fleet-login@.service').length).toBeGreaterThan(30);
});

it('it has no state, no runtime directory and no credential: nothing of a login is on a disk', () => {
  const unit = readFileSync('templates/units/fleet-login@.service', 'utf8');
  expect(unit).not.toMatch(
    /^(?:StateDirectory|RuntimeDirectory|CacheDirectory|LogsDirectory|LoadCredential|ReadWritePaths|BindPaths)/m,
  );
});
