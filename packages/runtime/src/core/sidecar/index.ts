export { EVENTS_PAGE, type SidecarLine, type SidecarSources, sidecarLines } from './sidecar.ts';
