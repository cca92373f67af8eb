export { HttpPoster, type PostAddress, type PostAnswer } from './http-poster.ts';
