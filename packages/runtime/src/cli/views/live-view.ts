import type { Clock } from '@vigia/base';
import type { CameraReport, CameraStatus, ConsumerReport, NodeStatus, RecentAnswers } from '@vigia/contracts';
import { fit, formatBytes, formatElapsed, type Palette } from '#core/terminal';
import { agesText, colourOf, consumerState, durationText, nonZero, rateText, streamText } from './cells.ts';
import type { View } from './view.ts';
import { Keyed, keepOnly, Rate } from './recent.ts';

/** The terminal of a live view. */
export interface Terminal {
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const LOG_LINES = 5;
const NAME = 24;
const STATE = 12;
const FPS = 6;
const AGE = 8;
const SEES = 18;

/** A table that redraws itself in place: cameras, their consumers, models, and the last log lines. */
export class LiveView implements View {
  readonly #terminal: Terminal;
  readonly #palette: Palette;
  readonly #clock: Clock;
  readonly #hint: string;
  readonly #rates = new Keyed(() => new Rate());
  readonly #log: string[] = [];
  #drawnLines = 0;
  #closed = false;

  /** @param hint What Ctrl-C does, for the first line. */
  constructor(terminal: Terminal, palette: Palette, clock: Clock, hint = 'Ctrl-C stops') {
    this.#terminal = terminal;
    this.#palette = palette;
    this.#clock = clock;
    this.#hint = hint;
    terminal.write('\u001b[?25l');
  }

  onItem(): void {
    // The status has what the table shows.
  }

