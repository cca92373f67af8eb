import { conformance } from './conformance/suite.ts';
import { openLoop } from './conformance/loop-subject.ts';
import { openProcesses } from './conformance/process-subject.ts';
import { openThreads } from './conformance/thread-subject.ts';

conformance('in one loop', openLoop, { remote: false, runs: 200 });
conformance('worker threads that block', () => openThreads(true), { remote: true, runs: 60 });
conformance('worker threads that keep their loop', () => openThreads(false), { remote: true, runs: 60 });
conformance('processes that block', () => openProcesses('node', 'futex'), { remote: true, runs: 60 });
conformance('processes that keep their loop', () => openProcesses('node', 'socket'), { remote: true, runs: 60 });
conformance('Python processes on a futex', () => openProcesses('python', 'futex'), { remote: true, runs: 60 });
conformance('Python processes on a socket', () => openProcesses('python', 'socket'), { remote: true, runs: 60 });
