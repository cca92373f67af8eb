export { FarReader } from './far-reader.ts';
export { FrameRing, type FrameRingOptions, type Rendition } from './frame-ring.ts';
export { ReaderPage, ReaderPageView } from './reader-page.ts';
export type { Seat, SeatLink, SeatReport, SeatResults } from './seat.ts';
export { SeatReader, type SeatReaderOptions, type SeatReaderStatistics } from './seat-reader.ts';
export { SeatTableWriter, SeatView } from './seat-table.ts';
export { SharedFrame } from './shared-frame.ts';
