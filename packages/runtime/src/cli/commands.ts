import type { AlarmOutcome, LogQuery, Severity } from '@vigia/contracts';
import type { Command, Commands } from './command.ts';
import { MODELS_OPTIONS } from './models-options.ts';
import { USERS_OPTIONS } from './users-options.ts';

const CONFIG = { type: 'string', short: 'c', about: 'the configuration', value: 'file' } as const;
const NODE = { type: 'string', about: 'which running node', value: 'node' } as const;
/** Of commands that ask a running node. */
const WHICH = { node: NODE, config: { ...CONFIG, about: "take the node's name from a configuration" } } as const;
const JSON_LINES = { type: 'boolean', about: 'one JSON object per line' } as const;
const RUN = {
  for: { type: 'string', about: 'stop after this time, such as 30s' },
  report: { type: 'string', about: 'write a report at the end', value: 'file' },
  json: JSON_LINES,
} as const;
// Written out: a short command need not load the schemas.
const LEVELS: readonly LogQuery['level'][] = ['debug', 'info', 'warn', 'error'];
const OUTCOMES: readonly AlarmOutcome[] = ['helped_up', 'no_pain', 'injured', 'doctor_called', 'not_a_fall', 'other'];
const SEVERITIES: readonly Severity[] = ['info', 'notice', 'warning', 'alarm'];
const SHELLS = ['bash', 'zsh', 'fish'] as const;

const DEMO: Command = {
  about: 'try it: simulated camera, person detector, MQTT broker',
  example: 'demo',
  options: {
    clip: { type: 'string', about: 'another video', value: 'file' },
    'mqtt-port': { type: 'string', about: 'port of the broker' },
    'http-port': { type: 'string', about: 'port of the HTTP API' },
    'rtsp-port': { type: 'string', about: 'port of the camera' },
    ...RUN,
  },
  words: [0, 0],
  run: async (values) => (await import('./demo-command.ts')).demoCommand(values),
};

const EVENTS: Command = {
  about: 'what happened, also before the last restart',
  example: 'events [--follow]',
  options: {
    ...WHICH,
    after: { type: 'string', about: 'only events stored after this id' },
    before: { type: 'string', about: 'only events stored before this id' },
    camera: { type: 'string', about: 'of one camera' },
    kind: { type: 'string', about: 'of these kinds' },
    severity: { type: 'string', about: 'of this severity and above', value: SEVERITIES },
    from: { type: 'string', about: 'from this time on' },
    to: { type: 'string', about: 'before this time' },
    limit: { type: 'string', about: 'at most so many' },
    follow: { type: 'boolean', about: 'continue with what happens' },
    json: JSON_LINES,
  },
  words: [0, 0],
  run: async (values) => (await import('./node-commands.ts')).eventsCommand(values),
};

const LOGS: Command = {
  about: 'the latest log lines of the running node',
  example: 'logs [--follow]',
  options: {
    ...WHICH,
    level: { type: 'string', about: 'this level and above', value: LEVELS },
    limit: { type: 'string', about: 'at most so many' },
    follow: { type: 'boolean', about: 'continue with what is logged' },
    json: JSON_LINES,
  },
  words: [0, 0],
  run: async (values) => (await import('./logs-command.ts')).logsCommand(values),
};

const TIMES = {
  from: { type: 'string', about: 'from this time on' },
  to: { type: 'string', about: 'until this time' },
} as const;

const RECORDINGS: Command = {
  about: 'what was recorded; mark an event; rebuild the index',
  example: 'recordings list|mark|…',
  options: { ...WHICH, ...TIMES, json: { type: 'boolean', about: 'as JSON' } },
  words: [0, 2],
  arguments: [['list', 'mark', 'rebuild'], 'text'],
  run: async (values, words) => (await import('./recordings-command.ts')).recordingsCommand(values, words),
};

const EXPORT: Command = {
  about: 'save footage of a camera with its events and SHA-256',
  example: 'export CAMERA … out.mp4',
  options: { ...WHICH, ...TIMES, force: { type: 'boolean', about: 'replace files that are there' } },
  words: [2, 2],
  arguments: ['text', 'file'],
  run: async (values, words) => (await import('./export-command.ts')).exportCommand(values, words),
};

const RULES: Command = {
  about: 'what a rule says of a clip, or of stored results',
  example: 'rules test --clip FILE',
  options: {
    rule: { type: 'string', about: 'which rule: fall (default), bed or visits', value: ['fall', 'bed', 'visits'] },
    ...TIMES,
    clip: { type: 'string', about: 'a video file', value: 'file' },
    out: { type: 'string', about: 'a folder for a picture and a table', value: 'file' },
    config: { ...CONFIG, about: 'zones and model of one of its cameras' },
    camera: { type: 'string', about: 'which camera' },
    model: { type: 'string', about: 'another model' },
    fps: { type: 'string', about: 'results a second' },
    size: { type: 'string', about: 'size of its pictures, such as 1920x1080' },
    node: WHICH.node,
    json: JSON_LINES,
  },
  words: [1, 1],
  arguments: [['test', 'replay']],
  run: async (values, words) => (await import('./rules-command.ts')).rulesCommand(values, words),
};

