// The child's end of a channel, which ends where a request says.
import { openParentChannel, SILENT, systemClock } from '@vigia/base';
import { WORDS } from './channel-words.mjs';

const die = () => process.kill(process.pid, 'SIGKILL');
const turn = () => new Promise((resolve) => setImmediate(resolve));

const channel = openParentChannel({
  clock: systemClock,
  speaks: SILENT,
  hears: WORDS,
  onProblem: () => undefined,
  handlers: {
    requests: {
      end: async ({ at, value }) => {
        if (at === 'as the handler starts') die();
        await turn();
        if (at === 'while the handler waits') die();
        if (at === 'by a throw nobody catches')
          setImmediate(() => {
            throw new Error('on purpose');
          });
        if (at === 'with an exit code') setImmediate(() => process.exit(3));
        if (at === 'by disconnecting') setImmediate(() => process.disconnect());
        if (at === 'by standing still') process.kill(process.pid, 'SIGSTOP');
        if (at === 'after nonsense') {
          for (const nonsense of [1, null, 'x', { type: 'reply', id: 'x' }, { type: 'refusal', id: 1, code: 7 }])
            process.send?.(nonsense);
          setImmediate(die);
          await turn();
          await turn();
        }
        if (at === 'as the reply leaves') setImmediate(die);
        if (at === 'after the reply has left') setImmediate(() => void channel.flushed().then(die));
        return value * 2;
      },
    },
    notices: { heard: () => undefined },
  },
});
process.send?.({ type: 'ready' });
