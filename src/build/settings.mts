// `npm run settings`: writes the settings of the editor into package.json from the table in src/shared/settings.ts.
import { readFileSync, writeFileSync } from 'node:fs';
import { configurationProperties, restrictedConfigurations } from '../shared/settingsManifest.ts';

const file = new URL('../../package.json', import.meta.url);
const manifest = JSON.parse(readFileSync(file, 'utf8')) as {
  capabilities: { untrustedWorkspaces: { restrictedConfigurations: unknown } };
  contributes: { configuration: { properties: unknown } };
};
manifest.capabilities.untrustedWorkspaces.restrictedConfigurations = restrictedConfigurations();
manifest.contributes.configuration.properties = configurationProperties();
writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
