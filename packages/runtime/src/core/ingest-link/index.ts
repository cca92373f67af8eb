export { INGEST_MEMORY, type IngestSetup, ingestSetupSchema, relaySocketPath } from './setup.ts';
export {
  INGEST_WORDS,
  type IngestCounters,
  type IngestStart,
  type IngestWords,
  NODE_TO_INGEST_WORDS,
  type NodeToIngestWords,
} from './words.ts';
