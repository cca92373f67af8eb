export { ContainerServer, type ContainerServerOptions } from './container-server.ts';
