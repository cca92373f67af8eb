export type { Colours } from './colours.ts';
export {
  type Sighting,
  Tracker,
  TRACKER_DEFAULTS,
  type TrackEnd,
  type TrackerOptions,
  type TrackerUpdate,
  type TrackView,
} from './tracker.ts';
