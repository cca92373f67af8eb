export { loadRecordings, MANNERS_FOLDER, type Recordings } from './load-manners.ts';
export {
  type MannersErrorCode,
  parseRecordedReply,
  type RecordedKind,
  type RecordedReply,
} from './recorded-reply.ts';
export { type VendorFacts, VendorManners } from './vendor-manners.ts';
