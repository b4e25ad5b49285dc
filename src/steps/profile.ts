import { parse } from 'yaml';
import * as z from 'zod';
import { FleetError } from '../model/errors.ts';
import { isGuardedUnit } from './guard.ts';
import { serviceUser } from './user.ts';

const stepId = z.string().regex(/^[a-z][a-z0-9-]*$/);
const absolutePath = z
  .string()
  .regex(/^\/[^\s|]+$/, 'must be an absolute path without blanks')
  .refine((path) => !/\/\.{0,2}(\/|$)/.test(path), 'must be a path without //, /./ and /../')
  .refine(
    (path) => !/^\/etc\/sudoers\.d\/.*[.~]/.test(path),
    'sudo ignores files in sudoers.d that have a dot or ~ in their name',
  );
const unit = z
  .string()
  .regex(
    /^[A-Za-z0-9@._-]+\.(service|timer|socket)$/,
    'must be a unit, for example fail2ban.service',
  );
const mode = z.string().regex(/^[0-7]{3,4}$/, 'must be octal digits in quotes');
const source = z
  .string()
  .regex(/^[a-zA-Z0-9_-][a-zA-Z0-9._@-]*(\/[a-zA-Z0-9_-][a-zA-Z0-9._@-]*)*$/);
/**
 * Units by which the host is reached belong into `files`, where a guard takes their change back.
 */
const ownUnit = source
  .regex(/\.(service|timer|socket)$/, 'must be a unit, for example units/mine.service')
  .refine((path) => {
    const name = path.split('/').at(-1) ?? path;
    return !isGuardedUnit(name) && !name.startsWith('fleet-');
  }, 'must be a unit of your own: those of sshd, firewall and network belong into files with ' +
    'restart, those of fleet are its own');
const owner = z
  .string()
  .regex(/^[a-z_][a-z0-9_-]*:[a-z_][a-z0-9_-]*$/, 'must be user:group')
  // Older profiles call the service user by its former name.
  .transform((who) => (who === 'fleet:fleet' ? `${serviceUser}:${serviceUser}` : who));

const inProject = z
  .string()
  .regex(
    /^[a-zA-Z0-9_-][a-zA-Z0-9._-]*(\/[a-zA-Z0-9_-][a-zA-Z0-9._-]*)*$/,
    'must be a path within the project: letters, digits, ".", "_", "-" and "/"',
  );

