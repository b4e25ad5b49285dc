/**
 * `node scripts/generate-commands.ts`: writes docs/commands.md from the commands.
 * test/cli/documents/manual.test.ts fails where that was forgotten.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandsMarkdown } from '../src/cli/manual/manual.ts';
import { buildProgram } from '../src/cli/program.ts';

writeFileSync(
  join(import.meta.dirname, '..', 'docs', 'commands.md'),
  commandsMarkdown(buildProgram()),
);
