/** A network file that cannot be used; the message names the place and the reason in one sentence. */
export class NetworkError extends Error {
  override readonly name = 'NetworkError';
}
