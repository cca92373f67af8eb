import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { conservationErrors, HEADER, type Report, reportSchema } from '@vigia/contracts';
import { type Clip, loadClip, SimulatedCamera } from '@vigia/testkit';
import { CLIP, childrenOf, isAlive, type Sandbox, type Vigia } from './vigia.ts';

let clip: Clip | undefined;

/** Simulated cameras `c0`, `c1`, … that share one clip. Slow: many of them run on a small machine. */
export async function startFleet(cameras: number, fps: number): Promise<SimulatedCamera[]> {
  const shared = (clip ??= await loadClip(CLIP));
  return Promise.all(Array.from({ length: cameras }, () => SimulatedCamera.start({ clip: shared, fps })));
}

/** What the configuration says about one camera beyond its source. */
export interface CameraText {
  readonly source: string;
  /** Lines of YAML, such as `roi: {…}`. */
  readonly extra?: string;
  /** Default `people: { model: ssdlite }`. */
  readonly consumers?: string;
}

/** Writes the sandbox's configuration. */
export function writeConfig(
  box: Sandbox,
  cameras: Readonly<Record<string, CameraText>>,
  rest = '',
  model = 'ssdlite: { use: ssdlite-mobilenet-v2 }',
): string {
  const entries = Object.entries(cameras).map(
    ([id, { source, extra = '', consumers = 'people: { model: ssdlite }' }]) =>
      `  ${id}:\n    source: ${source}\n${extra === '' ? '' : `    ${extra}\n`}    consumers: { ${consumers} }\n`,
  );
  return box.file(
    'vigia.yml',
    `version: 1\nnode: ${box.node}\ncameras:\n${entries.join('')}models:\n  ${model}\n${rest}`,
  );
}

/** Asks a running node over its control socket. */
export function ask(
  box: Sandbox,
  method: 'GET' | 'PATCH' | 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: object,
): Promise<{ readonly status: number; readonly body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const asked = request({ socketPath: join(box.runDir, 'control.sock'), method, path, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) }),
      );
    });
    asked.once('error', reject);
    asked.end(body && JSON.stringify(body));
  });
}

/** The report as of now; the equations of AD2 hold in it. */
export async function reportNow(box: Sandbox): Promise<Report> {
  const report = reportSchema.parse((await ask(box, 'GET', '/api/v1/report')).body);
  const broken = conservationErrors(report);
  if (broken.length > 0) throw new Error(broken.join('\n'));
  return report;
}

/** The process of each camera that has consumers, as its segment names it. */
export function pidsByCamera(box: Sandbox): Map<string, number> {
  const prefix = `vigia_${box.node}_frames_`;
  const found = new Map<string, number>();
  for (const name of readdirSync('/dev/shm').filter((n) => n.startsWith(prefix))) {
    const camera = name.slice(prefix.length, name.lastIndexOf('_'));
    const header = readFileSync(`/dev/shm/${name}`);
    // One that is just being made has no size yet.
    if (header.byteLength > HEADER.writerPid + 4) found.set(camera, header.readUInt32LE(HEADER.writerPid));
  }
  return found;
}

/** Waits until each of these cameras had an ok result after the given line of output. */
export function untilSeen(vigia: Vigia, cameras: readonly string[], from = 0): Promise<unknown> {
  return vigia.until(`results of ${cameras.join(', ')}`, () => {
    const seen = new Set<string>();
    for (const line of vigia.lines.slice(from))
      if (line.type === 'result' && line.status === 'ok') seen.add(line.camera);
    return cameras.every((id) => seen.has(id));
  });
}

/** What a node holds that can leak. */
export interface Holdings {
  readonly descriptors: number;
  readonly children: number;
  readonly zombies: number;
  readonly segments: number;
  readonly files: readonly string[];
}

/** Looks at what a running node holds. */
export function holdingsOf(vigia: Vigia, box: Sandbox): Holdings {
  const children = childrenOf(vigia.pid);
  const left = box.leftovers();
  return {
    descriptors: readdirSync(`/proc/${vigia.pid}/fd`).length,
    children: children.length,
    zombies: children.filter((c) => !isAlive(c.pid)).length,
    segments: left.filter((name) => name.startsWith('vigia_') && !name.endsWith('.sock')).length,
    files: readdirSync(box.runDir).sort(),
  };
}
