// Rules of this project for no-restricted-syntax; eslint.config.mjs says where they hold.
export const nameExports = { selector: 'ExportDefaultDeclaration', message: 'Name what you export.' };

/**
 * The parts of `vscode.window` that show no text of ours. All others show text, which may come from data: they are called in
 * src/host/ui.ts alone, where every text is made plain (docs/safety.md).
 */
const showsNoText =
  'tabGroups|activeTextEditor|visibleTextEditors|showTextDocument|registerTreeDataProvider|registerWebviewPanelSerializer|on[A-Z]\\w*';
const throughUi = 'Text is shown through src/host/ui.ts, which makes it plain: it may come from data.';
export const shownText = [
  `MemberExpression[object.object.name='vscode'][object.property.name='window'][property.name!=/^(${showsNoText})$/]`,
  "MemberExpression[object.name='vscode'][property.name='window']:not(MemberExpression > MemberExpression)",
  "MemberExpression[object.object.name='vscode'][object.property.name='window'][computed=true]",
  "MemberExpression[object.name='vscode'][computed=true]",
  "VariableDeclarator[init.name='vscode']",
  'NewExpression[callee.property.name=/^(MarkdownString|TreeItem|Hover|Diagnostic)$/]',
  'AssignmentExpression[left.property.name=/^(title|placeholder|prompt|validationMessage|tooltip|text|label|description|detail)$/]',
  "ImportDeclaration[source.value='vscode'][importKind!='type'] > ImportSpecifier",
].map((selector) => ({ selector, message: throughUi }));
