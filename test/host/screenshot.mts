// `npm run screenshot`: takes the README's picture of the panel from a real workbench and a real run.
import path from 'node:path';
import { bridgeExtension, root } from './harness/server.ts';
import { Workbench } from './harness/workbench.ts';

const sample = 'penguins.csv';
const workbench = await Workbench.start(
  {
    release: 'newest',
    workspace: path.join(root, 'media/samples'),
    settings: {
      'workbench.colorTheme': 'Dark Modern',
      'editor.minimap.enabled': false,
      'window.commandCenter': false,
    },
  },
  { width: 1600, height: 1000 },
);
try {
  await workbench.develop([root, bridgeExtension]);
  await workbench.open();
  await workbench.explorerRow(sample).dblclick();
  await workbench.page.locator('.monaco-editor .view-line').first().waitFor();
  await workbench.chooseFromMenu(sample, 'Train Convex Network');
  await (await workbench.input(`${sample} (1/2)`)).press('Enter');
  await (await workbench.input(`${sample} (2/2)`)).press('Enter');
  await workbench.panel.locator('.status-words.muted').waitFor({ timeout: 300_000 });
  await workbench.server.bridge.evaluate(async (vscode) => {
    await vscode.commands.executeCommand('vscode.setEditorLayout', {
      orientation: 0,
      groups: [{ size: 0.28 }, { size: 0.72 }],
    });
    await vscode.commands.executeCommand('notifications.clearAll');
  });
  await workbench.page.mouse.move(1590, 240); // where nothing answers to a pointer
  await workbench.page.waitForTimeout(1_500); // scroll bars fade, charts are drawn again
  const file = path.join(root, 'media/screenshot.png');
  await workbench.page.screenshot({ path: file, clip: { x: 0, y: 30, width: 1600, height: 970 } }); // without the title bar
  console.log(file);
} finally {
  await workbench.close();
}
