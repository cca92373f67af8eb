export { ParameterSetWatch } from './parameter-set-watch.ts';
export { AT_ONCE, UnitInspector } from './unit-inspector.ts';
