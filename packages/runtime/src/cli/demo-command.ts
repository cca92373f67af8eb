import { runDemo } from './demo.ts';
import { port, runOptions, text, type Values } from './options.ts';

/** `vigia demo`. */
export async function demoCommand(values: Values): Promise<number> {
  return runDemo({
    ...runOptions(values),
    clip: text(values, 'clip'),
    mqttPort: port(values, 'mqtt-port'),
    httpPort: port(values, 'http-port'),
    rtspPort: port(values, 'rtsp-port'),
  });
}
