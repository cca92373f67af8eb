export { type ActiveFault, FaultBoard, type FaultChange } from './fault-board.ts';
export { FAULTS, type FaultArgument, type FaultKind, type FaultName, type FaultUnit } from './fault-list.ts';
export { type Fault, type FaultErrorCode, formatFault, MAX_FAULTS, parseFaults } from './parse-faults.ts';
