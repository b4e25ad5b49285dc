/**
 * `npm run generate:commands`: writes docs/commands.md from the commands, and docs/events.md from
 * the kinds of events. test/cli/documents/manual.test.ts fails where that was forgotten.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventsMarkdown } from '../src/cli/manual/events-manual.ts';
import { commandsMarkdown } from '../src/cli/manual/manual.ts';
import { buildProgram } from '../src/cli/program.ts';

const docs = join(import.meta.dirname, '..', 'docs');
writeFileSync(join(docs, 'commands.md'), commandsMarkdown(buildProgram()));
writeFileSync(join(docs, 'events.md'), eventsMarkdown());
