/**
 * `node code-cache.ts DIST`, part of the build: uses the built program as an operator does, as far
 * as that goes without hosts, and writes what V8 compiled.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { codeCacheName, compileProgram, loadProgram } from '../src/cli/built-program.ts';
import { exitCode } from '../src/verbs/exit-codes.ts';

const dist = resolve(process.argv[2] ?? '');
const folder = mkdtempSync(join(tmpdir(), 'fleet-code-cache-'));
/** Nobody listens on ports 1 and 2: commands end with success, or with failed hosts. */
const inventory = `version: 1
fleet: warm
vault: { path: vault, key: file:vault.key }
telegram: { api_id: 1, api_hash: env:TELEGRAM_API_HASH }
hosts:
  h1: { address: 127.0.0.1, ssh: { port: 1 } }
  h2: { address: 127.0.0.1, ssh: { port: 2 } }
`;
const uses = [
  ['--help'],
  ['status'],
  ['status', '--live'],
  ['init', '--yes'],
  ['exec', 'h1', '--', 'true'],
  ['allocate', '--all', '--yes'],
  ['rebalance', '--dry-run'],
  ['sweep'],
];

try {
  writeFileSync(join(folder, 'inventory.yaml'), inventory);
  process.chdir(folder);
  process.env.HOME = folder;
  process.env.SSH_AUTH_SOCK = '';
  const script = compileProgram(dist);
  const { runProgram } = loadProgram(script, dist);
  for (const words of uses) {
    process.argv.splice(2, process.argv.length, ...words);
    await runProgram();
    if (process.exitCode !== exitCode.ok && process.exitCode !== exitCode.failed)
      throw new Error(`fleet ${words.join(' ')} ended with ${process.exitCode}`);
  }
  writeFileSync(join(dist, codeCacheName), script.createCachedData());
  if (compileProgram(dist).cachedDataRejected !== false)
    throw new Error('V8 does not take the code cache that it has just made');
  process.exitCode = exitCode.ok;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
