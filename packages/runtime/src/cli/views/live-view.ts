import type { Clock } from '@vigia/base';
import type { CameraReport, CameraStatus, ConsumerReport, NodeStatus, RecentAnswers } from '@vigia/contracts';
import { fit, formatBytes, formatElapsed, type Palette, wrap } from '#core/terminal';
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
const INDENT = '    ';
const TERM = 10;
/** What `?` shows: a word of the table, and what it means. */
const HELP: readonly (readonly [string, string])[] = [
  ['FPS', 'of a camera: pictures that it sent; of a consumer: answers; both per second'],
  [
    'AGE',
    'from the capture of a picture to the decision about it, in the last 10 s: p50 is usual, one of 100 answers is older than p99; ≥ means at least, because the camera does not show how long it holds pictures back',
  ],
  ['SEES', 'the newest answer; empty when it is older than 1 s and three intervals'],
  [
    'DROPPED',
    'pictures in whose place a newer one was taken, since the start: that is how vigia stays current. gated: more than `fps` allows; overwritten: the consumer was busy; stale: too old to be used',
  ],
  ['no result', 'pictures that were taken and got no answer, since the start, by reason'],
  ['', ''],
  ['Keys', '↑ ↓ PgUp PgDn scroll, q ends, ? goes back'],
];

/** A table that redraws itself in place: cameras, their consumers, models, and the last log lines. */
export class LiveView implements View {
  readonly #terminal: Terminal;
  readonly #palette: Palette;
  readonly #clock: Clock;
  readonly #hint: string;
  /** Undefined: no last line. */
  readonly #page: string | undefined;
  readonly #rates = new Keyed(() => new Rate());
  readonly #log: string[] = [];
  #drawnLines = 0;
  /** Of the last drawing. */
  #size = '';
  /** Lines of the table above the window. */
  #offset = 0;
  #helps = false;
  #closed = false;

