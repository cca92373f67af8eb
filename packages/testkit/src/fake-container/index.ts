export { FakeContainer, type FakeContainerCounts, type FakeContainerOptions } from './fake-container.ts';
export { FAKE_MANNERS, type FakeManner } from './manners.ts';
