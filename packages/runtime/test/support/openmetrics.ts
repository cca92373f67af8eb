import { spawnSync } from 'node:child_process';
import { get } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import type { Sandbox } from './vigia.ts';

/** A metric family as an independent parser read it. */
export interface Family {
  readonly name: string;
  readonly type: string;
  readonly unit: string;
  readonly samples: readonly {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
}

const PARSER = fileURLToPath(new URL('openmetrics.py', import.meta.url));

/** What a running node answers to `GET /metrics`, read by Prometheus' own parser. */
export class ReadMetrics {
  readonly families: readonly Family[];

  private constructor(families: readonly Family[]) {
    this.families = families;
  }

  static async of(box: Sandbox): Promise<ReadMetrics> {
    const { text: input, ...head } = await answerOf(join(box.runDir, 'control.sock'));
    expect(head).toEqual({ status: 200, type: 'application/openmetrics-text; version=1.0.0; charset=utf-8' });
    const { status, stdout, stderr } = spawnSync('/usr/bin/python3', [PARSER], {
      input,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    return new ReadMetrics(JSON.parse(stdout) as Family[]);
  }

  /** The value of the only sample with this name and at least these labels. */
  value(name: string, labels: Readonly<Record<string, string>> = {}): number {
    const found = this.#samples.filter(
      (one) => one.name === name && Object.entries(labels).every(([label, value]) => one.labels[label] === value),
    );
    const [sample] = found;
    if (!sample || found.length > 1)
      throw new Error(`${found.length} samples of ${name} with ${JSON.stringify(labels)}; one is expected`);
    return sample.value;
  }

  /** Every value that a label has in any sample, sorted. */
  valuesOf(label: string): string[] {
    const values = this.#samples.flatMap(({ labels }) => labels[label] ?? []);
    return [...new Set(values)].toSorted();
  }

  get #samples(): Family['samples'] {
    return this.families.flatMap(({ samples }) => samples);
  }
}

interface Answer {
  readonly status: number | undefined;
  readonly type: string | undefined;
  readonly text: string;
}

function answerOf(socketPath: string): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = get({ socketPath, path: '/metrics' }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          type: response.headers['content-type'],
          text: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    });
    asked.once('error', reject);
  });
}
