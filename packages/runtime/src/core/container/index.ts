export { askContainer, type ContainerAnswer } from './ask-container.ts';
