import { fileURLToPath } from 'node:url';

/** The Python package. */
const SDK = fileURLToPath(new URL('../../../sdk/python', import.meta.url));

/** The Python version of process-reader.ts. */
const SOURCE = `
import json, sys, time
sys.path.insert(0, sys.argv[1])
from vigia import FrameReader

seqs, ns = [], []
with FrameReader.attach(sys.argv[2], "bench", wake=sys.argv[3]) as reader:
    for frame in reader:
        ns.append(time.monotonic_ns())
        seqs.append(frame.seq)
print(json.dumps({"seqs": seqs, "ns": ns}))
`;

/** Arguments for python3: a reader that prints its frames. */
export function pythonReaderArguments(socketPath: string, wake: string): string[] {
  return ['-c', SOURCE, SDK, socketPath, wake];
}
