/**
 * `npm run generate:commands`: writes docs/commands.md from the commands, docs/events.md from the
 * kinds of events, and docs/openapi.json from what `fleet serve` offers of the commands.
 * test/cli/documents/manual.test.ts and test/serve/openapi.test.ts fail where that was forgotten.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventsMarkdown } from '../src/cli/manual/events-manual.ts';
import { commandsMarkdown } from '../src/cli/manual/manual.ts';
import { buildProgram } from '../src/cli/program.ts';
import { offersOf } from '../src/serve/offers.ts';
import { openapiOf } from '../src/serve/openapi.ts';
import { verbs } from '../src/verbs/registry.ts';

const docs = join(import.meta.dirname, '..', 'docs');
writeFileSync(join(docs, 'commands.md'), commandsMarkdown(buildProgram()));
writeFileSync(join(docs, 'events.md'), eventsMarkdown());
const api = openapiOf(offersOf(verbs));
writeFileSync(join(docs, 'openapi.json'), `${JSON.stringify(api, null, 1)}\n`);
