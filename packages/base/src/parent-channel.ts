import type { ChildProcess } from 'node:child_process';
import { Channel, type ChannelOptions, type ChannelPort } from './channel.ts';
import type { Vocabulary } from './channel-protocol.ts';

/** The IPC channel that Node gives a forked process and its parent. */
export function ipcPort(
  end: Pick<ChildProcess, 'connected'> & { send?: ChildProcess['send'] | undefined },
): ChannelPort {
  return {
    send: (message, done) => {
      if (!end.connected || !end.send) {
        done(new Error('it is not connected'));
        return;
      }
      try {
        end.send(message, undefined, undefined, done);
      } catch (error) {
        // A value that cannot be copied between processes.
        done(error instanceof Error ? error : new Error(String(error)));
      }
    },
  };
}

/** Opens a child's end of the channel to the process that forked it. It closes when the parent disconnects. */
export function openParentChannel<Out extends Vocabulary, In extends Vocabulary>(
  options: Omit<ChannelOptions<Out, In>, 'peer' | 'port'>,
): Channel<Out, In> {
  const channel = new Channel<Out, In>({
    ...options,
    peer: 'the parent',
    port: ipcPort(process),
  });
  process.on('message', (message: unknown) => {
    if (!isLifecycle(message)) channel.receive(message);
  });
  process.once('disconnect', () => channel.close('the parent is gone'));
  return channel;
}

/** Messages that concern the process itself: `ready` from the child, `stop` from its parent. */
export function isLifecycle(message: unknown): message is { readonly type: 'ready' | 'stop' } {
  if (typeof message !== 'object' || message === null || !('type' in message)) return false;
  return message.type === 'ready' || message.type === 'stop';
}