  constructor(
    terminal: Terminal,
    palette: Palette,
    clock: Clock,
    {
      hint = 'q stops, ? explains',
      page,
    }: {
      /** What keys do, for the first line. */
      readonly hint?: string;
      /** Where a browser finds the page, for the last line. */
      readonly page?: string | undefined;
    } = {},
  ) {
    this.#page = page;
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
    const [columns, rows] = [this.#terminal.columns || 100, this.#terminal.rows || 40];
    const head = [...this.#head(status), ...(this.#helps ? [] : [this.#title()])];
    const log = [...this.#logLines(), ...this.#pageLine()];
    const table = this.#helps
      ? helpLines(columns - 1)
      : [...this.#cameras(status, columns - 1), ...this.#models(status)];
    const room = Math.max(1, rows - 1 - head.length - log.length);
    const lines = [...head, ...this.#window(table, room), ...log].slice(0, rows - 1);
    const text = lines.map((line) => `\u001b[2K${clip(line, columns - 1)}${this.#palette.reset}\n`).join('');
    this.#terminal.write(`${this.#toTop(`${columns}×${rows}`)}${text}\u001b[J`);
    this.#drawnLines = lines.length;
  }

  /** Moves the table by lines: down, or up if negative. The next drawing shows it. */
  scroll(by: number): void {
    this.#offset = Math.max(0, this.#offset + by);
  }

  /** Shows what the columns mean, or the table again. */
  toggleHelp(): void {
    this.#helps = !this.#helps;
    this.#offset = 0;
  }

  /** Where the drawing begins. After a change of size the old lines are broken anywhere: the whole screen is cleared. */
  #toTop(size: string): string {
    const changed = this.#size !== '' && this.#size !== size;
    this.#size = size;
    if (changed) return '\u001b[H\u001b[2J';
    return this.#drawnLines > 0 ? `\u001b[${this.#drawnLines}A\r` : '';
  }

  /** The part of the table that fits, with a line that counts what does not. */
  #window(table: readonly string[], room: number): string[] {
    if (table.length <= room) {
      this.#offset = 0;
      return [...table];
    }
    const shown = Math.max(1, room - 1);
    this.#offset = Math.min(this.#offset, table.length - shown);
    const below = table.length - shown - this.#offset;
    const { dim, reset } = this.#palette;
    const more = `${dim}${this.#offset} lines above, ${below} below: ↑ ↓ scroll${reset}`;
    return [...table.slice(this.#offset, this.#offset + shown), more];
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#terminal.write('\u001b[?25h');
  }

  #head(status: NodeStatus): string[] {
    const { bold, dim, reset } = this.#palette;
    const facts = [
      this.#hint,
      `up ${formatElapsed(status.up_ms)}`,
      `MQTT ${status.mqtt}`,
      `shared memory ${formatBytes(status.shm_bytes)}`,
    ];
    return [`${bold}vigia${reset} ${status.node}  ${dim}${facts.join(' · ')}${reset}`, ''];
  }

  #title(): string {
    const { dim, reset } = this.#palette;
    const ages = `${fit('AGE p50', AGE + 2, 'right')}${fit('p99', AGE, 'right')}`;
    return `${dim}${fit('CAMERA', NAME)}${fit('STATE', STATE)}${fit('FPS', FPS, 'right')}${ages}  ${fit('SEES', SEES)}DROPPED${reset}`;
  }

  #cameras(status: NodeStatus, width: number): string[] {
    const lines: string[] = [];
    for (const [id, camera] of worstFirst(status)) {
      const { report, answers, message } = camera;
      lines.push(this.#camera(id, camera), ...this.#reason(report.state === 'live' ? null : message, width));
      for (const [name, consumer] of Object.entries(report.consumers)) {
        lines.push(this.#consumer(`${id}/${name}`, consumer, consumerState(report, consumer), answers[name]));
        lines.push(...this.#reason(consumer.reason, width));
      }
    }
    return [...lines, ''];
  }

  #camera(id: string, { report }: CameraStatus): string {
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
    // The columns of the consumers show the format of the stream instead, if it is known.
    const live = report.state === 'live';
    const sends = live
      ? `  ${dim}${fit(streamText(report), AGE * 2 + 2 + SEES)}${reset}${lost}${mainText(report)}`
      : '';
    return `${bold}${fit(id, NAME)}${reset}${this.#state(report.state)}${fit(fps, FPS, 'right')}${sends}`;
  }

  /** Why something is as it is, whole: no column cuts it. */
  #reason(text: string | null, width: number): string[] {
    const { yellow, reset } = this.#palette;
    if (text === null || text === '') return [];
    return wrap(text, width - INDENT.length).map((line) => `${INDENT}${yellow}${line}${reset}`);
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
    const notes = [
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

  #pageLine(): string[] {
    const { bold, reset } = this.#palette;
    return this.#page === undefined ? [] : [`${bold}${this.#page}${reset}`];
  }

  #logLines(): string[] {
    return this.#log.map((line) => `${this.#palette.dim}${line}`);
  }

  #state(state: string): string {
    return `${colourOf(state, this.#palette)}${fit(state, STATE)}${this.#palette.reset}`;
  }
}

function helpLines(width: number): string[] {
  return HELP.flatMap(([term, text]) =>
    wrap(text, width - TERM).map((line, n) => `${(n === 0 ? term : '').padEnd(TERM)}${line}`),
  );
}

/** Cameras that need somebody first, each kind in the order of the configuration. */
function worstFirst({ cameras }: NodeStatus): (readonly [string, CameraStatus])[] {
  const rank = ({ report }: CameraStatus): number => {
    if (report.state !== 'live') return 0;
    return Object.values(report.consumers).some(({ state }) => state !== 'running') ? 1 : 2;
  };
  return Object.entries(cameras).toSorted(([, a], [, b]) => rank(a) - rank(b));
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
