import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import type { SoakRun } from '../soak-run.ts';
import { OTHER_USER } from './folder-cases.ts';

const PYTHON = '/usr/bin/python3';

/** What the other user does in a folder that everybody may write to, as lines of Python. `base` is that folder. */
export const SQUATS: Readonly<Record<string, string>> = {
  'the folder of all nodes': 'os.mkdir(f"{base}/vigia", 0o777)',
  'the same, closed': 'os.mkdir(f"{base}/vigia", 0o700)',
  'the run directory too': 'os.makedirs(f"{base}/vigia/hostile", 0o777)',
  'a link to a folder of theirs': 'os.mkdir(f"{base}/theirs", 0o777); os.symlink(f"{base}/theirs", f"{base}/vigia")',
  'a link to nowhere': 'os.symlink("/nowhere/at/all", f"{base}/vigia")',
  'a file in its place': 'open(f"{base}/vigia", "w").write("x")',
  'a socket that says all is well': `
os.makedirs(f"{base}/vigia/hostile", 0o777)
listen(f"{base}/vigia/hostile/control.sock")`,
  'files that name a process': `
os.makedirs(f"{base}/vigia/hostile/workers", 0o777)
ticks = open(f"/proc/{victim}/stat").read().rsplit(")", 1)[1].split()[19]
open(f"{base}/vigia/hostile/workers/calm.{victim}.{ticks}", "w")
open(f"{base}/vigia/hostile/supervisor.pid", "w").write(f"{victim} {ticks} hostile\\n")`,
};

const PRELUDE = `
import os, socket, sys, threading
os.umask(0)
base, victim = sys.argv[1], sys.argv[2]
BODY = b'{"status":"ok","problems":[]}'
REPLY = b"HTTP/1.1 200 OK\\r\\nContent-Type: application/json\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(BODY) + BODY
def serve(server):
    while True:
        client, _ = server.accept()
        client.recv(65536)
        client.sendall(REPLY)
        client.close()
def listen(path):
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    os.chmod(path, 0o777)
    server.listen()
    threading.Thread(target=serve, args=(server,), daemon=True).start()
`;

/** Lets another user do something, and stay. Resolves when it is done. Ends with the run. @param victim A process. */
export async function asOther(run: SoakRun, base: string, deed: string, victim: number): Promise<ChildProcess> {
  const script = `${PRELUDE}${deed}\nprint("done", flush=True)\nsys.stdin.read()\n`;
  const child = spawn(PYTHON, ['-c', script, base, String(victim)], {
    uid: OTHER_USER,
    gid: OTHER_USER,
    stdio: ['pipe', 'pipe', 'inherit'],
    cwd: '/',
  });
  run.scope.defer(() => void child.kill('SIGKILL'));
  await once(child.stdout ?? child, 'data');
  return child;
}

/** A folder like /tmp: everybody may create something, and remove only what is theirs. */
export function openFolder(path: string): string {
  chmodSync(path, 0o1777);
  return path;
}
