import { parse } from 'yaml';
import * as z from 'zod';
import { FleetError } from '../model/errors.ts';

const stepId = z.string().regex(/^[a-z][a-z0-9-]*$/);
const absolutePath = z.string().regex(/^\/[^\s|]+$/, 'must be an absolute path without blanks');
const unit = z.string().regex(/^[A-Za-z0-9@._-]+\.(service|timer|socket)$/, 'must be a unit, for example fail2ban.service');
const mode = z.string().regex(/^[0-7]{3,4}$/, 'must be octal digits in quotes');
const owner = z.string().regex(/^[a-z_][a-z0-9_-]*:[a-z_][a-z0-9_-]*$/, 'must be user:group');

const profileSchema = z.strictObject({
  /** One line for `fleet init --list-profiles`. */
  description: z.string(),
  /** Debian packages that have to be installed; recommended ones are not pulled in. */
  packages: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]*$/)).default([]),
  /** PAM limits for every user and root: the name as in limits.conf, soft and hard alike. */
  limits: z
    .record(z.enum(['nofile', 'nproc']), z.int().positive())
    .or(z.strictObject({}))
    .default({}),
  /** Kernel settings; those that the kernel refuses are named as warnings. */
  sysctl: z.record(z.string().regex(/^[a-z0-9_.-]+$/), z.union([z.string(), z.number()]).transform(String)).default({}),
  /** Steps of their own, each a few files. `source` is a file in templates/; `restart` the unit that reads it. */
  files: z
    .record(
      stepId,
      z.strictObject({
        title: z.string(),
        restart: unit.optional(),
        files: z.array(
          z.strictObject({
            path: absolutePath,
            source: z.string().regex(/^[a-zA-Z0-9_-][a-zA-Z0-9._-]*(\/[a-zA-Z0-9_-][a-zA-Z0-9._-]*)*$/),
            mode: mode.default('644'),
            owner: owner.default('root:root'),
          }),
        ),
      }),
    )
    .default({}),
  directories: z.array(z.strictObject({ path: absolutePath, mode: mode.default('755'), owner: owner.default('root:root') })).default([]),
  /** Units that have to be enabled and active. */
  services: z.array(unit).default([]),
  /** ufw that lets in nothing but SSH. */
  firewall: z.boolean().default(false),
  /** Set the host's time zone to that of the inventory. */
  timeZone: z.boolean().default(true),
});

/** What a kind of host gets, as data (templates/profiles). */
export type Profile = z.infer<typeof profileSchema>;

/** Reads a profile's YAML. Throws FleetError `inventory` that names every mistake; `name` is only used in it. */
export function parseProfile(name: string, text: string): Profile {
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (cause) {
    throw new FleetError('inventory', `profile ${name} is not YAML`, { hint: `correct templates/profiles/${name}.yaml`, cause });
  }
  const result = profileSchema.safeParse(raw);
  if (result.success) return result.data;
  throw new FleetError('inventory', `profile ${name} has mistakes`, {
    hint: `correct templates/profiles/${name}.yaml`,
    problems: result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  });
}