const pythonSettings = z.strictObject({
  /** Folder with the project's files, beside the inventory. */
  project: z
    .string()
    .regex(
      /^[a-zA-Z0-9_-][a-zA-Z0-9._-]*(\/[a-zA-Z0-9_-][a-zA-Z0-9._-]*)*$/,
      'must be a folder beside the inventory',
    ),
  /** The program that an account's worker is, a file of the project. */
  run: inProject.default('worker.py'),
  /** What pip installs into the venv, a file of the project. Default: nothing. */
  requirements: inProject.optional(),
  /**
   * pip's index, or `none` for no index at all. Default: what the host's own pip configuration
   * says.
   */
  index: z
    .string()
    .regex(
      /^(none|https?:\/\/[^\s@'"\\]+)$/,
      'must be none or the address of an index; a password belongs into /etc/pip.conf of the hosts',
    )
    .optional(),
  /** Folder of the project with wheels, in which pip looks as well. */
  wheels: inProject.optional(),
  /**
   * Whether the venv sees the Python packages of the distribution, for example python3-telethon.
   */
  systemPackages: z.boolean().default(false),
  /** Python 3.11 or newer on the host. */
  interpreter: absolutePath.default('/usr/bin/python3'),
});

/** One Python environment of a profile. */
export type PythonSettings = z.infer<typeof pythonSettings>;

const profileSchema = z.strictObject({
  /** One line for whoever reads it. */
  description: z.string(),
  /**
   * A profile to build on: lists are added to its own, entries of the same name take the place of
   * its own.
   */
  extends: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .optional(),
  /** Debian packages that have to be installed; recommended ones are not pulled in. */
  packages: z.array(z.string().regex(/^[a-z0-9][a-z0-9+.-]*$/)).default([]),
  /** Seconds to wait for apt's locks before a host is given up, 600 where nothing is said. */
  aptWait: z.int().positive().optional(),
  /** PAM limits for every user and root: the name as in limits.conf, soft and hard alike. */
  limits: z
    .record(z.enum(['nofile', 'nproc']), z.int().positive())
    .or(z.strictObject({}))
    .default({}),
  /** Kernel settings; those that the kernel refuses are named as warnings. */
  sysctl: z
    .record(z.string().regex(/^[a-z0-9_.-]+$/), z.union([z.string(), z.number()]).transform(String))
    .default({}),
  /**
   * Steps of their own, each a few files. `source` is a file beside the inventory or in templates/;
   * `restart` the unit that reads it.
   */
  files: z
    .record(
      stepId,
      z.strictObject({
        title: z.string(),
        restart: unit.optional(),
        files: z.array(
          z.strictObject({
            path: absolutePath,
            source,
            /** Octal digits. Default: 644; 440 for sudoers. */
            mode: mode.optional(),
            owner: owner.default('root:root'),
          }),
        ),
      }),
    )
    .default({}),
  directories: z
    .array(
      z.strictObject({
        path: absolutePath,
        mode: mode.default('755'),
        owner: owner.default('root:root'),
      }),
    )
    .default([]),
  /** Units that have to be enabled and active. */
  services: z.array(unit).default([]),
  /**
   * Environments for custom workers (docs/custom-workers.md), by the name of their folder below
   * /opt/fleet/python.
   */
  python: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,30}$/), pythonSettings).default({}),
  /**
   * Users with a login or for services of one's own. Groups have to exist; the profile takes none
   * away.
   */
  users: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(
            /^(?!root$|_fleet$)[a-z_][a-z0-9_-]{0,31}$/,
            'must be a user name, and neither root nor _fleet',
          ),
        /** A service's user: a low number and no home of its own. */
        system: z.boolean().default(false),
        home: absolutePath.optional(),
        shell: absolutePath.default('/bin/bash'),
        groups: z.array(z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/)).default([]),
      }),
    )
    .default([]),
  /**
   * Units of one's own; the file's name is the unit's. They are enabled and started, unless `start`
   * says false.
   */
  units: z.array(z.strictObject({ source: ownUnit, start: z.boolean().default(true) })).default([]),
  /**
   * Shell commands that look at the host as root, each within 30 s; one that fails makes the host
   * fail, or warns.
   */
  checks: z
    .record(
      stepId,
      z.strictObject({
        title: z.string().optional(),
        run: z.string().min(1),
        hint: z.string().min(1),
        warn: z.boolean().default(false),
      }),
    )
    .default({}),
  /** ufw that lets in nothing but SSH. Default: false. */
  firewall: z.boolean().optional(),
  /** Set the host's time zone to that of the inventory. Default: true. */
  timeZone: z.boolean().optional(),
});

/** What a kind of host gets, as data (templates/profiles). */
export type Profile = z.infer<typeof profileSchema>;

/**
 * `own` on top of `base`: lists are joined, entries of the same name and plain settings are those
 * of `own`. Pure.
 */
export function extendProfile(base: Profile, own: Profile): Profile {
  const merged = { ...base, ...own };
  for (const [key, below] of Object.entries(base)) {
    const above = own[key as keyof Profile];
    if (Array.isArray(below))
      Object.assign(merged, { [key]: uniqueBy([...below, ...((above ?? []) as unknown[])]) });
    else if (typeof below === 'object')
      Object.assign(merged, { [key]: { ...below, ...(above as object | undefined) } });
  }
  return merged;
}

const uniqueBy = (items: readonly unknown[]): unknown[] => [
  ...new Map(items.map((item) => [JSON.stringify(item), item])).values(),
];

/** Files that a profile names, each once. */
export const sourcesOf = (profile: Profile): readonly string[] => [
  ...new Set(
    [...Object.values(profile.files).flatMap(({ files }) => files), ...profile.units].map(
      ({ source }) => source,
    ),
  ),
];

/**
 * Reads a profile's YAML. Throws FleetError `inventory` that names every mistake; `name` is only
 * used in it.
 */
export function parseProfile(name: string, text: string): Profile {
  let raw: unknown;
  try {
    raw = parse(text);
  } catch (cause) {
    throw new FleetError('inventory', `profile ${name} is not YAML`, {
      hint: `correct profiles/${name}.yaml`,
      cause,
    });
  }
  const result = profileSchema.safeParse(raw);
  if (result.success) return result.data;
  throw new FleetError('inventory', `profile ${name} has mistakes`, {
    hint: `correct profiles/${name}.yaml`,
    problems: result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`),
  });
}
