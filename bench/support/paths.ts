import { fileURLToPath } from 'node:url';

/** The built `vigia`. */
export const VIGIA: string = fileURLToPath(import.meta.resolve('@vigia/runtime/dist/main.js'));
/** The clip that every benchmark plays: 20 s, 768×576, 10 fps, pedestrians. */
export const CLIP: string = fileURLToPath(import.meta.resolve('@vigia/runtime/assets/pedestrians.mp4'));
/** The simulated camera as a program. */
export const SIMULATED_CAMERA: string = fileURLToPath(import.meta.resolve('@vigia/testkit/simulated-camera'));
