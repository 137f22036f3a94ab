import { version } from '../../package.json';

/** Version of the product, written into runs and exported models. */
export const productVersion: string = version;
