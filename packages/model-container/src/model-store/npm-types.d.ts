// The parts of npm's own libraries that we use; they ship no types.

declare module 'pacote' {
  /** A minipass stream of the tarball's bytes. */
  export interface TarballStream extends AsyncIterable<Buffer> {
    destroy(error?: unknown): void;
    on(event: 'error', listener: (error: unknown) => void): this;
  }
  /** As far as we read it. */
  export interface PackageManifest {
    readonly name: string;
    readonly version: string;
    /** An SPDX expression, or what old packages wrote. */
    readonly license?: unknown;
    readonly _integrity?: string;
  }
  const pacote: {
    /** What the registry says of a package. */
    manifest(spec: string, options: Record<string, unknown>): Promise<PackageManifest>;
    readonly tarball: {
      /** Calls `handler` with the stream, and once more after a failed integrity check; resolves as it does. */
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
    /** The options as npm's libraries (pacote, npm-registry-fetch) take them. */
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
