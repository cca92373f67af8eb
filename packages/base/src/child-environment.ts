/** Variables that programs need to run at all, to find libraries, and to use the machine. None of them is a secret. */
const ALLOWED: ReadonlySet<string> = new Set(
  (
    'PATH HOME USER LOGNAME LANG LANGUAGE TZ TMPDIR XDG_RUNTIME_DIR VIGIA_RUN_DIR ' +
    'LD_LIBRARY_PATH LD_PRELOAD VIRTUAL_ENV CONDA_PREFIX SSL_CERT_FILE SSL_CERT_DIR ' +
    'NODE_ENV NODE_PATH NODE_EXTRA_CA_CERTS NODE_V8_COVERAGE'
  ).split(' '),
);
/** Allowed name prefixes: languages, Python, accelerators, thread pools, memory allocators. */
const FAMILIES = /^(?:LC_|PYTHON|CUDA_|NVIDIA_|LIBVA_|ORT_|OMP_|OPENBLAS_|MKL_|OPENCV_|MALLOC_)/;
/** Name patterns that suggest a secret; they override the allowed prefixes. */
const SECRET = /TOKEN|PASS|SECRET|CREDENTIAL|_KEY$/;

/** The token for servers of remote models. Only who speaks to such a server gets it. */
export const REMOTE_TOKEN = 'VIGIA_REMOTE_TOKEN';

/**
 * The environment of a child process: of this process's variables only those that any program may have, because the others
 * may be secrets.
 *
 * @param further Names of variables that this child needs besides.
 */
export function childEnvironment(
  further: readonly string[] = [],
  env: NodeJS.ProcessEnv = process.env,
): NodeJS.ProcessEnv {
  const isFor = (name: string): boolean =>
    further.includes(name) || ALLOWED.has(name) || (FAMILIES.test(name) && !SECRET.test(name));
  return Object.fromEntries(Object.entries(env).filter(([name]) => isFor(name)));
}
