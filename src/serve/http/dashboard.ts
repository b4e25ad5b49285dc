/** The dashboard's page: three files, the same for everybody; its data comes by the API. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { FleetError } from '../../model/errors.ts';
import { systemWords } from '../../surroundings/system-error.ts';

const files = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/dashboard/app.js': { name: 'app.js', type: 'text/javascript; charset=utf-8' },
  '/dashboard/app.css': { name: 'app.css', type: 'text/css; charset=utf-8' },
} as const;

type Path = keyof typeof files;
export type DashboardFiles = Readonly<Record<Path, Buffer>>;

/** Only what this server sends itself is run, shown or asked; no page may hold this one. */
const policy = [
  ...["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"],
  ...["img-src 'self' data:", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"],
].join('; ');

const headers = {
  'content-security-policy': policy,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
} as const;

/** Of the built package at `root`. Errors: `usage`, where it was not built. */
export async function readDashboard(root: string): Promise<DashboardFiles> {
  const read = ({ name }: (typeof files)[Path]): Promise<Buffer> =>
    readFile(join(root, 'dist', 'dashboard', name)).catch((cause: unknown) => {
      throw new FleetError(
        'usage',
        `the dashboard's ${name} cannot be read: ${systemWords(cause).said}`,
        {
          hint: 'in a checkout: npm run build; a package that lacks it has to be installed again',
        },
      );
    });
  const [page, script, style] = await Promise.all([
    read(files['/']),
    read(files['/dashboard/app.js']),
    read(files['/dashboard/app.css']),
  ]);
  return { '/': page, '/dashboard/app.js': script, '/dashboard/app.css': style };
}

export function addDashboard(app: FastifyInstance, read: DashboardFiles): void {
  for (const path of Object.keys(files) as readonly Path[])
    app.get(path, async (_, reply) =>
      reply.headers(headers).type(files[path].type).send(read[path]),
    );
}
