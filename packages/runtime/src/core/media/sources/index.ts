export { connectSource } from './connect-source.ts';
