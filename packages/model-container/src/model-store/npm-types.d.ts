// The parts of npm's libraries that are used here; they ship no types.

declare module 'pacote' {
  /** A minipass stream of the tarball's bytes. */
  export interface TarballStream extends AsyncIterable<Buffer> {
    destroy(error?: unknown): void;
    on(event: 'error', listener: (error: unknown) => void): this;
  }
  /** The members in use. */
  export interface PackageManifest {
    readonly name: string;
    readonly version: string;
    /** An SPDX expression, or the forms used by old packages. */
    readonly license?: unknown;
    readonly _integrity?: string;
  }
  const pacote: {
    /** A package's metadata in the registry. */
    manifest(spec: string, options: Record<string, unknown>): Promise<PackageManifest>;
    readonly tarball: {
      /** Calls `handler` with the stream, and once more after a failed integrity check; resolves with its result. */
      stream<T>(
        spec: string,
        handler: (stream: TarballStream) => Promise<T>,
        options: Record<string, unknown>,
      ): Promise<T>;
    };
  };
  export default pacote;
}

declare module '@npmcli/config' {
  export default class Config {
    constructor(options: Record<string, unknown>);
    load(): Promise<void>;
    /** The options as npm's libraries (pacote, npm-registry-fetch) expect them. */
    readonly flat: Record<string, unknown>;
  }
}

declare module '@npmcli/config/lib/definitions/index.js' {
  const definitions: {
    readonly definitions: object;
    readonly shorthands: object;
    readonly flatten: object;
    readonly nerfDarts: string[];
  };
  export default definitions;
}
