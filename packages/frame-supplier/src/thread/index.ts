export { openThreadReader, type ThreadFrameReader } from './thread-frame-reader.ts';
export { ThreadFrameServer, type ThreadFrameServerOptions, type ThreadSeatHandle } from './thread-frame-server.ts';
export { WAKE_FANOUT, WAKE_LIST_BYTES, WakeList } from './wake-list.ts';
