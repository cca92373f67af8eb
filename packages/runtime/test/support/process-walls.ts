/** An address or path of a module as `runtime/camera/camera.js` or `npm:zod`. */
export function nameOf(url: string): string[] {
  const ours = /(?:^|\/)packages\/([^/]+)\/dist\/(.+)$/.exec(url);
  if (ours) return [`${ours[1]}/${ours[2]}`];
  const theirs = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1];
  return theirs === undefined ? [] : [`npm:${theirs}`];
}

/** What a process may load before it does anything. */
export interface ProcessWall {
  readonly entry: string;
  /** Its place among the bundles. */
  readonly bundle?: string;
  /** So many modules of ours, at most. */
  readonly most: number;
  /** Names of modules that belong to another process. */
  readonly never: RegExp;
}

export const PROCESSES: Readonly<Record<string, ProcessWall>> = {
  'a camera process': {
    entry: '@vigia/runtime/dist/camera/camera-process.js',
    bundle: 'camera/camera-process.js',
    most: 253,
    never:
      /^runtime\/(?:node|cli|main)|^model-container\/|^npm:(?:yaml|pacote|tar|fastify|mqtt|aedes|libsql|sharp|onnxruntime-node)$/,
  },
  'the node': {
    entry: '@vigia/runtime/dist/node/index.js',
    most: 349,
    never:
      /^runtime\/(?:camera|cli|services\/tracing)\/|^runtime\/core\/media\/(?:libav|rtsp|sources)\/|^npm:(?:node-av|sharp|aedes|libsql|onnxruntime-node)$/,
  },
  'the api process': {
    entry: '@vigia/runtime/dist/api/api-process.js',
    bundle: 'api/api-process.js',
    most: 150,
    never:
      /^runtime\/(?:node|camera|ingest|footage|cli|main|services\/(?!control-plane)|core\/media)|^model-container\/|^frame-supplier\/|^npm:(?:yaml|pacote|tar|mqtt|aedes|libsql|sharp|onnxruntime-node|node-av)$/,
  },
  'the live process': {
    entry: '@vigia/runtime/dist/live/live-process.js',
    bundle: 'live/live-process.js',
    most: 90,
    never:
      /^runtime\/(?:node|camera|ingest|footage|api|cli|main|services|core\/media\/(?:libav|rtsp|sources))|^model-container\/|^frame-supplier\/|^npm:(?:yaml|pacote|tar|fastify|mqtt|aedes|libsql|sharp|onnxruntime-node|node-av)$/,
  },
  'the footage process': {
    entry: '@vigia/runtime/dist/footage/footage-process.js',
    bundle: 'footage/footage-process.js',
    most: 150,
    never:
      /^runtime\/(?:node|camera|ingest|cli|main|core\/media\/(?:rtsp|sources))|^model-container\/|^npm:(?:yaml|pacote|tar|fastify|mqtt|aedes|onnxruntime-node)$/,
  },
  'an ingest process': {
    entry: '@vigia/runtime/dist/ingest/ingest-process.js',
    bundle: 'ingest/ingest-process.js',
    most: 196,
    never:
      /^runtime\/(?:node|camera|footage|cli|main|services\/(?:inference|workers|playback|footage))|^model-container\/|^npm:(?:yaml|pacote|tar|fastify|mqtt|aedes|libsql|sharp|onnxruntime-node)$/,
  },
  'a model container': {
    entry: '@vigia/model-container/dist/container.js',
    bundle: 'model-container/main.js',
    most: 93,
    never: /^runtime\/|^model-container\/(?:model-store|onboarding|conversion)\/|^npm:(?:pacote|tar)$/,
  },
};