/** Every command. Parsing, the list of commands in the help, and completion read this table. */
export const COMMANDS: Commands = {
  demo: DEMO,
  run: {
    about: 'watch the cameras of a configuration (./vigia.yml)',
    example: 'run [-c FILE]',
    options: { config: CONFIG, ...RUN },
    words: [0, 0],
    run: async (values) => (await import('./run-command.ts')).runCommand(values),
  },
  check: {
    about: 'validate a configuration; print what it needs',
    example: 'check [-c FILE]',
    options: { config: CONFIG, diff: { type: 'boolean', about: 'what it would change' }, node: NODE },
    words: [0, 0],
    run: async (values) => (await import('./check-command.ts')).checkCommand(values),
  },
  config: {
    about: 'write what was changed at runtime into the file',
    example: 'config save [-c FILE]',
    options: { config: CONFIG },
    words: [1, 1],
    arguments: [['save']],
    run: async (values, words) => (await import('./config-command.ts')).configCommand(values, words),
  },
  status: {
    about: 'what the running node does: problems, cameras, models',
    example: 'status [--watch]',
    options: {
      ...WHICH,
      watch: { type: 'boolean', about: 'keep showing it' },
      json: { type: 'boolean', about: 'the whole status as JSON' },
    },
    words: [0, 0],
    run: async (values) => (await import('./status-command.ts')).statusCommand(values),
  },
  logs: LOGS,
  events: EVENTS,
  health: {
    about: 'exit code 1 while a critical consumer gives no results',
    example: 'health',
    options: WHICH,
    words: [0, 0],
    run: async (values) => (await import('./node-commands.ts')).healthCommand(values),
  },
  acknowledge: {
    about: 'somebody knows of an alarm: do not repeat it',
    example: 'acknowledge EVENT',
    options: {
      ...WHICH,
      outcome: { type: 'string', about: 'what was found', value: OUTCOMES },
      note: { type: 'string', about: 'the same in your words' },
    },
    words: [1, 1],
    run: async (values, words) => (await import('./node-commands.ts')).acknowledgeCommand(values, words),
  },
  snapshot: {
    about: 'save a picture of a camera with its detections',
    example: 'snapshot CAMERA out.jpg',
    options: { ...WHICH, bare: { type: 'boolean', about: 'without boxes' } },
    words: [2, 2],
    arguments: ['text', 'file'],
    run: async (values, words) => (await import('./node-commands.ts')).snapshotCommand(values, words),
  },
  recordings: RECORDINGS,
  export: EXPORT,
  reload: {
    about: 'apply the changes of the configuration file',
    example: 'reload',
    options: WHICH,
    words: [0, 0],
    run: async (values) => (await import('./node-commands.ts')).reloadCommand(values),
  },
  restart: {
    about: "restart a camera's process, or one worker",
    example: 'restart CAMERA[/CONSUMER]',
    options: WHICH,
    words: [1, 1],
    run: async (values, words) => (await import('./node-commands.ts')).restartCommand(values, words),
  },
  stop: {
    about: 'end the running node',
    example: 'stop',
    options: WHICH,
    words: [0, 0],
    run: async (values) => (await import('./stop-command.ts')).stopCommand(values),
  },
  models: {
    about: 'list, add and verify models',
    example: 'models list|add|…',
    options: MODELS_OPTIONS,
    words: [1, 2],
    arguments: [['list', 'show', 'add', 'pull', 'verify', 'remove'], 'file'],
    run: async (values, words) => (await import('./models-command.ts')).modelsCommand(values, words),
  },
  rules: RULES,
  users: {
    about: 'who may use the API over the network',
    example: 'users list|add|…',
    options: { ...WHICH, ...USERS_OPTIONS },
    words: [1, 2],
    arguments: [['list', 'add', 'change', 'remove', 'token', 'tokens', 'revoke'], 'text'],
    run: async (values, words) => (await import('./users-command.ts')).usersCommand(values, words),
  },
  completion: {
    about: 'a script that completes commands in your shell',
    example: 'completion bash|zsh|fish',
    options: {},
    words: [1, 1],
    arguments: [SHELLS],
    run: async (_values, words) => (await import('./completion-command.ts')).completionCommand(words, COMMANDS),
  },
};
