/** A CycloneDX document as `npm sbom` writes it: what is used of it here. */
export interface Sbom {
  readonly metadata: { readonly component: Readonly<Record<string, unknown>> };
  readonly components: readonly Component[];
  readonly dependencies: readonly Dependency[];
}
interface Component {
  readonly 'bom-ref': string;
  readonly name: string;
  readonly version: string;
  readonly licenses?: readonly Licence[];
  readonly properties?: readonly { readonly name: string; readonly value: string }[];
}
interface Licence {
  readonly expression?: string;
  readonly license?: { readonly id?: string; readonly name?: string };
}
interface Dependency {
  readonly ref: string;
  readonly dependsOn: readonly string[];
}

/** What a release has inside. */
interface Contents {
  readonly name: string;
  readonly version: string;
  /** ISO date of the version. */
  readonly date: string;
  /** Packages that npm installs beside fleet, as `name@version`. */
  readonly installed: ReadonlySet<string>;
  /** Packages that are part of fleet's own files, as `name@version`. */
  readonly bundled: ReadonlySet<string>;
  /** SHA-512 of the package, in hex. */
  readonly sha512: string;
  /** Licence of a package whose entry in the lock names none. */
  readonly licenceOf: (component: {
    readonly name: string;
    readonly version: string;
  }) => string | null;
}

/**
 * The bill of materials of one release, made of that of the whole checkout: packages that only
 * develop fleet are left out, those inside of its files are marked. The same release gives the same
 * bytes: no time of the build, no serial number. Pure.
 */
export function releaseSbom(whole: Sbom, contents: Contents): Record<string, unknown> {
  const { installed, bundled } = contents;
  const isShipped = (ref: string): boolean => installed.has(ref) || bundled.has(ref);
  const components = whole.components.filter((component) => isShipped(component['bom-ref']));
  const missing = [...installed, ...bundled].filter(
    (ref) => !components.some((component) => component['bom-ref'] === ref),
  );
  if (missing.length > 0) throw new Error(`npm sbom does not know ${missing.join(', ')}`);
  const own = String(whole.metadata.component['bom-ref']);
  const { serialNumber: _, ...rest } = { serialNumber: '', ...whole };
  return {
    ...rest,
    metadata: {
      ...whole.metadata,
      timestamp: `${contents.date}T00:00:00.000Z`,
      component: {
        ...whole.metadata.component,
        ...{ type: 'application', name: contents.name, version: contents.version },
        hashes: [{ alg: 'SHA-512', content: contents.sha512 }],
      },
    },
    components: components.map((component) => shippedComponent(component, contents)),
    dependencies: whole.dependencies
      .filter(({ ref }) => ref === own || isShipped(ref))
      .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(isShipped) })),
  };
}

function shippedComponent(
  component: Component,
  { bundled, licenceOf }: Contents,
): Record<string, unknown> {
  const licence = (component.licenses ?? []).length > 0 ? null : licenceOf(component);
  const isBundled = bundled.has(component['bom-ref']);
  const properties = (component.properties ?? []).filter(
    ({ name }) => name !== 'cdx:npm:package:development',
  );
  return {
    ...component,
    // npm calls every package that develops fleet optional, also those that are inside of it.
    ...(isBundled ? { scope: 'required' } : {}),
    ...(licence === null ? {} : { licenses: [{ license: { id: licence } }] }),
    properties: [
      ...properties,
      ...(isBundled ? [{ name: 'cdx:npm:package:bundled', value: 'true' }] : []),
    ],
  };
}

/** The licence of each package, '' where none is known. Several entries all have to be obeyed. */
export const licencesOf = ({ components }: Sbom): ReadonlyMap<string, string> =>
  new Map(
    components.map(({ name, licenses = [] }) => [
      name,
      licenses
        .map(({ expression, license }) => expression ?? license?.id ?? license?.name ?? '')
        .join(' AND '),
    ]),
  );
