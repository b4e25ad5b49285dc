import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { openAiClient } from '../../../../hostside/worker/model/openai-client.ts';
import { buildHostFiles } from '../../../../src/release/build-host-files.ts';
import { modelContract } from './model-contract.ts';

const directory = mkdtempSync(join(tmpdir(), 'fleet-model-client-'));
afterAll(() => rmSync(directory, { recursive: true }));
await buildHostFiles(resolve('.'), directory);
const path = join(directory, 'model-client.cjs');
const bundle = createRequire(import.meta.url)(path) as {
  readonly openAiClient: typeof openAiClient;
};

modelContract('openai, as hosts get it', bundle.openAiClient);

test("asking a model loads none of Node's own classes of fetch, which cost every account 6 MB", () => {
  const program = `const { openAiClient } = require(${JSON.stringify(path)});
    const client = openAiClient({ baseUrl: 'http://127.0.0.1:9/v1', key: 'x' });
    const turns = [{ role: 'user', content: 'x' }];
    client.complete({ model: 'x', turns, answerTokens: 1, temperature: null }, new AbortController().signal)
      .catch(({ kind }) => console.log(JSON.stringify([kind, process.moduleLoadList.filter((name) => /undici|webstreams/.test(name))])));`;
  expect(JSON.parse(execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' }))).toEqual(
    ['network', []],
  );
});
