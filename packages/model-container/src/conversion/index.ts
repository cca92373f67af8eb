export { convertGraphModel, type GraphCut, type GraphModel } from './convert.ts';