  onLog(line: string): void {
    this.#log.push(line);
    if (this.#log.length > LOG_LINES) this.#log.shift();
  }

  draw(status: NodeStatus): void {
    if (this.#closed) return;
    keepOnly(status, this.#rates);
    // A terminal of unknown size reports 0.
    const width = (this.#terminal.columns || 100) - 1;
    const rows = (this.#terminal.rows || 40) - 1;
    let lines = [...this.#head(status), ...this.#cameras(status), ...this.#models(status), ...this.#logLines()];
    // A table longer than the screen cannot be redrawn in place. It is cut, with a note.
    if (lines.length > rows)
      lines = [
        ...lines.slice(0, rows - 1),
        `… ${lines.length - rows + 1} more lines: enlarge the window, or use --json`,
      ];
    const up = this.#drawnLines > 0 ? `\u001b[${this.#drawnLines}A\r` : '';
    const text = lines.map((line) => `\u001b[2K${clip(line, width)}${this.#palette.reset}\n`).join('');
    this.#terminal.write(`${up}${text}\u001b[J`);
    this.#drawnLines = lines.length;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#terminal.write('\u001b[?25h');
  }

  #head(status: NodeStatus): string[] {
    const { bold, dim, reset } = this.#palette;
    const facts = [
      `up ${formatElapsed(status.up_ms)}`,
      `shared memory ${formatBytes(status.shm_bytes)}`,
      `MQTT ${status.mqtt}`,
      this.#hint,
    ];
    return [`${bold}vigia${reset} ${status.node}  ${dim}${facts.join(' · ')}${reset}`, ''];
  }

  #cameras(status: NodeStatus): string[] {
    const { dim, reset } = this.#palette;
    const title = `${fit('CAMERA', NAME)}${fit('STATE', STATE)}${fit('FPS', FPS, 'right')}${fit('AGE p50', AGE + 2, 'right')}${fit('p99', AGE, 'right')}  ${fit('SEES', SEES)}DROPPED`;
    const lines = [`${dim}${title}${reset}`];
    for (const [id, camera] of Object.entries(status.cameras)) {
      const { report, answers } = camera;
      lines.push(this.#camera(id, camera));
      for (const [name, consumer] of Object.entries(report.consumers))
        lines.push(this.#consumer(`${id}/${name}`, consumer, consumerState(report, consumer), answers[name]));
    }
    return [...lines, ''];
  }

  #camera(id: string, { report, message }: CameraStatus): string {
    const { bold, reset, dim } = this.#palette;
    const fps = rateText(this.#rates.get(id).read(report.captured, this.#clock.nowMs()));
    const { no_demand, undecodable, late } = report.skipped;
    const lost = nonZero({
      'without demand': no_demand,
      undecodable,
      late,
      'in the inbox': report.inbox_drops,
      concealed: report.concealed,
      'packets lost': report.lost_packets,
    });
    const note = report.state === 'live' ? `${lost}${mainText(report)}` : `${dim}${message ?? ''}${reset}`;
    // The columns of the consumers show the format of the stream instead, if it is known.
    const sends = report.state === 'live' ? `  ${dim}${fit(streamText(report), AGE * 2 + 2 + SEES)}${reset}` : '  ';
    return `${bold}${fit(id, NAME)}${reset}${this.#state(report.state)}${fit(fps, FPS, 'right')}${sends}${note}`;
  }

  #consumer(key: string, report: ConsumerReport, state: string, recent: RecentAnswers | undefined): string {
    const name = key.slice(key.indexOf('/') + 1);
    const fps = rateText(this.#rates.get(key).read(report.results.ok, this.#clock.nowMs()));
    const { gated, overwritten, stale, closed } = report.dropped;
    const { expired, timeout, unavailable, error } = report.results;
    const dropped = nonZero({ gated, overwritten, stale, closed });
    const failed = nonZero({ expired, timeout, unavailable, error });
    const { cyan, red, dim, reset } = this.#palette;
    const [p50, p99] = agesText(recent);
    const ages = `${fit(p50, AGE + 2, 'right')}${fit(p99, AGE, 'right')}`;
    const sees = `  ${cyan}${fit(recent?.sees ?? '–', SEES - 1)}${reset} `;
    const { yellow } = this.#palette;
    // Current problems come before drops since the start, because a narrow terminal cuts off the end.
    const notes = [
      report.reason === null ? '' : `${red}${report.reason}${reset}`,
      report.slowed ? `${yellow}slowed to ${rateText(report.slowed.fps)}/s: ${report.slowed.reason}${reset}` : '',
      dropped || 'none',
      // Counted since the start: what failed while a model was loading is no problem of now.
      failed ? `${state === 'running' ? dim : red}no result: ${failed}${reset}` : '',
    ].filter((note) => note !== '');
    const who = report.model ?? report.worker ?? '';
    return `${fit(`  ${name} (${who})`, NAME)}${this.#state(state)}${fit(fps, FPS, 'right')}${ages}${sees}${notes.join('  ')}`;
  }

  #models(status: NodeStatus): string[] {
    if (Object.keys(status.models).length === 0) return [];
    const { dim, reset } = this.#palette;
    const lines = [
      `${dim}${fit('MODEL', NAME)}${fit('STATE', STATE)}${fit('RUN/S', FPS, 'right')}${fit('RUN p50', AGE + 2, 'right')}${fit('p99', AGE, 'right')}  RESTARTS${reset}`,
    ];
    for (const [id, model] of Object.entries(status.models)) {
      const rate = rateText(this.#rates.get(`model ${id}`).read(model.requests, this.#clock.nowMs()));
      const times = `${fit(durationText(model.inference_ms.p50), AGE + 2, 'right')}${fit(durationText(model.inference_ms.p99), AGE, 'right')}`;
      lines.push(`${fit(id, NAME)}${this.#state(model.state)}${fit(rate, FPS, 'right')}${times}  ${model.restarts}`);
    }
    return [...lines, ''];
  }

  #logLines(): string[] {
    return this.#log.map((line) => `${this.#palette.dim}${line}`);
  }

  #state(state: string): string {
    return `${colourOf(state, this.#palette)}${fit(state, STATE)}${this.#palette.reset}`;
  }
}

/** The state of the large stream, unless it is live. */
function mainText({ main }: CameraReport): string {
  return !main || main.state === 'live' ? '' : `  large stream ${main.state}${main.reason ? ` (${main.reason})` : ''}`;
}

/** An escape sequence. Built from a code because a control character in a pattern is usually a mistake. */
const ESCAPE = new RegExp(`(${String.fromCharCode(27)}\\[[0-9;?]*[A-Za-z])`);

/** Cuts a line to the terminal's width without counting escape sequences. */
function clip(line: string, width: number): string {
  let visible = 0;
  let out = '';
  for (const part of line.split(ESCAPE)) {
    if (part.startsWith('\u001b')) out += part;
    else {
      out += part.slice(0, Math.max(0, width - visible));
      visible += part.length;
    }
  }
  return out;
}
