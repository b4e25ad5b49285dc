import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';

/** The text of a file in `templates/examples`. */
export const example = (name: string): Promise<string> =>
  readFile(join(import.meta.dirname, '..', '..', '..', 'templates', 'examples', name), 'utf8');

const step = z.object({
  name: z.string().optional(),
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
});
const job = z.object({
  if: z.string(),
  environment: z.string().optional(),
  env: z.record(z.string(), z.string()),
  steps: z.array(step),
});
const pipelineSchema = z.object({
  on: z.record(z.string(), z.unknown()),
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(z.string(), job),
});

export type PipelineJob = z.infer<typeof job>;

export const pipeline = async () =>
  pipelineSchema.parse(parse(await example('github-pipeline.yaml')));

/** What a job runs with fleet, line by line. */
export const fleetLines = ({ steps }: PipelineJob): string[] =>
  steps.flatMap(({ run = '' }) => run.split('\n').filter((line) => line.startsWith('fleet ')));

/** What the example pipeline runs, line by line. */
export async function pipelineLines(): Promise<string[]> {
  return Object.values((await pipeline()).jobs).flatMap(fleetLines);
}

/** A line of the example crontab: its schedule and its command. */
export const scheduleAndCommand = /^((?:\S+\s+){5})(fleet .*)$/;

/** The commands of the example crontab. */
export const cronLines = async (): Promise<string[]> =>
  (await example('crontab'))
    .split('\n')
    .flatMap((line) => scheduleAndCommand.exec(line)?.[2] ?? []);

/** Where the examples have the operator's folder. */
export const exampleFolder = '/home/operator/fleet';
