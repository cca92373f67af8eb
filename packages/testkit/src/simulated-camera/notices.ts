/** An event worth logging. */
export type CameraNotice =
  | { readonly type: 'connected' | 'disconnected'; readonly client: string }
  /** `fault` is the requested text. */
  | { readonly type: 'fault_began' | 'fault_ended'; readonly fault: string }
  /** A fault has ended by itself: a reboot. */
  | { readonly type: 'fault_over'; readonly fault: string }
  /** After a fault the port could not be opened again. */
  | { readonly type: 'port_lost'; readonly message: string };
